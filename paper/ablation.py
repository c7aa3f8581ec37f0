"""Which features of the graphs add to what is known without them, and which carry over to new architectures?"""

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
from epochgraph.predictors.shipped import SHIPPED_EPOCHS
from epochgraph.predictors.views import (
    Concatenated,
    Selected,
    View,
    changes_between_epochs,
    folded,
    pooled_changes,
)
from epochgraph.runs import Recording, Run, read_stored_runs
from epochgraph.signature import Signature
from epochgraph.signature.names import CHANGES as CHANGED
from epochgraph.signature.names import LEVELS, FeatureChoice, FeatureName
from epochgraph.signature.statistics import STATISTICS
from paper.added import BOTH, LEAST, PROTOCOLS, RATES, UNITS
from paper.differences import (
    MANY,
    RESAMPLES,
    Difference,
    HeldOutErrors,
    different,
    error_table,
    paired_difference,
)
from paper.panels import BLUE, FAINT, GREEN, INK, legend_below, panels
from paper.populations import FAMILY, Population, on_cifar, united
from paper.results import Result
from paper.scoring import Progress, scored
from paper.views import Transformed, minus_initial

RATE = "learning_rate"
CHANGES, WITH_FOLDED = "changes", "changes, batch norms folded"
OF_GRAPH, OF_PARTS, SHIPPED = "changes of the whole graph", "changes, of each part too", "changes between epochs"
EDGES = "changes of the edges"
RANKS = "ranks"
"""The measure of the features that only this comparison has."""

BESIDE, ALONE = f"Beside {BOTH}, less these", ", alone"
SHOWN_AT = {0.25: BLUE, 1.0: INK, 3.0: GREEN}
"""The epochs of the picture and of the comparison without other information, and their colours."""

Gains = Mapping[float, Mapping[str, Difference]]
"""By epoch and kind of features."""

NOTE = f"""Mean absolute error of the final test accuracy in accuracy points, from forests of extremely randomised
trees; lower is better. Each row is one kind of features, at all snapshots so far. `levels` are the paper's five
statistics of degrees and eigenvector centralities; in the next row, each has its initial value subtracted. Changes are
the angle that the vector of a measure has turned and the logarithm of the ratio of its norms, and that of the largest
eigenvalue, since the start and since the last snapshot. `changes of ranks` is one minus Spearman's correlation of the
nodes with their earlier values, from values of 16 bits. `{EDGES}` is how far the weights of all edges have moved,
without any measure of nodes. `{CHANGES}` has whole graph, thirds by depth and edges, as in `added`; `{SHIPPED}` is what
the shipped predictors see of these. Batch norms are included only in `{WITH_FOLDED}`. Differences are on the same runs,
below zero where the features help; in brackets is their 95 % interval, from {RESAMPLES} samples with replacement of
whole learning rates of each population, or of architectures. Bold differences exclude zero and rest on at least {MANY}
of them: with fewer, the interval is too narrow. One in twenty would be bold by chance. Runs are split into folds
once."""


def ablation(populations: Sequence[Population], *, jobs: int, progress: Progress | None = None) -> Result:
    """What each kind of features adds to curve and hyper-parameters, and how well it alone predicts new architectures.

    Args:
        populations: Those with fewer than `LEAST` runs, or without a file that has their node values, are left out.
        jobs: Processes.
        progress: Called after each kind, epoch and protocol of each population.

    Raises:
        SettingError: None is left.
    """
    prepared = (_prepared(one, one.source) for one in populations if len(one.runs) >= LEAST and one.source is not None)
    usable = [one for one in prepared if one is not None]
    if not usable:
        expected = f"one of {LEAST} runs, with a file that has their node values"
        raise SettingError("populations", [one.name for one in populations], expected)
    known = (learning_curve, hyper_parameters)
    beside = _forests(
        {BOTH: Concatenated(known)} | {kind: Concatenated((*known, view)) for kind, view in kinds().items()}
    )
    alone = _forests({kind + ALONE: view for kind, view in {"learning curve": learning_curve, **kinds()}.items()})
    pools = [(population.runs, RATE, beside, SHIPPED_EPOCHS) for population in usable]
    if different([population.runs[0] for population in on_cifar(usable)], FAMILY) > 1:
        runs = united(usable)
        pools += [(runs, FAMILY, _of_any(beside), SHIPPED_EPOCHS), (runs, FAMILY, _of_any(alone), tuple(SHOWN_AT))]
    experiments = [
        HeldOutErrors(runs, candidate, (epoch,), groups, 1)
        for runs, groups, candidates, epochs in pools
        for candidate in candidates
        for epoch in epochs
    ]
    rows = scored(experiments, jobs=jobs, progress=progress)
    of_folds = {folds: rows[rows["folds"] == folds] for folds in PROTOCOLS if (rows["folds"] == folds).any()}
    gains = {folds: _gains(of, UNITS[folds]) for folds, of in of_folds.items()}
    tables = {f"{BESIDE}: {PROTOCOLS[folds]}": _table(of) for folds, of in gains.items()}
    tables[f"{BESIDE}: each population after one epoch, whole learning rates held out"] = _by_population(of_folds[RATE])
    if FAMILY in of_folds:
        errors = error_table(of_folds[FAMILY], [one.name for one in alone])
        tables[f"Alone: {PROTOCOLS[FAMILY]}"] = errors.rename(index=lambda name: name.removesuffix(ALONE))
    with_norms = [one.name for one in usable if any(map(_is_folded, one.runs[0].signature.names))]
    if with_norms:
        tables[f"{WITH_FOLDED}, less {CHANGES}, beside {BOTH}"] = _folding(of_folds, with_norms)
    title = "Which features of the graphs help, and which carry?"
    return Result("ablation", title, (NOTE,), tables, _scores(rows, gains), _drawn(gains))


def kinds() -> dict[str, View]:
    """The kinds of features, by the names of their rows."""
    degrees, eigenvectors, graph = ("degree",), ("eigenvector_centrality", "eigenvalue"), ("graph",)
    nodes = (*degrees, *eigenvectors)
    levels = Selected(FeatureChoice(nodes, graph, STATISTICS, LEVELS), whole_epochs=False)
    changed = {
        f"{OF_GRAPH} since the start": FeatureChoice(nodes, graph, since=("initial",)),
        f"{OF_GRAPH} since the last snapshot": FeatureChoice(nodes, graph, since=("previous",)),
        OF_GRAPH: FeatureChoice(nodes, graph, since=CHANGED),
        f"{OF_GRAPH}, degrees": FeatureChoice(degrees, graph, since=CHANGED),
        f"{OF_GRAPH}, eigenvector centralities": FeatureChoice(eigenvectors, graph, since=CHANGED),
        "changes of ranks": FeatureChoice((RANKS,), since=CHANGED),
        EDGES: FeatureChoice(("weights",), graph, since=CHANGED),
        OF_PARTS: FeatureChoice((*nodes, "weights"), ("graph", "depth", "part"), since=CHANGED),
    }
    return {
        "levels": levels,
        "levels less their start": Transformed(levels, minus_initial),
        **{name: Selected(choice, whole_epochs=False) for name, choice in changed.items()},
        SHIPPED: changes_between_epochs,
        CHANGES: pooled_changes(),
        WITH_FOLDED: Transformed(pooled_changes(), folded),
    }


def _is_folded(name: str) -> bool:
    return FeatureName.parse(name).folded


def _forests(views: Mapping[str, View]) -> list[Candidate]:
    return [Candidate(name, view, learned("regression", "trees")) for name, view in views.items()]


def _of_any(candidates: Sequence[Candidate]) -> list[Candidate]:
    """Those whose features have the same name in all architectures, unlike parts."""
    return [one for one in candidates if OF_PARTS not in one.name]


def _prepared(population: Population, source: Path) -> Population | None:
    """The runs with changes of ranks besides their other features, up to the last epoch; None without node values."""
    stored = {run.name: run for run in read_stored_runs(source)}
    if any(measure.__name__ not in stored[run.name].recordings for run in population.runs for measure in STANDARD):
        return None
    return replace(population, runs=tuple(_with_ranks(run, stored[run.name]) for run in population.runs))


def _with_ranks(run: Run, stored: Run) -> Run:
    signature = run.signature.up_to(SHIPPED_EPOCHS[-1])
    ranks = [_changes_of_ranks(stored.recordings[measure.__name__], signature.times) for measure in STANDARD]
    since = [str(FeatureName(RANKS, None, measure.__name__, when)) for measure in STANDARD for when in CHANGED]
    names, values = (*signature.names, *since), np.hstack([signature.values, *ranks])
    return replace(run, signature=Signature(signature.times, names, values, signature.diverged))


def _changes_of_ranks(recording: Recording, times: np.ndarray) -> np.ndarray:
    """One minus Spearman's correlation of node values with those of the initial and of the previous snapshot.

    Returns:
        One row per time, one column for each of the two; NaN at the start, without records, or if all nodes are equal.
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
    """By epoch and kind, the difference that it makes to what is known without weights."""
    compared = [kind for kind in kinds() if (rows["candidate"] == kind).any()]
    return {
        epoch: {kind: paired_difference(rows[rows["epoch"] == epoch], kind, BOTH, units=units) for kind in compared}
        for epoch in SHIPPED_EPOCHS
    }


def _table(gains: Gains) -> pd.DataFrame:
    """One row per kind, one column per epoch."""
    cells = {f"epoch {epoch:g}": {kind: str(gain) for kind, gain in of.items()} for epoch, of in gains.items()}
    return pd.DataFrame(cells, index=list(kinds())).fillna("-")


def _by_population(rows: pd.DataFrame) -> pd.DataFrame:
    """One row per kind, one column per population: the difference after one epoch."""
    cells = {
        str(name): [str(paired_difference(of, kind, BOTH, units=RATES)) for kind in kinds()]
        for name, of in rows[rows["epoch"] == 1].groupby("population", sort=False)
    }
    return pd.DataFrame(cells, index=list(kinds()))


def _folding(of_folds: Mapping[str, pd.DataFrame], populations: Sequence[str]) -> pd.DataFrame:
    """One row per protocol and population with batch norms, one column per epoch: the effect of folding them."""
    rows = {
        f"{name}, {PROTOCOLS[folds].partition(',')[0]}": [
            str(paired_difference(of[chosen & (of["epoch"] == epoch)], WITH_FOLDED, CHANGES, units=RATES))
            for epoch in SHIPPED_EPOCHS
        ]
        for folds, of in of_folds.items()
        for name in populations
        for chosen in [of["population"] == name]
        if chosen.any()
    }
    return pd.DataFrame.from_dict(rows, orient="index", columns=[f"epoch {epoch:g}" for epoch in SHIPPED_EPOCHS])


def _scores(rows: pd.DataFrame, gains: Mapping[str, Gains]) -> pd.DataFrame:
    """The mean error of each candidate on each population, and below these the differences over all."""
    means = rows.groupby(["folds", "population", "epoch", "candidate"], sort=False)["error"].agg(["mean", "count"])
    differences = [
        {
            "folds": folds,
            "epoch": epoch,
            "candidate": kind,
            "less": BOTH,
            "difference": gain.mean,
            "low": gain.low,
            "high": gain.high,
            "units": gain.units,
        }
        for folds, by_epoch in gains.items()
        for epoch, of in by_epoch.items()
        for kind, gain in of.items()
    ]
    return pd.concat([means.reset_index(), pd.DataFrame(differences)], ignore_index=True)


def _drawn(gains: Mapping[str, Gains]) -> Figure:
    """For each protocol and kind the difference and its interval, at three epochs."""
    names = list(kinds())
    figure = panels([PROTOCOLS[folds].replace(", ", ",\n") for folds in gains], columns=2, width=5.5, height=4.5)
    for axis, by_epoch in zip(figure.axes, gains.values(), strict=True):
        for place, (epoch, colour) in enumerate(SHOWN_AT.items()):
            of = by_epoch.get(epoch, {})
            heights = [names.index(kind) + 0.25 * (place - 1) for kind in of]
            means = np.array([gain.mean for gain in of.values()])
            ends = np.array([(gain.mean - gain.low, gain.high - gain.mean) for gain in of.values()]).reshape(-1, 2).T
            axis.errorbar(means, heights, xerr=ends, fmt="o", ms=4, lw=1.2, color=colour, label=f"epoch {epoch:g}")
        axis.axvline(0, color=FAINT, lw=1)
        axis.set_yticks(range(len(names)), names)
        axis.set_xlabel("difference of the errors, points")
    figure.axes[0].invert_yaxis()  # shared
    legend_below(figure, figure.axes[0], columns=3)
    return figure
