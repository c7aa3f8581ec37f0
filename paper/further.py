"""What do measures of layers and of whole graphs predict, alone and beside those of nodes?"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from epochgraph.errors import SettingError, UnreadableFileError
from epochgraph.measures import SUMMARIES
from epochgraph.predictors import Candidate, learned, without_graphs
from epochgraph.predictors.tables import feature_table
from epochgraph.predictors.views import Concatenated, Selected, View
from epochgraph.runs import Run, read_stored_runs
from epochgraph.signature.names import LEVELS, Column, FeatureChoice, FeatureName
from paper.differences import RESAMPLES, HeldOutErrors, error_table, paired_difference
from paper.panels import BLUE, FAINT, GREEN, INK, RED, YELLOW, label_left, legend_below, panels
from paper.populations import Population
from paper.results import Result
from paper.scoring import FOLDS, Progress, scored

FOLDER = "further"
"""The folder beside the populations with files of further features of their runs, under the same names."""

COMPARED_EPOCHS = (0.0, 0.25, 0.5, 1.0, 2.0, 3.0, 5.0)
REPEATS = 2
GROUPS = "learning_rate"
OF_NODES = {"degree": ("degree",), "eigenvector": ("eigenvector_centrality", "eigenvalue")}
OTHERS = {summary.__name__.replace("_", " "): (summary.__name__,) for summary in SUMMARIES}
BOTH, ALL = "degree and eigenvector", "all four"
COLOURS = dict(zip((*OF_NODES, *OTHERS), (INK, FAINT, BLUE, RED, GREEN, YELLOW), strict=True))

NOTE = f"""Mean absolute error of the final test accuracy, predicted from the first epochs, in accuracy points; lower is
better. Forests of extremely randomised trees on all snapshots so far, of the whole graph and of each part; {REPEATS}
repetitions of {FOLDS} folds, each with whole learning rates held out. They look at the changes since the initial
network or, where a row says so, at levels, the numbers themselves. For each snapshot, degree and eigenvector have two
changes per part, layer fluctuation and neural persistence one; spectral gap and normalised cut have one in total.
Differences are on the same runs, below zero where the first is better. In brackets is their 95 % interval, from
{RESAMPLES} samples of whole learning rates with replacement; bold differences exclude zero."""


@dataclass(frozen=True, slots=True)
class _Levels:
    """One measure's numbers at every snapshot except the initial one; before the first step, at that one."""

    measure: str

    def __call__(self, runs: Sequence[Run], epoch: float) -> pd.DataFrame:
        choice = FeatureChoice((self.measure,), summaries=("mean", "value"), since=LEVELS)
        if epoch > 0:
            return Selected(choice, whole_epochs=False)(runs, epoch)
        table = feature_table([run.signature for run in runs], up_to=epoch)
        return table[[name for name in table.columns if FeatureName.parse(Column.parse(name).name) in choice]]


def further(populations: Sequence[Population], *, jobs: int, progress: Progress | None = None) -> Result:
    """Errors of each measure's levels and changes, alone and beside those of nodes, and their paired differences.

    Args:
        populations: Those without further features, in a file of their name in the folder `FOLDER`, are left out.
        jobs: Processes.
        progress: Called after each candidate and epoch of each population.

    Raises:
        SettingError: None of them has further features.
        UnreadableFileError: They do not belong to the runs.
    """
    files = {one.source.parent / FOLDER / one.source.name: one for one in populations if one.source is not None}
    usable = [_joined(one, path) for path, one in files.items() if path.exists()]
    if not usable:
        raise SettingError("populations", [*map(str, files)], "files of further features; at least one of these")
    experiments = [
        HeldOutErrors(population.runs, candidate, (epoch,), GROUPS, REPEATS)
        for population in usable
        for epoch in COMPARED_EPOCHS
        for candidate in compared_candidates()
        if epoch > 0 or candidate.name.endswith(("levels", "accuracy"))
    ]
    rows = scored(experiments, jobs=jobs, progress=progress)
    tables = {}
    for population in usable:
        of = rows[rows["population"] == population.name]
        tables[population.title] = error_table(of, [candidate.name for candidate in compared_candidates()])
        tables[f"Paired differences, {population.name}"] = _differences(of)
    title = "What do measures of layers and of whole graphs predict?"
    return Result("further", title, (NOTE,), tables, rows, _drawn(rows, usable))


def compared_candidates() -> tuple[Candidate, ...]:
    """What is compared."""
    changes: dict[str, View] = {name: _changes(*names) for name, names in OF_NODES.items()}
    changes[BOTH] = _changes(*OF_NODES["degree"], *OF_NODES["eigenvector"])
    changes |= {name: _changes(*names) for name, names in OTHERS.items()}
    changes[ALL] = _changes(*(name for names in OTHERS.values() for name in names))
    views = dict(changes)
    views |= {f"both with {name}": Concatenated((changes[BOTH], changes[name])) for name in (*OTHERS, ALL)}
    views |= {f"{name}, levels": _Levels(*names) for name, names in OTHERS.items()}
    trees = learned("regression", "trees")
    return (without_graphs("regression")[0], *(Candidate(name, view, trees) for name, view in views.items()))


def _changes(*names: str) -> View:
    """How some measures have changed since the start, over the whole graph and each part, at every snapshot."""
    return Selected(FeatureChoice(names, ("graph", "part"), since=("initial",)), whole_epochs=False)


def _joined(population: Population, path: Path) -> Population:
    """The runs for which a file has further features, with these added to their own."""
    further = {run.name: run.signature for run in read_stored_runs(path)}
    runs = []
    for run in population.runs:
        if run.name not in further:
            continue
        more = further[run.name]
        own = run.signature.up_to(more.times[-1])
        if not np.array_equal(own.times, more.times):
            found = f"run {run.name!r} has other snapshots there than in its population"
            raise UnreadableFileError(path, found, "Extract it from all checkpoints up to some epoch.")
        values = np.hstack([own.values, more.values])
        runs.append(replace(run, signature=replace(own, names=(*own.names, *more.names), values=values)))
    return replace(population, runs=tuple(runs))


def _differences(rows: pd.DataFrame) -> pd.DataFrame:
    """One row per pair of candidates, one column per epoch."""
    pairs = {f"{name} less degree": (name, "degree") for name in (*OTHERS, ALL)}
    pairs |= {f"{BOTH}: with {name} less without": (f"both with {name}", BOTH) for name in (*OTHERS, ALL)}
    cells = {
        f"epoch {epoch:g}": [str(paired_difference(of, *pair, units=[GROUPS])) for pair in pairs.values()]
        for epoch, of in rows[rows["epoch"] > 0].groupby("epoch")
    }
    return pd.DataFrame(cells, index=list(pairs))


def _drawn(rows: pd.DataFrame, populations: Sequence[Population]) -> Figure:
    """For each population the error of each measure's changes alone."""
    figure = panels([population.title for population in populations], columns=2, width=6.5, height=3.2)
    epochs = [epoch for epoch in COMPARED_EPOCHS if epoch > 0]
    for axis, population in zip(figure.axes, populations, strict=True):
        of = rows[rows["population"] == population.name]
        errors = of.pivot_table(index="epoch", columns="candidate", values="error").loc[epochs]
        for name, colour in COLOURS.items():
            axis.plot(epochs, errors[name], color=colour, lw=1.8, marker="o", ms=3.5, label=name)
        axis.set_xscale("log", base=2)
        axis.set_xticks(epochs, [f"{epoch:g}" for epoch in epochs])
        axis.minorticks_off()
        axis.set_xlabel("epochs seen")
        label_left(axis, "mean absolute error, points")
    figure.axes[0].set_ylim(bottom=0)
    legend_below(figure, figure.axes[0], columns=3)
    return figure
