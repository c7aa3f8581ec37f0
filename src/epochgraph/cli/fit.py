"""`epochgraph fit`."""

from pathlib import Path
from typing import Annotated, Literal

import typer

import epochgraph
from epochgraph.cli.options import GOOD, Rises, Seed, Store, Target, Task, Unfinished
from epochgraph.cli.output import finish, note
from epochgraph.errors import SettingError


def fit(
    store: Store,
    out: Annotated[Path, typer.Option("--out", "-o", help="Where to write the predictor (.skops).")],
    up_to: Annotated[float, typer.Option(help="The last epoch to look at.")],
    task: Task = "regression",
    threshold: Annotated[
        float | None,
        typer.Option(help=f"{GOOD}. Needed for classification; for regression, what `predict` takes if given none."),
    ] = None,
    method: Annotated[
        Literal["svm", "mlp", "trees"], typer.Option(help="svm and mlp are the paper's; trees suit many features.")
    ] = "trees",
    curve: Annotated[
        bool, typer.Option("--curve", help="Also look at the validation accuracies and training losses.")
    ] = False,
    look_at: Annotated[
        list[str] | None,
        typer.Option(help="Another metric to look at, such as validation_loss; repeat it for more."),
    ] = None,
    groups: Annotated[
        str | None,
        typer.Option(help="A setting, such as learning_rate: promises then hold for new values of it."),
    ] = None,
    target: Target = "test_accuracy",
    direction: Rises = None,
    unfinished: Unfinished = "refuse",
    seed: Seed = 0,
) -> None:
    """Learn from finished runs to predict how others will end, from their first epochs.

    It also learns how accurate the predictor is: each run is held out once, with all runs of the same `--groups`, and
    the errors on held-out runs give the intervals and decisions of `predict`.

    The target may be any metric. A loss, error or perplexity falls as runs get better, an accuracy rises; for metrics
    with other names, give `--direction`. Runs that were stopped early have no end to learn from: the command names
    them, and stops unless `--unfinished` says what to do.

    Example: `epochgraph fit store -o lenet.skops --up-to 3 --threshold 0.4 --groups learning_rate`
    """
    if task == "classification" and threshold is None:
        raise SettingError("--threshold", None, "given for classification")
    learned = epochgraph.fit(
        store,
        out=out,
        up_to=up_to,
        task=task,
        threshold=threshold,
        method=method,
        curve=curve,
        look_at=look_at or (),
        groups=groups,
        target=target,
        direction=direction,
        unfinished=unfinished,
        seed=seed,
    )
    note(*learned.notes, learned.summary())
    finish(learned)
