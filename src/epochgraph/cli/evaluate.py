"""`epochgraph evaluate`."""

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pandas as pd
from rich.table import Table

from epochgraph.cli.batch import Batch
from epochgraph.cli.output import console, notes, print_json, progress_bar
from epochgraph.cli.stored import Unfinished, finished_runs
from epochgraph.evaluation import Protocol, cross_validated
from epochgraph.predictors import candidates_for

TITLES = {
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced accuracy",
    "roc_auc": "area under ROC",
    "r2": "R²",
    "mean_absolute_error": "mean absolute error",
    "kendall_tau": "Kendall's τ",
}


def run(store: Path, protocol: Protocol, epochs: Sequence[float], *, unfinished: Unfinished, as_json: bool) -> None:
    """Cross-validate on stored runs.

    Raises:
        BatchError: Some of the stored runs cannot be read; the scores are of the others.
        EpochgraphError: As for reading and evaluating.
    """
    batch = Batch()
    runs, target = finished_runs(store, protocol.target, batch, unfinished)
    protocol, epochs = replace(protocol, target=target), tuple(dict.fromkeys(epochs))
    candidates, left_out = candidates_for(protocol.task, runs, target, min(epochs))
    for metric in dict.fromkeys(left_out.values()):
        names = ", ".join(name for name, missing in left_out.items() if missing == metric)
        notes.print(f"left out, as not all runs have {metric}: {names}", markup=False, highlight=False)
    with progress_bar() as progress:
        bar = progress.add_task("fits")
        table = cross_validated(
            candidates,
            runs,
            protocol,
            epochs=epochs,
            progress=lambda done, total: progress.update(bar, completed=done, total=total),
        )
    if as_json:
        print_json(table.to_dict(orient="records"))
    else:
        for epoch in epochs:
            scores_table(table[table["epoch"] == epoch], f"{len(runs)} runs, up to epoch {epoch:g}")
    batch.finish()


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
