"""`epochgraph fit` and `epochgraph predict`."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from epochgraph.cli.output import console, notes, print_json
from epochgraph.cli.stored import (
    StoreArgument,
    TargetOption,
    ThresholdOption,
    finished_runs,
    runs_to_tell,
)
from epochgraph.cli.wiring import InputOption, ModelOption, TopologyOption
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
    store: StoreArgument,
    out: Annotated[Path, typer.Option("--out", "-o", help="Where to write the predictor (.skops).")],
    up_to: Annotated[float, typer.Option(help="The last epoch to look at.")],
    task: Annotated[Task, typer.Option(help="Tell good from bad runs, or the accuracy itself.")] = "regression",
    threshold: ThresholdOption = None,
    method: Annotated[Method, typer.Option(help="svm and mlp are the paper's; trees suit many features.")] = "svm",
    target: TargetOption = "test_accuracy",
    seed: Annotated[int, typer.Option(help="Of the multi-layer perceptron's start.")] = 0,
) -> None:
    """Learn from finished runs how their first epochs tell their end.

    Example: `epochgraph fit store -o lenet.skops --up-to 3 --task classification --threshold 0.4`
    """
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


def predict(
    run: Annotated[Path, typer.Argument(help="A folder of checkpoints, a stored run, or a folder of stored runs.")],
    predictor: Annotated[Path, typer.Option("--predictor", "-p", help="The predictor, from `fit`.")],
    topology: TopologyOption = None,
    model: ModelOption = None,
    input_shape: InputOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON list with an object for each run.")] = False,
) -> None:
    """Tell how a run will end, from its first checkpoints.

    The signature is extracted as the predictor's own runs were; give the same topology as for them.

    Example: `epochgraph predict sweep/12 -p lenet.skops --topology lenet.json --json`
    """
    fitted = read_predictor(predictor)
    runs = runs_to_tell(run, extraction(fitted.extraction), topology, model, input_shape)
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
