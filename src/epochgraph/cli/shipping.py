"""`epochgraph zoo fit`: apart from the other commands of the zoo, which have no use for what it imports."""

from pathlib import Path

from epochgraph.cli.output import console, progress_bar
from epochgraph.reproduction.populations import read_populations
from epochgraph.reproduction.shipping import ship


def fit(zoos: Path, out: Path) -> None:
    """Fit the package's predictors on a folder of populations."""
    populations = read_populations(zoos)
    with progress_bar() as progress:
        task = progress.add_task("predictors")
        paths = ship(populations, out, progress=lambda done, total: progress.update(task, completed=done, total=total))
    console.print(f"{len(paths) - 1} predictors and their card: {paths[-1]}", markup=False, highlight=False)
