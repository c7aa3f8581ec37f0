"""What a population of sweeps is, how it was made and what is in its file, in Markdown."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from epochgraph.runs import Run
from epochgraph.zoo.sweeps.recipe import LOOKS, SweepRecipe
from epochgraph.zoo.sweeps.summary import sweep_table

SOURCES = {
    "CIFAR-10 (JPEG)": "Krizhevsky 2009, re-encoded as JPEG: lossy, so accuracies differ from published ones",
    "Tiny ImageNet": "a subset of ImageNet, for non-commercial research",
    "spoken digits": "Free Spoken Digit Dataset, CC BY-SA 4.0",
    "Shakespeare": "tiny Shakespeare, public domain",
    "WikiText": "WikiText-2, CC BY-SA 3.0",
    "Python": "documentation of Python, PSF licence",
    "Adult": "UCI repository, CC BY 4.0",
    "Beijing": "UCI repository (PM2.5), CC BY 4.0",
}
"""Where the data come from, and under which licence. Neither the data nor any trained weights are in the file."""


def sweep_datasheet(runs: Sequence[Run], recipe: SweepRecipe, *, name: str, made_with: str) -> str:
    """The datasheet of some finished runs.

    Args:
        runs: The runs.
        recipe: What they are made of.
        name: Of the file.
        made_with: The machines and versions that they were trained with, as Markdown.
    """
    table = sweep_table(runs)
    planned = recipe.settings()
    complete = table["runs"].eq(pd.Series(_sizes(recipe)).reindex(table.index))
    seconds = np.array([run.metrics["core_seconds"].loc[run.metrics.index % 1 == 0].sum() for run in runs])
    recording = np.array([run.metrics["core_seconds_snapshot"].sum() for run in runs])
    tracing = np.array([run.metrics["core_seconds_trace"].iloc[0] for run in runs])
    parameters = np.array([float(run.settings["parameters"] or 0) for run in runs])
    share = recording.sum() / (seconds.sum() + recording.sum())
    hours, median, most = seconds.sum() / 3600, np.median(seconds), seconds.max()
    quarters = {name: int((table[name] >= 0.25).sum()) for name in ("near_best", "clearly_worse")}
    looks = ", ".join(f"{look:g}" for look in LOOKS)
    return f"""# {name}

{len(runs)} of the {len(planned)} runs of `{recipe.name}`, in {len(table)} sweeps; {int(complete.sum())} are complete.

{recipe.about.strip()}

| | |
|---|---|
| runs | {len(runs)}, of which {int(table["diverged"].sum())} diverged |
| parameters of a network | {parameters.min():,.0f} to {parameters.max():,.0f}, median {np.median(parameters):,.0f} |
| features of a snapshot | {len(runs[0].signature.names)} |
| training, without evaluation and snapshots | {hours:.1f} core hours; a run {median:.0f} s, at most {most:.0f} s |
| recording | {share:.0%} of training and recording; tracing {tracing.mean():.1f} s a run |
| sweeps in which a quarter of the runs is near the best | {quarters["near_best"]} of {len(table)} |
| sweeps in which a quarter of the runs is clearly worse | {quarters["clearly_worse"]} of {len(table)} |

Near the best is a run with nine tenths of the gain of its sweep's best run over an untrained network; clearly worse one
with less than three quarters of it, or one that has diverged. Seconds and hours are of processor time.

## How to read it

    from epochgraph import read_population

    population = read_population("{name}")
    population.runs, population.curves, population.features

Three tables of pandas: the settings of every run; its losses and metrics over time; what the graphs, weights, gradients
and units of its network were like. A run is recorded at {looks} of its budget, and at the end of
every epoch.
Any reader of Parquet can read the file, too: a row is a run and a moment, with columns `run`, `epoch`, `diverged`,
`metric:...`, `feature:...` and `setting:...`.

- The setting `metric` names what the runs of a sweep are compared by, and `direction` whether it rises or falls.
- `train_loss` is the mean over the steps of the epoch so far, `train_loss_since_last` over those since the last row.
- Features whose names begin with `degree`, `eigenvector_centrality` or `weights` are of the graph; `parameters`,
  `gradients` (of the last four steps) and `update` (the last step) need no graph; `units` saw 64 validation examples.
- After a run has diverged its features and losses are NaN.

## What is in it

{_counts(table)}

## Sweeps

{_markdown(table)}

## Data

{_sources(runs)}

## Trained on

{made_with}
"""


def _sizes(recipe: SweepRecipe) -> dict[str, int]:
    """How many runs each sweep has once it is complete."""
    sizes: dict[str, int] = {}
    for own in recipe.settings():
        sizes[own.sweep] = sizes.get(own.sweep, 0) + 1
    return sizes


def _counts(table: pd.DataFrame) -> str:
    """Sweeps of each task, architecture and optimiser."""
    lines = []
    for what in ("task", "architecture", "optimizer", "metric"):
        counts = table[what].value_counts().sort_index()
        lines.append(f"- {what}: " + ", ".join(f"{name} {count}" for name, count in counts.items()))
    return "\n".join(lines)


def _markdown(table: pd.DataFrame) -> str:
    columns = ["task", "architecture", "optimizer", "runs", "diverged", "metric", "best", "median", "worst"]
    head = ["sweep", *columns]
    rows = [head, ["---"] * len(head)]
    for sweep, row in table[columns].iterrows():
        rows.append([str(sweep), *(f"{value:.3g}" if isinstance(value, float) else str(value) for value in row)])
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _sources(runs: Sequence[Run]) -> str:
    names = sorted({str(run.settings["data"]) for run in runs})
    lines = [f"- {name}: {about}" for name, about in SOURCES.items()]
    return f"Tasks: {'; '.join(names)}.\n\n" + "\n".join(lines)
