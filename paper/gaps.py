"""Why are our figures lower than the paper's? Its signatures in table 2, with one thing changed at a time."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.stats import binomtest

from epochgraph.errors import SettingError
from epochgraph.evaluation import Protocol, held_out
from epochgraph.predictors import Candidate, Method, labels, learned
from epochgraph.predictors.views import Selected, View
from epochgraph.signature.names import CHANGES as CHANGED
from epochgraph.signature.names import Column, FeatureChoice, FeatureName
from epochgraph.signature.statistics import STATISTICS
from paper.figure3 import METHODS
from paper.populations import Population, of_one_width
from paper.reported import CIFAR, TABLE_2
from paper.results import Result, cell
from paper.scoring import FOLDS, Progress, scorable, scored
from paper.tables import REPEATS
from paper.views import Transformed, minus_initial, statistics_of

ROLLED = {"rolled degree": "degree", "rolled eigenvector": "eigenvector_centrality"}
CLEAR = 0.25
"""Ends at least this share of the threshold away from it are called clear: 10 points from 40 %."""

DIFFERENT = "What is different here"
OURS = "ours"
SAME_RUNS = LATER, MINUS_INITIAL, CHANGES = "after all epochs", "less its start", "changes"
OTHER_RUNS = CLEAR_ENDS, LENETS = "clear ends", "as many LeNets"

NOTE = f"""Where the paper's own figure for one of its signatures is higher than ours in table 2, ours is computed again
with one thing changed. `{OURS}`: as in table 2, with the 95 % interval for this number of runs (Wilson's). `{LATER}`:
the signature extends to the last epoch. `{MINUS_INITIAL}`: each of its five statistics minus its initial value; every
run here begins with different weights. `{CHANGES}`: instead of the statistics of the measure, the angle that its values
have turned and the logarithm of the ratio of their norms, since the start and since the last snapshot. Accuracy, and in
brackets balanced accuracy, by which the table says which of these three raises it most: the best of three flatters.
Random folds, {REPEATS} times. The other columns are about other runs, whose number follows. `{CLEAR_ENDS}`: those that
end at least {CLEAR:.0%} of the threshold away from it, predicted as before. `{LENETS}`: the same number of good and bad
runs, drawn {REPEATS} times from the LeNets, after as many epochs: the effect of few runs and an early look."""

START = """How much of a signature still depends on the random initial weights: over the runs of a population, the rank
correlation of each of the five statistics at the last epoch seen with its initial value, averaged. Near 1, the runs are
still in their initial order."""


class _Score(NamedTuple):
    """How often the ends of some runs are predicted correctly."""

    variant: str
    accuracy: float
    balanced_accuracy: float  # NaN if all end alike
    runs: int


@dataclass(frozen=True, slots=True)
class _Cell:
    """One cell of table 2 that is also in the paper.

    Attributes:
        population: The column.
        signature: What is looked at, by its name in `ROLLED`.
        method: What predicts from it.
        lenets: The runs to draw equally many from; None for the LeNets themselves.
    """

    population: Population
    signature: str
    method: Method
    lenets: Population | None

    @property
    def name(self) -> str:
        """The name of the row."""
        return f"{self.signature} {self.method.upper()}"

    @property
    def paper(self) -> float:
        """The paper's accuracy."""
        return float(TABLE_2[self.name, self.population.kind])

    def scores(self) -> pd.DataFrame:
        """Our row, one minus the initial values, and if ours is lower than the paper's, one per other change."""
        hits, truth = self._hits(self.population, self._view)
        rows = [_score(OURS, hits, truth)]
        if round(rows[0].accuracy, 2) < self.paper:
            rows += self._changed(hits, truth)
        rows.append(_score(MINUS_INITIAL, *self._hits(self.population, Transformed(self._view, minus_initial))))
        cell = {"population": self.population.name, "cell": self.name, "paper": self.paper}
        return pd.DataFrame([cell | row._asdict() for row in rows])

    def _changed(self, hits: np.ndarray, truth: np.ndarray) -> Iterator[_Score]:
        population = self.population
        yield _score(LATER, *self._hits(population, self._view, epoch=population.epochs))
        changes = Selected(FeatureChoice((ROLLED[self.signature],), ("graph",), since=CHANGED))
        yield _score(CHANGES, *self._hits(population, changes))
        clear = [not near for near in _near(population)]
        yield _score(CLEAR_ENDS, hits[:, clear], truth[clear])
        if self.lenets is not None:
            samples = [_sampled(self.lenets, population, seed) for seed in range(REPEATS)]
            found = [self._hits(one, self._view, epoch=population.seen, seed=seed) for seed, one in enumerate(samples)]
            yield _score(LENETS, np.vstack([hits for hits, _ in found]), found[0][1])

    @property
    def _view(self) -> View:
        return statistics_of(ROLLED[self.signature])

    def _hits(
        self, population: Population, view: View, *, epoch: float | None = None, seed: int | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Whether each run (a column) is predicted correctly in each repetition (a row), and whether it ends well.

        With a seed, the folds are made once.
        """
        truth = labels([run.final_accuracy() for run in population.runs], population.threshold)
        repeats = REPEATS if seed is None else 1
        protocol = Protocol(
            task="classification", threshold=population.threshold, folds=FOLDS, repeats=repeats, seed=seed or 0
        )
        candidate = Candidate(self.name, view, learned("classification", self.method))
        predicted = held_out(candidate, population.runs, protocol, epoch=epoch or population.seen)
        return predicted == truth, truth


def gaps(populations: Sequence[Population], *, jobs: int, progress: Progress | None = None) -> Result:
    """The signatures of table 2 that are lower than in the paper, with one thing changed at a time.

    Args:
        populations: Those that table 2 leaves out are left out here, too; so are those that the paper's lacks.
        jobs: Processes.
        progress: Called after each cell.

    Raises:
        SettingError: The paper has none of them.
    """
    usable = scorable(of_one_width(populations))
    lenets = next((one for one in usable if one.kind == (CIFAR, "LeNet")), None)
    cells = [
        _Cell(population, signature, method, None if population == lenets else lenets)
        for population in usable
        for signature in ROLLED
        for method in METHODS
        if (f"{signature} {method.upper()}", population.kind) in TABLE_2
    ]
    if not cells:
        raise SettingError("populations", [one.name for one in populations], "one that the paper's table 2 has")
    scores = scored(cells, jobs=jobs, progress=progress)
    known = list({one.population.name: one.population for one in cells}.values())
    table = _table(scores)
    notes = (NOTE, START) if len(table) else (NOTE, START, "None is lower.")
    tables = {} if table.empty else {"Lower than the paper's": table}
    tables |= {"Less its start, where the paper has a figure": _minus_initial(scores), DIFFERENT: _circumstances(known)}
    return Result("gaps", "Where signatures predict less well than the paper's, and why", notes, tables, scores)


def _near(population: Population) -> list[bool]:
    """Whether the end of each run is close to the threshold."""
    return [abs(run.final_accuracy() / population.threshold - 1) < CLEAR for run in population.runs]


def _sampled(lenets: Population, like: Population, seed: int) -> Population:
    """As many good and bad runs of the LeNets as another population has, drawn without replacement.

    There may be fewer LeNets.
    """
    random = np.random.default_rng(seed)
    good = np.array([run.final_accuracy() >= lenets.threshold for run in lenets.runs])
    sizes = {True: like.good, False: len(like.runs) - like.good}
    places = [
        random.choice(np.flatnonzero(good == side), min(size, (good == side).sum()), replace=False)
        for side, size in sizes.items()
    ]
    return replace(lenets, runs=tuple(lenets.runs[place] for place in np.concatenate(places)))


def _score(variant: str, hits: np.ndarray, truth: np.ndarray) -> _Score:
    """A score as in table 2, from whether each run (a column) is predicted correctly in each repetition (a row)."""
    sides = [hits[:, truth == side] for side in (0, 1)]
    balanced = math.nan if any(side.size == 0 for side in sides) else float(np.mean([side.mean() for side in sides]))
    accuracy = float(hits.mean()) if hits.size else math.nan
    return _Score(variant, accuracy, balanced, hits.shape[1])


def _table(scores: pd.DataFrame) -> pd.DataFrame:
    """One row per cell that is lower than in the paper, one column per change."""
    rows = {
        f"{population}, {name}": _row(of.set_index("variant"))
        for (population, name), of in scores.groupby(["population", "cell"], sort=False)
        if CLEAR_ENDS in set(of["variant"])
    }
    return pd.DataFrame.from_dict(rows, orient="index")


def _row(by_variant: pd.DataFrame) -> dict[str, str]:
    """The row of one cell."""
    accuracies, balanced, runs = (by_variant[of].to_dict() for of in ("accuracy", "balanced_accuracy", "runs"))
    shown = {name: f"{cell(accuracies[name])} ({cell(balanced[name])})" for name in accuracies}
    shown |= {name: f"{shown[name]}, {runs[name]}" if name in shown else "-" for name in OTHER_RUNS}
    interval = binomtest(round(accuracies[OURS] * runs[OURS]), runs[OURS]).proportion_ci(method="wilson")
    gains = {name: balanced[name] - balanced[OURS] for name in SAME_RUNS}
    best = max(gains, key=lambda name: gains[name])
    return {
        "paper": cell(by_variant["paper"].iloc[0]),
        OURS: f"{shown[OURS]}, {cell(interval.low)} to {cell(interval.high)}",
        **{name: shown[name] for name in SAME_RUNS},
        "raised most by": f"{best}, {gains[best]:+.2f}" if gains[best] > 0 else "none",
        **{name: shown[name] for name in OTHER_RUNS},
    }


def _minus_initial(scores: pd.DataFrame) -> pd.DataFrame:
    """Balanced accuracies with and without the initial values: of all cells, as a choice would bias them."""
    balanced = scores.pivot_table(
        index=["population", "cell"], columns="variant", values="balanced_accuracy", sort=False
    )
    shown = balanced[[OURS, MINUS_INITIAL]].assign(difference=balanced[MINUS_INITIAL] - balanced[OURS])
    cells = shown.map(cell).assign(difference=shown["difference"].map("{:+.2f}".format))
    cells.index = [", ".join(names) for names in shown.index]
    return cells.rename_axis(columns=None)


def _circumstances(populations: Sequence[Population]) -> pd.DataFrame:
    """What may make a population harder to predict than the paper's."""
    rows = {}
    for population in populations:
        rows[population.title] = {
            "epochs seen": f"{population.seen} of {population.epochs}",
            "runs whose end is not clear": f"{np.mean(_near(population)):.0%}",
            **{
                f"{name}: correlation with its start": cell(_start_correlation(population, of))
                for name, of in ROLLED.items()
            },
        }
    return pd.DataFrame.from_dict(rows, orient="index")


def _start_correlation(population: Population, measure: str) -> float:
    """How much of a signature depends on the random initial weights; see `START`."""
    now = statistics_of(measure)(population.runs, population.seen)
    correlations = []
    for statistic in STATISTICS:
        name = str(FeatureName(measure, "graph", statistic))
        before = pd.Series([run.signature.values[0, run.signature.names.index(name)] for run in population.runs])
        after = now[str(Column(name, population.seen))].replace([np.inf, -np.inf], np.nan).reset_index(drop=True)
        correlations.append(before.corr(after, method="spearman"))
    return float(np.mean(correlations))
