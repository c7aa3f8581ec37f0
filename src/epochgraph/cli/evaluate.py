"""`epochgraph evaluate`."""

from typing import Annotated

import typer

import epochgraph
from epochgraph.cli.options import GOOD, Json, Rises, Seed, Store, Target, Task, Unfinished
from epochgraph.cli.output import finish, note, print_json, progress_bars, show


def evaluate(
    store: Store,
    up_to: Annotated[list[float], typer.Option(help="The last epoch to look at; give it again for more.")],
    task: Task = "classification",
    threshold: Annotated[float | None, typer.Option(help=f"{GOOD}; needed for classification.")] = None,
    groups: Annotated[
        str | None, typer.Option(help="A setting, such as learning_rate, whose runs stay together in one fold.")
    ] = None,
    folds: Annotated[int, typer.Option(help="Number of folds.")] = 5,
    repeats: Annotated[int, typer.Option(help="How often they are dealt anew.")] = 10,
    target: Target = "test_accuracy",
    direction: Rises = None,
    unfinished: Unfinished = "refuse",
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Cross-validate how well the end of stored runs is predicted from their first epochs, beside baselines.

    The baselines need no graph. The spread is over the repeats. Runs that share a learning rate are much alike, so also
    try `--groups learning_rate`, which holds whole learning rates out. `--json` prints a list with an object for each
    figure.

    Example: `epochgraph evaluate store --threshold 0.4 --up-to 1 --up-to 3 --groups learning_rate`
    """
    with progress_bars() as progress:
        found = epochgraph.evaluate(
            store,
            up_to=up_to,
            task=task,
            threshold=threshold,
            groups=groups,
            folds=folds,
            repeats=repeats,
            target=target,
            direction=direction,
            unfinished=unfinished,
            seed=seed,
            progress=progress,
        )
    note(*found.notes)
    if as_json:
        print_json(found.scores.to_dict(orient="records"))
    else:
        show(found)
    finish(found)
