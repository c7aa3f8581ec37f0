"""`epochgraph evaluate`."""

import math
from typing import Annotated

import pandas as pd
import typer
from rich.table import Table

from epochgraph.cli.output import console, print_json, progress_bar
from epochgraph.cli.stored import StoreArgument, TargetOption, ThresholdOption, finished_runs
from epochgraph.evaluation import Protocol, cross_validated
from epochgraph.predictors import Task, standard_candidates

TITLES = {
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced accuracy",
    "roc_auc": "area under ROC",
    "r2": "R²",
    "mean_absolute_error": "mean absolute error",
    "kendall_tau": "Kendall's τ",
}


def evaluate(
    store: StoreArgument,
    up_to: Annotated[list[float], typer.Option(help="The last epoch to look at; give it again for more.")],
    task: Annotated[Task, typer.Option(help="Tell good from bad runs, or the accuracy itself.")] = "classification",
    threshold: ThresholdOption = None,
    groups: Annotated[
        str | None, typer.Option(help="A setting, such as learning_rate, whose runs stay together in one fold.")
    ] = None,
    folds: Annotated[int, typer.Option(help="Parts that the runs are dealt into.")] = 5,
    repeats: Annotated[int, typer.Option(help="How often they are dealt anew.")] = 10,
    target: TargetOption = "test_accuracy",
    seed: Annotated[int, typer.Option(help="Of the dealing.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON list with an object for each figure.")] = False,
) -> None:
    """Cross-validate how well the end of stored runs is told from their first epochs, beside what needs no graph.

    The spread is over the repeats. Runs that share a learning rate are much alike, so also look at
    `--groups learning_rate`, which holds whole learning rates out.

    Example: `epochgraph evaluate store --threshold 0.4 --up-to 1 --up-to 3 --groups learning_rate`
    """
    runs = finished_runs(store, target)
    protocol = Protocol(
        task=task, threshold=threshold, folds=folds, repeats=repeats, groups=groups, seed=seed, target=target
    )
    with progress_bar() as progress:
        bar = progress.add_task("fits")
        table = cross_validated(
            standard_candidates(task),
            runs,
            protocol,
            epochs=up_to,
            progress=lambda done, total: progress.update(bar, completed=done, total=total),
        )
    if as_json:
        print_json(table.to_dict(orient="records"))
    else:
        for epoch in up_to:
            scores_table(table[table["epoch"] == epoch], f"{len(runs)} runs, up to epoch {epoch:g}")


def scores_table(scores: pd.DataFrame, title: str) -> None:
    """Print the scores of one epoch: a row a candidate, a column a measure, mean and spread."""
    measures = list(dict.fromkeys(scores["measure"]))
    table = Table("", *(TITLES[measure] for measure in measures), title=title, title_justify="left", box=None)
    for candidate, rows in scores.groupby("candidate", sort=False):
        found = rows.set_index("measure")
        cells = [_cell(found.loc[measure, "mean"], found.loc[measure, "spread"]) for measure in measures]
        table.add_row(str(candidate), *cells)
    for column in table.columns[1:]:
        column.justify = "right"
    console.print(table)
    console.print()


def _cell(mean: float, spread: float) -> str:
    if math.isnan(mean):
        return "-"
    return f"{mean:.3f}" + ("" if math.isnan(spread) else f" ± {spread:.3f}")
