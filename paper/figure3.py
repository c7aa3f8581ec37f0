"""The paper's figure 3: the accuracy of the classifiers against the epoch up to which they look."""

from collections.abc import Sequence
from typing import get_args

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from epochgraph.measures import STANDARD
from epochgraph.predictors import Candidate, Method, learned
from epochgraph.predictors.curves import validation_accuracy
from epochgraph.signature.smoothing import Smoothing
from paper.panels import FAINT, GREEN, INK, RED, label_left, legend_below, panels
from paper.populations import Population
from paper.results import Result, cell
from paper.scoring import FOLDS, Experiment, Progress, scorable, scored
from paper.views import statistics_of

REPEATS = 2
"""How often folds are made: less than in the tables, for there are hundreds of points."""

METHODS: tuple[Method, ...] = ("svm", "mlp")
COLOURS = {"svm": GREEN, "mlp": RED}
STYLES = {"none": "-", "linear": "--", "exponential": ":"}
BASELINE = "validation accuracy"
TITLES = {"degree": "weighted degree", "eigenvector_centrality": "eigenvector centrality"}

LINES = f"""Mean accuracy over {REPEATS} repetitions of {FOLDS}-fold cross-validation of the paper's signatures (five
statistics over the whole graph at each epoch), without smoothing and with both of the paper's. The black line needs no
graph: a support vector machine that sees the validation accuracy of the same epoch. The grey line is the share of the
larger class. The table shows the mean over the measures, smoothings and classifiers, none of which is chosen."""

PAPER = "The paper's own figure is a picture without numbers; its text says 80 to 95 % within ten epochs."


def figure3(
    populations: Sequence[Population], *, jobs: int, last: int = 15, progress: Progress | None = None
) -> Result:
    """Each measure, smoothing and classifier, and the validation accuracy, at each epoch.

    Args:
        populations: Those with too few runs on one side of their threshold are left out.
        jobs: Processes.
        last: The last epoch.
        progress: Called after each curve.
    """
    usable = scorable(populations)
    experiments = [
        Experiment(population, candidate, tuple(range(1, min(last, population.epochs) + 1)), repeats=REPEATS)
        for population in usable
        for candidate in _candidates()
    ]
    scores = scored(experiments, jobs=jobs, progress=progress)
    scores["larger class"] = scores["population"].map({one.name: one.larger_class for one in usable})
    table, figure = _best(scores, usable), _drawn(scores, usable)
    return Result("figure3", "Figure 3: accuracy against epochs seen", (LINES, PAPER), {"": table}, scores, figure)


def _candidates() -> tuple[Candidate, ...]:
    learnt = [
        Candidate(_name(measure.__name__, method, smoothing), statistics_of(measure.__name__, smoothing=smoothing), fit)
        for measure in STANDARD
        for method in METHODS
        for fit in [learned("classification", method)]
        for smoothing in get_args(Smoothing)
    ]
    return (*learnt, Candidate(BASELINE, validation_accuracy, learned("classification", "svm")))


def _name(measure: str, method: str, smoothing: str) -> str:
    return f"{measure}, {method}, {smoothing}"


def _accuracies(scores: pd.DataFrame, population: Population) -> pd.DataFrame:
    """One row per epoch, one column per candidate."""
    chosen = scores[(scores["population"] == population.name) & (scores["measure"] == "accuracy")]
    return chosen.pivot_table(index="epoch", columns="candidate", values="mean")


def _best(scores: pd.DataFrame, populations: Sequence[Population]) -> pd.DataFrame:
    """The first epoch at which the mean of all lines reaches 80 % and 90 %, and its maximum up to epoch 10."""
    rows = {}
    for population in populations:
        accuracies = _accuracies(scores, population)
        graphs = accuracies.drop(columns=BASELINE).mean(axis="columns")
        baseline = accuracies[BASELINE]
        rows[population.title] = {
            "80 % from epoch": _first(graphs, 0.8),
            "90 % from epoch": _first(graphs, 0.9),
            "most up to epoch 10": cell(graphs.loc[:10].max()),
            "validation accuracy: 80 % from": _first(baseline, 0.8),
            "90 % from": _first(baseline, 0.9),
            "its most up to epoch 10": cell(baseline.loc[:10].max()),
            "larger class": cell(population.larger_class),
        }
    return pd.DataFrame.from_dict(rows, orient="index")


def _first(accuracies: pd.Series, least: float) -> str:
    reached = accuracies.index[accuracies >= least]
    return f"{reached[0]:g}" if len(reached) else "-"


def _drawn(scores: pd.DataFrame, populations: Sequence[Population]) -> Figure:
    cells = [(population, measure.__name__) for population in populations for measure in STANDARD]
    titles = [f"{population.title}: {TITLES[measure]}" for population, measure in cells]
    figure = panels(titles, columns=len(STANDARD), width=5.5, height=2.9, share="row")
    for axis, (population, measure) in zip(figure.axes, cells, strict=True):
        _panel(axis, _accuracies(scores, population), population, measure)
    legend_below(figure, figure.axes[0], columns=4)
    return figure


def _panel(axis: Axes, accuracies: pd.DataFrame, population: Population, measure: str) -> None:
    for method in METHODS:
        for smoothing in get_args(Smoothing):
            line = accuracies[_name(measure, method, smoothing)]
            label = f"{method.upper()}, smoothing: {smoothing}"
            axis.plot(line.index, line, color=COLOURS[method], ls=STYLES[smoothing], lw=1.6, label=label)
    axis.plot(accuracies.index, accuracies[BASELINE], color=INK, lw=1.2, label=BASELINE)
    axis.axhline(population.larger_class, color=FAINT, lw=1, label="larger class")
    axis.set_xlabel("epochs seen")
    axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    axis.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    label_left(axis, "accuracy")
