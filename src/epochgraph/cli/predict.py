"""`epochgraph fit` and `epochgraph predict`."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.markup import escape
from rich.table import Table

from epochgraph.cli.output import console, notes, print_json
from epochgraph.cli.reading import ReadingOptions
from epochgraph.cli.stored import finished_runs, runs_to_tell
from epochgraph.cli.wiring import WiringOptions
from epochgraph.errors import SettingError
from epochgraph.extraction import extraction
from epochgraph.predictors import (
    Method,
    Prediction,
    SignatureClassifier,
    SignatureRegressor,
    Task,
    fitted,
    most_hopeful_first,
    predict_runs,
    read_predictor,
    write_predictor,
)
from epochgraph.predictors.curves import learning_curve_of_epochs
from epochgraph.predictors.shipped import EXTRACTION, shipped_predictor
from epochgraph.predictors.views import Together, signature_so_far
from epochgraph.runs import values_of

COLOURS = {"stop": "red", "continue": "green", "abstain": "yellow"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Learning:
    """The options of `fit`."""

    up_to: float
    task: Task
    threshold: float | None
    method: Method
    curve: bool
    groups: str | None
    target: str
    seed: int


def fit(store: Path, out: Path, how: Learning) -> None:
    """Learn from finished runs."""
    runs = finished_runs(store, how.target)
    accuracies = [run.final_accuracy(how.target) for run in runs]
    if how.task == "classification" and how.threshold is None:
        raise SettingError("--threshold", None, "given for classification")
    view = Together((signature_so_far, learning_curve_of_epochs)) if how.curve else signature_so_far
    kind = SignatureClassifier if how.task == "classification" else SignatureRegressor
    predictor = fitted(
        kind(how.method, random_state=how.seed),
        view(runs, how.up_to),
        accuracies,
        threshold=how.threshold,
        groups=None if how.groups is None else values_of(runs, how.groups),
        extraction=extraction(runs[0].settings).settings(),
        trained_on={"runs": len(runs), "target": how.target, "lowest": min(accuracies), "highest": max(accuracies)},
    )
    write_predictor(predictor, out)
    found = f"whose {how.target} is from {min(accuracies):.3g} to {max(accuracies):.3g}"
    notes.print(f"fitted on {len(runs)} runs, {found}: {out}", markup=False)


def predict(
    path: Path,
    predictor: Path | None,
    options: WiringOptions,
    reading: ReadingOptions,
    *,
    threshold: float | None,
    rate: float,
    hopeful_first: bool,
    as_json: bool,
) -> None:
    """Predict how runs will end."""
    if predictor is None:
        runs = runs_to_tell(path, EXTRACTION, options, reading)
        told = [predict_runs(shipped_predictor(run), [run], threshold=threshold, rate=rate)[0] for run in runs]
    else:
        given = read_predictor(predictor)
        runs = runs_to_tell(path, extraction(given.extraction), options, reading)
        told = predict_runs(given, runs, threshold=threshold, rate=rate)
    if hopeful_first:
        told = most_hopeful_first(told)
    if as_json:
        print_json(asdict(told[0]) if len(told) == 1 else [asdict(prediction) for prediction in told])
    else:
        _print(told)


def _print(told: Sequence[Prediction]) -> None:
    table = Table("run", "epoch", "predicted accuracy", "90 % interval", "chance of a good end", "decision", box=None)
    table.header_style = "bold"
    for one in told:
        accuracy = "" if one.accuracy is None else f"{one.accuracy:.3f}"
        interval = "" if one.interval is None else f"{one.interval[0]:.3f} to {one.interval[1]:.3f}"
        chance = "" if one.p_good is None else f"{one.p_good:.0%}"
        decision = f"[{COLOURS[one.decision]}]{one.decision}[/]"
        table.add_row(escape(one.run), f"{one.times[-1]:g}", accuracy, interval, chance, decision)
    console.print(table)
    thresholds = {one.threshold for one in told if one.threshold is not None}
    for threshold in thresholds:
        console.print(f"A good end is a final accuracy of {threshold:g} or more.")
    if len(told) == 1:
        console.print(f"{told[0].decision}: {told[0].reason}.")
