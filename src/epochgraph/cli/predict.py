"""`epochgraph fit` and `epochgraph predict`."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from rich.markup import escape
from rich.table import Table

from epochgraph.cli.batch import Batch
from epochgraph.cli.output import console, notes, print_json
from epochgraph.cli.reading import ReadingOptions
from epochgraph.cli.stored import Unfinished, finished_runs, runs_to_tell
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
from epochgraph.predictors.curves import CURVE, MetricsOfEpochs, learning_curve_of_epochs
from epochgraph.predictors.shipped import EXTRACTION, SHIPPED_EPOCHS, shipped_prediction, stored_predictor
from epochgraph.predictors.views import Concatenated, View, signature_so_far
from epochgraph.runs import Direction, LogOptions, Run, direction_for, values_of

COLOURS = {"stop": "red", "continue": "green", "abstain": "yellow"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Learning:
    """The options of `fit`."""

    up_to: float
    task: Task
    threshold: float | None
    method: Method
    curve: bool
    look_at: tuple[str, ...]
    groups: str | None
    target: str
    direction: Direction | None
    unfinished: Unfinished
    seed: int


def fit(store: Path, out: Path, how: Learning) -> None:
    """Learn from finished runs.

    Raises:
        BatchError: Some of the stored runs cannot be read; the predictor has learned from the others.
        EpochgraphError: As for reading and fitting.
    """
    batch = Batch()
    runs, target = finished_runs(store, how.target, batch, how.unfinished)
    direction = direction_for(target, how.direction)
    ends = [run.final_accuracy(target) for run in runs]
    _check_finite(runs, ends, target)
    if how.task == "classification" and how.threshold is None:
        raise SettingError("--threshold", None, "given for classification")
    kind = SignatureClassifier if how.task == "classification" else SignatureRegressor
    predictor = fitted(
        kind(how.method, random_state=how.seed),
        _view(how)(runs, how.up_to),
        ends,
        threshold=how.threshold,
        groups=None if how.groups is None else values_of(runs, how.groups),
        falls=direction == "falls",
        extraction=extraction(runs[0].settings).settings(),
        trained_on={
            "runs": len(runs),
            "target": target,
            "direction": direction,
            "lowest": min(ends),
            "highest": max(ends),
        },
    )
    write_predictor(predictor, out)
    found = f"whose {target} is from {min(ends):.3g} to {max(ends):.3g}"
    better = " (the lower, the better)" if direction == "falls" else ""
    notes.print(f"fitted on {len(runs)} runs, {found}{better}: {out}", markup=False)
    batch.finish()


def _view(how: Learning) -> View:
    """What the predictor looks at beside the signature."""
    curves = (learning_curve_of_epochs,) if how.curve else ()
    curve = set(CURVE) if how.curve else set()
    others = tuple(canonical for canonical in dict.fromkeys(how.look_at) if canonical not in curve)
    chosen = (*curves, MetricsOfEpochs(others)) if others else curves
    return Concatenated((signature_so_far, *chosen)) if chosen else signature_so_far


def _check_finite(runs: Sequence[Run], ends: Sequence[float], target: str) -> None:
    """Refuse an end that is no number, by the name of its run."""
    for run, end in zip(runs, ends, strict=True):
        if not math.isfinite(end):
            expected = "a number: take this run out of the store"
            raise SettingError(f"the last {target} of run {run.name!r}", end, expected)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """The options of `predict`."""

    predictor: Path | None
    threshold: float | None
    rate: float
    hopeful_first: bool
    weights_alone: bool
    logs: LogOptions
    reading: ReadingOptions
    as_json: bool


def predict(path: Path, options: WiringOptions, asked: Asking) -> None:
    """Predict how runs will end.

    Raises:
        BatchError: Some of several runs could not be predicted; the others are printed.
        EpochgraphError: As for reading and predicting.
    """
    batch = Batch()
    if asked.predictor is None:
        predictions = _shipped(path, options, asked, batch)
    else:
        predictions = _fitted(asked.predictor, path, options, asked, batch)
    if asked.hopeful_first:
        predictions = most_hopeful_first(predictions)
    if not predictions:
        batch.finish()
    if asked.as_json:
        print_json(asdict(predictions[0]) if batch.of == 1 else [asdict(prediction) for prediction in predictions])
    else:
        _print(predictions)
    batch.finish()


def _shipped(path: Path, options: WiringOptions, asked: Asking, batch: Batch) -> list[Prediction]:
    """What the predictors of the package tell of each run."""
    stored_predictor("weights", SHIPPED_EPOCHS[0]).with_threshold(asked.threshold)  # a wrong option is no run's fault
    found = runs_to_tell(path, EXTRACTION, options, batch, asked.logs, asked.reading)
    predictions = []
    for run in found.runs:
        with batch.each(run.name):
            one = shipped_prediction(run, threshold=asked.threshold, rate=asked.rate, weights_alone=asked.weights_alone)
            predictions.append(replace(one, notes=(*found.notes.get(run.name, ()), *one.notes)))
    return predictions


def _fitted(predictor: Path, path: Path, options: WiringOptions, asked: Asking, batch: Batch) -> list[Prediction]:
    """What a predictor of the user's tells of each run."""
    given = read_predictor(predictor)
    predict_runs(given, [], threshold=asked.threshold, rate=asked.rate)  # likewise
    how = extraction(given.extraction)
    found = runs_to_tell(path, how, options, batch, asked.logs, asked.reading)
    predictions = []
    for run in found.runs:
        with batch.each(run.name):
            (one,) = predict_runs(given, [run], threshold=asked.threshold, rate=asked.rate)
            predictions.append(replace(one, predictor=str(predictor), notes=found.notes.get(run.name, ())))
    return predictions


def _print(predictions: Sequence[Prediction]) -> None:
    targets = {one.target for one in predictions}
    target = targets.pop().replace("test_accuracy", "accuracy") if len(targets) == 1 else "end"
    table = Table("run", "epoch", f"predicted {target}", "90 % interval", "chance of a good end", "decision", box=None)
    table.header_style = "bold"
    for one in predictions:
        accuracy = "" if one.accuracy is None else f"{one.accuracy:.3f}"
        interval = "" if one.interval is None else f"{one.interval[0]:.3f} to {one.interval[1]:.3f}"
        chance = "" if one.p_good is None else f"{one.p_good:.0%}"
        decision = f"[{COLOURS[one.decision]}]{one.decision}[/]"
        table.add_row(escape(one.run), f"{one.times[-1]:g}", accuracy, interval, chance, decision)
    console.print(table)
    for line in looked_at(predictions):
        console.print(line, markup=False, highlight=False)
    goods = {(one.threshold, one.direction) for one in predictions if one.threshold is not None}
    for threshold, direction in goods:
        limit = "less" if direction == "falls" else "more"
        console.print(f"A good end is a final {target} of {threshold:g} or {limit}.")
    if len(predictions) == 1:
        console.print(f"{predictions[0].decision}: {predictions[0].reason}.", markup=False)


def looked_at(predictions: Sequence[Prediction]) -> list[str]:
    """What the predictions rest on: a line for each predictor, what it looked at, and what is to be known of it."""
    runs: dict[str, list[str]] = {}
    for one in predictions:
        metrics = [f"{name} at {_epochs(epochs)}" for name, epochs in one.metrics.items()]
        seen = ", ".join(["the weights", *metrics])
        by = f"{one.predictor} looked at {seen}" if one.predictor else "no predictor was needed"
        line = f"{by}{''.join(f'; {note}' for note in one.notes)}."
        runs.setdefault(line, []).append(one.run)
    if len(runs) == 1:
        return [next(iter(runs))]
    return [f"{', '.join(names)}: {line}" for line, names in runs.items()]


def _epochs(epochs: Sequence[float]) -> str:
    return f"epoch {epochs[0]:g}" if len(epochs) == 1 else f"epochs {', '.join(f'{e:g}' for e in epochs)}"
