"""`epochgraph demo`."""

from pathlib import Path

import pandas as pd
from rich.markup import escape
from rich.table import Table

from epochgraph.cli.output import console, notes, progress_bar
from epochgraph.demo import (
    SHOWN,
    DemoPopulation,
    Findings,
    check_size,
    digits_population,
    draw,
    findings,
    images_population,
    trained_runs,
)
from epochgraph.zoo.resources import usable_cores

PICTURE = "demo.png"


def run(data: Path | None, out: Path, *, runs: int, epochs: int, workers: int | None) -> None:
    """Train a population, predict the ends from the beginnings, print and draw."""
    check_size(runs, epochs)
    if data is None:
        population = digits_population(runs=runs, epochs=epochs)
    else:
        with notes.status(f"reading {escape(str(data))}"):
            population = images_population(data, runs=runs, epochs=epochs)
    folder = out / f"{'digits' if data is None else data.name.split('.')[0]}-{epochs}-epochs"
    trained = []
    with progress_bar() as progress:
        task = progress.add_task("training", total=runs)
        for finished in trained_runs(population, folder, workers=workers or usable_cores()):
            trained.append(finished)
            progress.advance(task)
        trained.sort(key=lambda finished: finished.name)
        task = progress.add_task("cross-validating")
        found = findings(trained, population, lambda done, total: progress.update(task, completed=done, total=total))
    picture = folder / PICTURE
    draw(trained, population, picture)
    _print(found, population, len(trained))
    console.print(f"Picture: {picture}\nRuns:    {folder / 'runs'}", markup=False, highlight=False)


def _print(found: Findings, population: DemoPopulation, count: int) -> None:
    console.print(f"\n[bold]{count} networks on {escape(population.name)}[/]; {found.good} of them end well", end="")
    console.print(f" (test accuracy of at least {population.recipe.threshold:.0%}).")
    console.print("How often the end is predicted correctly from the first epochs, by what other networks taught:\n")
    _print_scores(found.random, "networks held out at random")
    if found.grouped is not None:
        _print_scores(found.grouped, "whole learning rates held out")
    console.print("Accuracy ± spread over three repetitions of five-fold cross-validation.\n")


def _print_scores(scores: pd.DataFrame, title: str) -> None:
    """Print one protocol's accuracies: a row a candidate, a column an epoch."""
    accuracies = scores[scores["measure"] == "accuracy"]
    epochs = [f"epoch {epoch:g}" for epoch in accuracies["epoch"].unique()]
    table = Table(title, *epochs, box=None, header_style="bold")
    for name in SHOWN:
        rows = accuracies[accuracies["candidate"] == name]
        table.add_row(name, *(f"{row.mean:.2f} ± {row.spread:.2f}" for row in rows.itertuples()))
    for column in table.columns[1:]:
        column.justify = "right"
    console.print(table)
    console.print()
