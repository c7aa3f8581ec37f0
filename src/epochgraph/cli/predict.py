"""`epochgraph fit` and `epochgraph predict`."""

from dataclasses import asdict
from pathlib import Path

from rich.table import Table

from epochgraph.cli.output import console, notes, print_json
from epochgraph.cli.stored import finished_runs, runs_to_tell
from epochgraph.cli.wiring import WiringOptions
from epochgraph.errors import SettingError
from epochgraph.extraction import extraction
from epochgraph.predictors import (
    Method,
    Predictor,
    SignatureClassifier,
    SignatureRegressor,
    Task,
    labels,
    predict_runs,
    read_predictor,
    write_predictor,
)


def fit(
    store: Path,
    out: Path,
    *,
    up_to: float,
    task: Task,
    threshold: float | None,
    method: Method,
    target: str,
    seed: int,
) -> None:
    """Learn from finished runs."""
    runs = finished_runs(store, target)
    accuracies = [run.final_accuracy(target) for run in runs]
    signatures = [run.signature for run in runs]
    estimator: SignatureClassifier | SignatureRegressor
    if task == "classification":
        if threshold is None:
            raise SettingError("--threshold", None, "given for classification")
        estimator = SignatureClassifier(method, up_to=up_to, random_state=seed)
        estimator.fit(signatures, labels(accuracies, threshold))
    else:
        estimator = SignatureRegressor(method, up_to=up_to, random_state=seed).fit(signatures, accuracies)
    trained_on = {"runs": len(runs), "target": target, "lowest": min(accuracies), "highest": max(accuracies)}
    predictor = Predictor(estimator, threshold, extraction(runs[0].settings).settings(), trained_on)
    write_predictor(predictor, out)
    notes.print(
        f"fitted on {len(runs)} runs, whose {target} is from {min(accuracies):.3g} to {max(accuracies):.3g}: {out}"
    )


def predict(path: Path, predictor: Path, options: WiringOptions, *, as_json: bool) -> None:
    """Tell how runs will end."""
    fitted = read_predictor(predictor)
    runs = runs_to_tell(path, extraction(fitted.extraction), options)
    told = predict_runs(fitted, [item.signature for item in runs], [item.name for item in runs])
    if as_json:
        print_json([asdict(prediction) for prediction in told])
        return
    table = Table("run", "told accuracy", "chance of a good end", "told end", box=None, header_style="bold")
    for prediction in told:
        accuracy = "" if prediction.accuracy is None else f"{prediction.accuracy:.3f}"
        chance = "" if prediction.p_good is None else f"{prediction.p_good:.0%}"
        end = "" if prediction.good is None else ("[green]good[/]" if prediction.good else "[red]bad[/]")
        table.add_row(prediction.run, accuracy, chance, end)
    console.print(table)
