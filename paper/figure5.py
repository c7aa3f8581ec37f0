"""The paper's figure 5: what graphs and measures cost, beside the training that they may save."""

from collections.abc import Sequence

import pandas as pd
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from paper.populations import Population, stopping_epoch
from paper.results import Result

COSTS = {
    "rolled graph": "seconds_rolled_graph",
    "rolled degree": "seconds_degree",
    "rolled eigenvector": "seconds_eigenvector_centrality",
    "unrolled graph": "seconds_unrolled_graph",
    "unrolled degree": "seconds_unrolled_degree",
}
"""What is timed for every snapshot, by its column among the metrics."""

EPOCH, SAVED, SPENT = "one epoch of training", "saved by stopping a doomed run", "spent on rolled signatures"
COLOURS = ("#1b7f79", "#4fa9a3", "#9bd0cc", "#c8553d", "#e3a08f", "#22313f")

NOTE = """Seconds of one core, median over all snapshots and runs, as recorded while the populations were trained (with
whatever else the machine did). Degrees are computed while their graph is built, because the same product checks that
the weights are finite: only a copy is left to time. *Saved* is the training from the epoch that table 2 looks at to the
early-stopping epoch, median over the runs that end badly; *spent* is the total cost of the rolled signatures of the
snapshots up to there, median over the runs."""


def figure5(populations: Sequence[Population]) -> Result:
    """The median time of building and measuring graphs, of an epoch, and of what early prediction may save."""
    scores = pd.DataFrame([_times(population) for population in populations])
    columns = [*COSTS, EPOCH, SAVED, SPENT]
    shown = {column: scores[column].map(_seconds).tolist() for column in columns}
    table = pd.DataFrame(shown, index=scores["population"].tolist())
    return Result("figure5", "Figure 5: what it costs", (NOTE,), {"": table}, scores, _drawn(scores))


def _times(population: Population) -> dict[str, str | float]:
    """Seconds, one row of the table."""
    snapshots = pd.concat([run.metrics[[*COSTS.values()]].dropna() for run in population.runs])
    times = {name: float(snapshots[column].median()) for name, column in COSTS.items()}
    whole = [run.metrics[run.metrics.index % 1 == 0].loc[1:] for run in population.runs]
    epoch = float(pd.concat([metrics["seconds"] for metrics in whole]).median())
    bad = [run for run in population.runs if run.final_accuracy() < population.threshold]
    left = pd.Series([max(0.0, stopping_epoch(run) - population.seen) for run in bad]).median()
    rolled = [column for name, column in COSTS.items() if name.startswith("rolled")]
    spent = pd.Series([run.metrics[rolled].loc[: population.seen].sum().sum() for run in population.runs]).median()
    return {"population": population.name, **times, EPOCH: epoch, SAVED: epoch * float(left), SPENT: float(spent)}


def _seconds(value: float) -> str:
    return f"{1000 * value:.3g} ms" if value < 1 else f"{value:.3g} s"


def _drawn(times: pd.DataFrame) -> Figure:
    figure = Figure(figsize=(11, 1.1 * len(times) + 1.6), layout="constrained")
    FigureCanvasAgg(figure)
    axis = figure.subplots()
    bars = [*COSTS, EPOCH]
    for place, (name, colour) in enumerate(zip(bars, COLOURS, strict=True)):
        axis.barh(
            [row + (place - 2.5) * 0.14 for row in range(len(times))], times[name], 0.14, color=colour, label=name
        )
    axis.set_yticks(range(len(times)), times["population"].tolist())
    axis.invert_yaxis()
    axis.set_xscale("log")
    axis.set_xlabel("seconds on one core")
    axis.spines[["top", "right"]].set_visible(False)
    figure.legend(*axis.get_legend_handles_labels(), loc="outside lower center", ncols=6, frameon=False)
    return figure
