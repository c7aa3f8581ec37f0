"""The population of sweeps as a page: what is in it, how its sweeps went, and one picture per family."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from epochgraph.errors import UnreadableFileError
from epochgraph.files import atomic_write
from epochgraph.report.sweeps import sweeps_picture
from epochgraph.runs import Run, parquet_files, read_about, read_stored_runs
from epochgraph.zoo.population import RECIPE
from epochgraph.zoo.recipe import parse_recipe
from epochgraph.zoo.sweeps.recipe import SweepRecipe
from epochgraph.zoo.sweeps.summary import sweep_table

COMMAND = "python -m paper wild"


def of_sweeps(path: Path) -> bool:
    """Whether a file of runs is a population of sweeps."""
    text = read_about(path).get(RECIPE)
    return text is not None and isinstance(parse_recipe(text, path), SweepRecipe)


def write_page(zoos: Path, out: Path) -> list[Path]:
    """Write the page of all populations of sweeps in a folder, and its pictures.

    Returns:
        The files.

    Raises:
        UnreadableFileError: There is no such population, or it is damaged.
        OutputError: A file cannot be written.
    """
    paths = [path for path in parquet_files(zoos) if of_sweeps(path)]
    if not paths:
        raise UnreadableFileError(zoos, "it holds no population of sweeps", "Name the folder `zoos` of a checkout.")
    runs = [run for path in paths for run in read_stored_runs(path)]
    families: dict[str, list[Run]] = {}
    for run in runs:
        families.setdefault(str(run.settings["sweep"]).rsplit("-", 1)[0], []).append(run)
    pictures = []
    for family, members in families.items():
        pictures.append(out / f"{family}.png")
        sweeps = len({run.settings["sweep"] for run in members})
        sweeps_picture(
            members, f"{family}: {sweeps} {'sweep' if sweeps == 1 else 'sweeps'}, {len(members)} runs", pictures[-1]
        )
    page = out / "README.md"
    with atomic_write(page) as temporary:
        temporary.write_text(_page(runs, paths, pictures), "utf-8")
    return [page, *pictures]


def _page(runs: Sequence[Run], paths: Sequence[Path], pictures: Sequence[Path]) -> str:
    table = sweep_table(runs)
    near, worse = (int((table[name] >= 0.25).sum()) for name in ("near_best", "clearly_worse"))
    files = ", ".join(f"`zoos/{path.name}`" for path in paths)
    datasheets = ", ".join(f"`zoos/{path.stem}.md`" for path in paths)
    megabytes = sum(path.stat().st_size for path in paths) / 1e6
    text = f"""# A population of sweeps

Training as people do it, small enough for two cores: {len(runs)} runs in {len(table)} sweeps, in {files}
({megabytes:.1f} MB). Each sweep has one task, one architecture and one optimiser; its runs differ in their learning
rate and, by chance, in other hyper-parameters. Every run is recorded from its first step on: losses and metrics, the
changes of its graphs, and what its weights, gradients and units do.

    from epochgraph import read_population

    population = read_population("zoos/wild.parquet")
    population.runs, population.curves, population.features

The datasheet says how it was made and what is known of its limits: {datasheets}. This page was made by `{COMMAND}`.

| | |
|---|---|
| runs that diverged | {int(table["diverged"].sum())} of {len(runs)} |
| sweeps in which at least a quarter of the runs is near the best | {near} of {len(table)} |
| sweeps in which at least a quarter of the runs is clearly worse | {worse} of {len(table)} |

Near the best is a run with nine tenths of the gain of its sweep's best run over an untrained network; clearly worse one
with less than three quarters of it, or one that has diverged.

{_counts(table)}
"""
    for picture in pictures:
        text += f"\n## {picture.stem}\n\n![Learning curves of the sweeps of {picture.stem}]({picture.name})\n"
    return text


def _counts(table: pd.DataFrame) -> str:
    """The number of sweeps with each task, architecture and optimiser."""
    lines = ["| | sweeps |", "|---|---|"]
    for what, column in (("task", "task"), ("architecture", "architecture"), ("optimiser", "optimizer")):
        counts = table[column].value_counts().sort_index()
        lines.append(f"| {what} | {', '.join(f'{name} {count}' for name, count in counts.items())} |")
    return "\n".join(lines)
