"""Which features of the graphs add something to what is known without them, and which carry to new architectures?"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from scipy.stats import rankdata

from epochgraph.errors import SettingError
from epochgraph.measures import STANDARD
from epochgraph.predictors import Candidate, learned
from epochgraph.predictors.curves import hyper_parameters, learning_curve
from epochgraph.predictors.shipped import EPOCHS
from epochgraph.predictors.views import Folded, LessStart, Selected, Together, View, pooled_changes
from epochgraph.reproduction.added import LEAST, RATES
from epochgraph.reproduction.differences import RESAMPLES, Difference, HeldOutErrors, different, paired_difference
from epochgraph.reproduction.panels import BLUE, FAINT, GREEN, INK, legend_below, panels
from epochgraph.reproduction.populations import FAMILY, Population, on_cifar
from epochgraph.reproduction.results import Result
from epochgraph.reproduction.scoring import Progress, scored
from epochgraph.runs import Recording, Run, read_stored_runs
from epochgraph.signature import Signature
from epochgraph.signature.statistics import STATISTICS

KNOWN = "curve and hyper-parameters"
BESIDE = f"Beside {KNOWN}, less these"
LEVELS, CHANGES, PARTS = "levels", "changes", "changes, of each part too"
AT_EPOCHS = "changes, at whole epochs only"
POOLED, FOLDED = "changes, by depth too, and weights", "the same, batch norms folded"
RANKS = "ranks"
"""How the names of features begin that only this comparison has."""

PROTOCOLS = {
    "learning_rate": "whole learning rates held out, within each population",
    FAMILY: "whole architectures held out, CIFAR-10",
}
UNITS = {"learning_rate": RATES, FAMILY: (FAMILY,)}
Gains = Mapping[float, Mapping[str, Difference]]
"""By epoch and kind of features."""

DRAWN = {0.25: BLUE, 1.0: INK, 3.0: GREEN}

NOTE = f"""Mean absolute error of the final test accuracy in accuracy points, from forests of extremely randomised
trees; less is better. Each row is one kind of features of the whole graph, without its batch norms, at all snapshots so
far, unless it says otherwise. `{LEVELS}` are the paper's five statistics of degrees and eigenvector centralities; in
the next row each has its value before the first step taken away. `{CHANGES}` are the angle that the vector of a measure
has turned through and the logarithm of the ratio of its norms, since the start and since the last snapshot, and that of
the largest eigenvalue. `changes of ranks` is one less Spearman's correlation of the nodes with themselves at the start
and at the last snapshot. `weights alone` is how far all weights have moved, without any graph. `{POOLED}` has whole
graph, depth and weights: what `added` and the predictors of the package look at. Differences are of the same runs,
below zero where the features help; in brackets is their 95 % interval, from {RESAMPLES} samples with replacement of
whole learning rates of each population, or of architectures, which are too few for it to be believed. In bold, it
excludes zero."""


def ablation(populations: Sequence[Population], *, jobs: int, progress: Progress | None = None) -> Result:
    """What each kind of features changes beside curve and hyper-parameters, and predicts alone of new architectures.

    Args:
        populations: Those with fewer than `LEAST` runs, or without a file that has node values, are left out.
        jobs: Processes.
        progress: Told after each kind, epoch and protocol of each population.

    Raises:
        SettingError: None is left.
    """
    usable = [_prepared(one, one.source) for one in populations if len(one.runs) >= LEAST and one.source is not None]
    if not usable:
        raise SettingError("populations", [one.name for one in populations], f"one of {LEAST} runs, with its file")
    cifar = tuple(run for population in on_cifar(usable) for run in population.runs)
    beside, alone = _candidates()
    pools = [(population.runs, "learning_rate", beside) for population in usable]
    if cifar and different(cifar, FAMILY) > 1:
        of_any = tuple(one for one in beside + alone if PARTS not in one.name)  # parts of the same names
        pools.append((cifar, FAMILY, of_any))
    experiments = [
        HeldOutErrors(runs, candidate, (epoch,), groups, 1)
        for runs, groups, candidates in pools
        for candidate in candidates
        for epoch in EPOCHS
        if epoch >= 1 or AT_EPOCHS not in candidate.name
    ]
    rows = scored(experiments, jobs=jobs, progress=progress)
    by_rate, by_family = (rows[rows["folds"] == folds] for folds in PROTOCOLS)
    gains = {folds: _gains(of, UNITS[folds]) for folds, of in zip(PROTOCOLS, (by_rate, by_family), strict=True)}
    tables = {f"{BESIDE}: {PROTOCOLS[folds]}": _table(of) for folds, of in gains.items() if of}
    tables[f"{BESIDE}: each population after one epoch, whole learning rates held out"] = _by_population(by_rate)
    if not by_family.empty:
        tables[f"Alone: {PROTOCOLS[FAMILY]}"] = _errors(by_family, alone)
    means = rows.groupby(["folds", "population", "epoch", "candidate"], sort=False)["error"].agg(["mean", "count"])
    title = "Which features of the graphs help, and which carry?"
    return Result("ablation", title, (NOTE,), tables, means.reset_index(), _drawn(gains))


def kinds() -> dict[str, View]:
    """The kinds of features, by the names of their rows."""
    nodes, all_three = "(degree|eigenvector_centrality)", "(degree|eigenvector_centrality|eigenvalue)"
    levels = Selected(f"{nodes}/graph/({'|'.join(STATISTICS)})", whole_epochs=False)
    changed = {
        "changes since the start": f"{all_three}/graph/.*_since_initial",
        "changes since the last snapshot": f"{all_three}/graph/.*_since_previous",
        CHANGES: f"{all_three}/graph/.*_since_.*",
        "changes of degrees": "degree/graph/.*_since_.*",
        "changes of eigenvector centralities": "(eigenvector_centrality|eigenvalue)/graph/.*_since_.*",
        "changes of ranks": f"{RANKS}/.*_since_.*",
        PARTS: f"{all_three}/(graph|part:[^/]*)/.*_since_.*",
        "weights alone": "weights/graph/.*_since_.*",
    }
    views: dict[str, View] = {LEVELS: levels, f"{LEVELS} less their start": LessStart(levels)}
    views |= {name: Selected(names, whole_epochs=False) for name, names in changed.items()}
    return views | {
        AT_EPOCHS: Selected(changed[CHANGES]),
        POOLED: pooled_changes(),
        FOLDED: Folded(pooled_changes()),
    }


def _candidates() -> tuple[tuple[Candidate, ...], tuple[Candidate, ...]]:
    """Each kind beside what is known without weights, and that by itself; and each alone, and the curve."""
    trees, known = learned("regression", "trees"), (learning_curve, hyper_parameters)
    beside = {kind: Together((*known, view)) for kind, view in kinds().items()} | {KNOWN: Together(known)}
    alone = {f"{kind}, alone": view for kind, view in kinds().items()} | {"learning curve, alone": learning_curve}
    of_both = (tuple(Candidate(name, view, trees) for name, view in views.items()) for views in (beside, alone))
    return next(of_both), next(of_both)


def _prepared(population: Population, source: Path) -> Population:
    """The runs with changes of ranks beside their other features, as far as is looked at."""
    stored = {run.name: run for run in read_stored_runs(source)}
    return replace(population, runs=tuple(_with_ranks(run, stored[run.name]) for run in population.runs))


def _with_ranks(run: Run, stored: Run) -> Run:
    signature = run.signature.up_to(EPOCHS[-1])
    ranks = [_changes_of_ranks(stored.recordings[measure.__name__], signature.times) for measure in STANDARD]
    since = [f"{RANKS}/{measure.__name__}_since_{when}" for measure in STANDARD for when in ("initial", "previous")]
    names, values = (*signature.names, *since), np.hstack([signature.values, *ranks])
    return replace(run, signature=Signature(signature.times, names, values, signature.diverged))


def _changes_of_ranks(recording: Recording, times: np.ndarray) -> np.ndarray:
    """One less Spearman's correlation of node values with those of the start and of the last snapshot.

    Returns:
        A row a time, a column for each of both; NaN at the start, where nothing is recorded, or all nodes are equal.
    """
    ranks = rankdata(recording.values.astype(np.float64), axis=1)
    ranks -= ranks.mean(axis=1, keepdims=True)
    with np.errstate(invalid="ignore"):
        ranks /= np.linalg.norm(ranks, axis=1, keepdims=True)
    changes = np.full((len(recording.times), 2), np.nan)
    changes[1:, 0] = 1 - ranks[1:] @ ranks[0]
    changes[1:, 1] = 1 - (ranks[1:] * ranks[:-1]).sum(axis=1)
    return pd.DataFrame(changes, index=recording.times).reindex(times).to_numpy()


def _gains(rows: pd.DataFrame, units: Sequence[str]) -> Gains:
    """By epoch and kind the difference that it makes beside what is known without weights."""
    return {
        epoch: {
            kind: paired_difference(of, kind, KNOWN, units=units) for kind in kinds() if kind in set(of["candidate"])
        }
        for epoch in EPOCHS
        for of in [rows[rows["epoch"] == epoch]]
        if not of.empty
    }


def _table(gains: Gains) -> pd.DataFrame:
    """A row a kind, a column an epoch."""
    cells = {f"epoch {epoch:g}": {kind: str(gain) for kind, gain in of.items()} for epoch, of in gains.items()}
    return pd.DataFrame(cells, index=list(kinds())).fillna("-")


def _by_population(rows: pd.DataFrame) -> pd.DataFrame:
    """A row a kind, a column a population: the mean difference, after one epoch."""
    of_epoch = rows[rows["epoch"] == 1]
    errors = of_epoch.pivot_table(index="candidate", columns="population", values="error", sort=False)
    gains = errors.loc[list(kinds())] - errors.loc[KNOWN]
    return gains.map("{:+.1f}".format).rename_axis(index=None, columns=None)


def _errors(rows: pd.DataFrame, candidates: Sequence[Candidate]) -> pd.DataFrame:
    """A row a candidate, a column an epoch."""
    errors = rows.pivot_table(index="candidate", columns="epoch", values="error", sort=False)
    shown = errors.loc[[one.name for one in candidates if one.name in errors.index]].sort_index(axis="columns")
    cells = shown.map(lambda error: "-" if np.isnan(error) else f"{error:.1f}")
    return cells.rename(columns="epoch {:g}".format).rename_axis(index=None, columns=None)


def _drawn(gains: Mapping[str, Gains]) -> Figure:
    """For each protocol and kind the difference and its interval, at three epochs."""
    shown = {folds: of for folds, of in gains.items() if of}
    figure = panels([PROTOCOLS[folds].replace(", ", ",\n") for folds in shown], columns=2, width=5.5, height=4.5)
    for axis, by_epoch in zip(figure.axes, shown.values(), strict=True):
        for place, (epoch, colour) in enumerate(DRAWN.items()):
            of = by_epoch.get(epoch, {})
            heights = [list(kinds()).index(kind) + 0.25 * (place - 1) for kind in of]
            means = np.array([gain.mean for gain in of.values()])
            ends = np.array([(gain.mean - gain.low, gain.high - gain.mean) for gain in of.values()]).reshape(-1, 2).T
            axis.errorbar(means, heights, xerr=ends, fmt="o", ms=4, lw=1.2, color=colour, label=f"epoch {epoch:g}")
        axis.axvline(0, color=FAINT, lw=1)
        axis.set_yticks(range(len(kinds())), list(kinds()))
        axis.set_xlabel("difference of the errors, points")
    figure.axes[0].invert_yaxis()  # shared
    legend_below(figure, figure.axes[0], columns=3)
    return figure
