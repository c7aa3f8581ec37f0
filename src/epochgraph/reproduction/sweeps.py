"""Sweeps replayed: what early stopping saves, and what it costs, by our decision and by the usual rules."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from epochgraph.errors import SettingError
from epochgraph.predictors.shipped import EPOCHS
from epochgraph.reproduction.decisions import RATE, THRESHOLD, decided
from epochgraph.reproduction.panels import BLUE, FAINT, GREEN, RED, legend_below, panels
from epochgraph.reproduction.populations import FAMILY, Population, on_cifar
from epochgraph.reproduction.results import Result
from epochgraph.reproduction.rules import BEST, ETA, KNOWN, NEW, STARTUP, Sweep, Told, rules
from epochgraph.reproduction.scoring import Progress

ORDERS = 500
SWEEP = 27
"""Runs of a sweep: as many as give successive halving whole rungs."""

SITUATION = "weights-and-curve"

PROTOCOLS = {KNOWN: "learning_rate", NEW: FAMILY}

NOTE = f"""Each of {ORDERS} sweeps is {SWEEP} runs of a population in random order. A run's progress is its recorded
validation accuracy; the sweep ends with the run of the best final one among those that were not stopped. "Epochs" are
those trained, as a share of training all to the end. "Regret" is what the test accuracy of that run lacks, in points,
to that of the best run of the sweep: training all has some too, for validation and test images differ. Good runs are
those of {THRESHOLD:.0%} or more. In brackets is the standard error of the mean over the sweeps.

The median rule (Golovin et al. 2017) lets the first {STARTUP} runs finish. Successive halving (Jamieson and Talwalkar
2016) and Hyperband (Li et al. 2018) keep one run of {ETA}. Our predictor (`{SITUATION}`) is asked after
{", ".join(f"{epoch:g}" for epoch in EPOCHS)} epochs; it was fitted and calibrated without the run's learning rate, or
without its whole architecture. Our decision stops what it condemns; {RATE:.0%} of the good runs are the most that it
may stop, by its promise, each time. Our forecast beside the best so far stops what it does not expect, with 95 %, to
reach the best of the runs that have finished (predictive termination, Domhan et al. 2015). Our forecast, then the best
{BEST}, keeps one run of {ETA} after {EPOCHS[0]:g} epochs, and the best {BEST} of them by the forecast after one.

The last rule is one of seven schedules that were tried when the zoo had six such populations: that with the least
regret. Populations and runs that came later had no say in it."""

MARKS = (*zip([FAINT, *[GREEN] * 4, *[RED] * 3, *[BLUE] * 3], "osD^vsD^sD^", strict=True),)


def sweeps(
    populations: Sequence[Population],
    *,
    jobs: int,
    told: pd.DataFrame | None = None,
    progress: Progress | None = None,
) -> Result:
    """Epochs and regret of each rule, on the populations on CIFAR-10 that are large enough.

    Args:
        populations: Those on other data, or of fewer runs than a sweep has, are left out.
        jobs: Processes.
        told: What is `decided` about these populations, the scores of `decisions`; None to find it.
        progress: Told after each epoch of our decisions.
    """
    large = [population for population in on_cifar(populations) if len(population.runs) >= SWEEP]
    if not large:
        sizes = [len(population.runs) for population in populations]
        raise SettingError("runs of the populations", sizes, f"{SWEEP} or more on CIFAR-10, for a sweep")
    if told is None:
        told = decided(populations, [SITUATION], jobs=jobs, progress=progress)
    told = told[told["situation"] == SITUATION]
    rows, tables = [], {}
    for population in large:
        found = _replayed(population, told[told["population"] == population.name])
        tables[population.title] = _table(found)
        rows.append(found.assign(population=population.name))
    every = pd.concat(rows, ignore_index=True)
    tables = {"Mean over the populations": _table(every), **tables}
    mean = every.groupby(["population", "rule"], sort=False).mean().drop(columns="sweep").reset_index()
    return Result("sweeps", "Sweeps replayed", (NOTE,), tables, mean, _drawn(mean))


def _replayed(population: Population, told: pd.DataFrame) -> pd.DataFrame:
    """A row a sweep and rule."""
    runs, whole = population.runs, np.arange(1, population.epochs + 1)
    known = {
        unseen: _told(told[told["folds"] == folds], [run.name for run in runs])
        for unseen, folds in PROTOCOLS.items()
        if (told["folds"] == folds).any()
    }
    curves = np.stack([run.metrics["validation_accuracy"].reindex(whole).to_numpy() for run in runs])
    final = np.array([run.final_accuracy() for run in runs])
    generator = np.random.default_rng(0)
    rows = []
    for number in range(ORDERS):
        order = generator.permutation(len(runs))[:SWEEP]
        ours = {unseen: every.of(order) for unseen, every in known.items()}
        sweep = Sweep(np.nan_to_num(curves[order]), final[order], ours)
        rows += [{"sweep": number, "rule": name, **_outcome(sweep, rule(sweep))} for name, rule in rules(sweep).items()]
    return pd.DataFrame(rows)


def _told(rows: pd.DataFrame, runs: Sequence[str]) -> Told:
    """What rows of `decided` tell of some runs, in their order."""
    rows = rows.assign(stop=rows["decision"] == "stop", upper=rows["upper"].fillna(np.inf))
    stop, forecast, upper = (
        rows.pivot_table(index="run", columns="epoch", values=name).loc[[*runs]]
        for name in ("stop", "forecast", "upper")
    )
    return Told(stop.columns.to_numpy(), stop.to_numpy() > 0, forecast.to_numpy(), upper.to_numpy())


def _outcome(sweep: Sweep, trained: np.ndarray) -> dict[str, float]:
    """What a rule spent on a sweep, and what it missed."""
    finished, good = trained == sweep.epochs, sweep.final >= THRESHOLD
    kept = np.where(finished, sweep.curves[:, -1], -1.0)  # nothing finished: the first run, as good as any
    return {
        "epochs": trained.sum() / (len(trained) * sweep.epochs),
        "regret": 100 * (sweep.final.max() - sweep.final[kept.argmax()]),
        "good stopped": (good & ~finished).sum() / good.sum() if good.any() else np.nan,
        "best stopped": float(not finished[sweep.final.argmax()]),
    }


def _table(rows: pd.DataFrame) -> pd.DataFrame:
    """A row a rule."""
    of_rule = rows.groupby("rule", sort=False)[["epochs", "regret", "good stopped", "best stopped"]]
    mean, error = of_rule.mean(), of_rule.sem()
    return pd.DataFrame(
        {
            "epochs trained": [f"{m:.1%} ({e:.1%})" for m, e in zip(mean["epochs"], error["epochs"], strict=True)],
            "regret, points": [f"{m:.2f} ({e:.2f})" for m, e in zip(mean["regret"], error["regret"], strict=True)],
            "good runs stopped": mean["good stopped"].map("{:.0%}".format).to_list(),
            "best run stopped": mean["best stopped"].map("{:.0%}".format).to_list(),
        },
        index=mean.index.rename(None),
    )


def _drawn(mean: pd.DataFrame) -> Figure:
    """Regret against epochs, a panel a population: the lower left is best."""
    names = list(dict.fromkeys(mean["population"]))
    figure = panels(names, columns=3, width=4.2, height=2.9, share="none")
    for axis, name in zip(figure.axes, names, strict=True):
        of_population = mean[mean["population"] == name].set_index("rule")
        for (rule, at), (colour, marker) in zip(of_population.iterrows(), MARKS, strict=False):  # fewer if less is told
            axis.plot(at["epochs"], at["regret"], marker, color=colour, ms=8, label=rule, ls="", alpha=0.9)
        axis.set_xlabel("epochs trained")
        axis.set_ylabel("regret, accuracy points")
        axis.set_xlim(0, 1.04)
        axis.set_ylim(bottom=-0.03 * axis.get_ylim()[1])
        axis.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    legend_below(figure, figure.axes[0], columns=3)
    return figure
