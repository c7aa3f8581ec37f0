"""Sweeps replayed: what early stopping saves, and what it costs, by our decision and by the usual rules."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import ceil

import numpy as np
import pandas as pd
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from epochgraph.errors import SettingError
from epochgraph.predictors.shipped import EPOCHS
from epochgraph.reproduction.decisions import RATE, THRESHOLD, decidable, held_out_predictions
from epochgraph.reproduction.paper import CIFAR
from epochgraph.reproduction.populations import FAMILY, Population, united
from epochgraph.reproduction.results import Result
from epochgraph.reproduction.scoring import Progress, scored
from epochgraph.runs import Run

ORDERS = 500
SWEEP = 27
"""Runs of a sweep: as many as give successive halving whole rungs."""

ETA = 3
"""By how much successive halving and Hyperband cut; their usual choice."""

STARTUP = 5
"""Runs that the median rule lets finish before it stops any."""

BEST = 3
"""Runs that "one epoch, then the best" continues."""

SITUATION = "weights-and-curve"

KNOWN, NEW = "our decision, new learning rates", "our decision, new architecture"
PROTOCOLS = {KNOWN: "learning_rate", NEW: FAMILY}

NOTE = f"""Each of {ORDERS} sweeps is {SWEEP} runs of a population in random order. A run's progress is its recorded
validation accuracy; the sweep ends with the run of the best final one among those that were not stopped. "Epochs" are
those trained, as a share of training all to the end. "Regret" is what the test accuracy of that run lacks, in points,
to that of the best run of the sweep: training all has some too, for validation and test images differ. Good runs are
those of {THRESHOLD:.0%} or more. In brackets is the standard error of the mean over the sweeps.

The median rule (Golovin et al. 2017) lets the first {STARTUP} runs finish. Successive halving (Jamieson and Talwalkar
2016) and Hyperband (Li et al. 2018) keep one run of {ETA}. Our decision is asked after
{", ".join(f"{epoch:g}" for epoch in EPOCHS)} epochs, and stops what it condemns; {RATE:.0%} of the good runs are the
most that it may stop, by its promise, each time. It comes from predictors (`{SITUATION}`) that were fitted and
calibrated without the run's learning rate, or
without its whole architecture. "Then halving" halves those that it has left."""


GREY, OURS, THEIRS = "#9aa5b1", "#c8553d", "#1b7f79"
MARKS = (*zip([GREY, *[THEIRS] * 4, *[OURS] * 4], "osD^vsD^v", strict=True),)


@dataclass(frozen=True, slots=True, eq=False)
class Sweep:
    """The recorded runs of a sweep, in the order in which they are begun.

    Attributes:
        curves: Validation accuracy of each run (a row) after each whole epoch, from 1 on.
        final: Test accuracy of each run at its end.
        stopped: By the name of a rule of ours, the epoch at which it stops each run; infinity for never.
    """

    curves: np.ndarray
    final: np.ndarray
    stopped: Mapping[str, np.ndarray]

    @property
    def epochs(self) -> int:
        """That each run is trained for at most."""
        return int(self.curves.shape[1])


Rule = Callable[[Sweep], np.ndarray]
"""A sweep -> the epochs that each of its runs is trained for."""


def no_stopping(sweep: Sweep) -> np.ndarray:
    """Every run to its end."""
    return np.full(len(sweep.final), float(sweep.epochs))


def median_rule(sweep: Sweep) -> np.ndarray:
    """A run stops where its best so far is below the median of the averages so far of the runs that finished.

    References:
        Golovin et al. 2017, "Google Vizier", section 3.2.2.
    """
    averages = np.cumsum(sweep.curves, axis=1) / np.arange(1, sweep.epochs + 1)
    best = np.maximum.accumulate(sweep.curves, axis=1)
    trained = no_stopping(sweep)
    finished: list[int] = []
    for run in range(len(trained)):
        if len(finished) >= STARTUP:
            below = best[run, :-1] < np.median(averages[finished, :-1], axis=0)
            trained[run] = 1 + below.argmax() if below.any() else sweep.epochs
        if trained[run] == sweep.epochs:
            finished.append(run)
    return trained


def one_epoch_then_best(sweep: Sweep) -> np.ndarray:
    """The best after one epoch go on to the end."""
    trained = np.ones(len(sweep.final))
    trained[_best(sweep, np.arange(len(trained)), 1, BEST)] = sweep.epochs
    return trained


def successive_halving(sweep: Sweep, *, runs: np.ndarray | None = None, first: int | None = None) -> np.ndarray:
    """Of the runs the best third goes on, to three times the epochs, and so forth.

    Args:
        sweep: The runs.
        runs: The places of those that take part; None for all.
        first: The epochs of the first rung; None for those with which one run is left for the end.

    References:
        Jamieson and Talwalkar 2016, "Non-stochastic best arm identification and hyperparameter optimization".
    """
    trained = np.zeros(len(sweep.final))
    left = np.arange(len(trained)) if runs is None else runs
    cuts = int(np.log(max(1, len(left))) / np.log(ETA) + 1e-9)
    rung = max(1, round(sweep.epochs / ETA**cuts)) if first is None else first
    while len(left) > 1 and rung < sweep.epochs:
        trained[left] = rung
        left = _best(sweep, left, rung, max(1, len(left) // ETA))
        rung *= ETA
    trained[left] = sweep.epochs
    return trained


def hyperband(sweep: Sweep) -> np.ndarray:
    """The runs are dealt, in order, to brackets of successive halving with ever later first rungs.

    The brackets have the sizes of Hyperband in proportion, so that together they are the sweep.

    References:
        Li et al. 2018, "Hyperband: a novel bandit-based approach to hyperparameter optimization", algorithm 1.
    """
    last = int(np.log(sweep.epochs) / np.log(ETA) + 1e-9)
    sizes = np.array([ceil((last + 1) / (s + 1) * ETA**s) for s in range(last, -1, -1)])
    ends = np.rint(np.cumsum(sizes) / sizes.sum() * len(sweep.final)).astype(int)
    trained = np.zeros(len(sweep.final))
    for bracket, (begin, end) in enumerate(zip([0, *ends[:-1]], ends, strict=True)):
        if end > begin:
            trained += successive_halving(sweep, runs=np.arange(begin, end), first=ETA**bracket)
    return trained


@dataclass(frozen=True, slots=True)
class Ours:
    """A run stops as soon as our decision condemns it.

    Attributes:
        name: Of the decision, in `Sweep.stopped`.
        halving: Whether those that are left after one epoch are halved.
    """

    name: str
    halving: bool = False

    def __call__(self, sweep: Sweep) -> np.ndarray:
        """See `Rule`."""
        trained: np.ndarray = np.minimum(sweep.stopped[self.name], sweep.epochs)
        if self.halving:
            left = np.flatnonzero(trained > 1)
            trained[left] = np.minimum(successive_halving(sweep, runs=left)[left], trained[left])
        return trained


RULES: Mapping[str, Rule] = {
    "no stopping": no_stopping,
    "median rule": median_rule,
    "successive halving": successive_halving,
    "Hyperband": hyperband,
    f"one epoch, then the best {BEST}": one_epoch_then_best,
    KNOWN: Ours(KNOWN),
    NEW: Ours(NEW),
    f"{KNOWN}, then halving": Ours(KNOWN, halving=True),
    f"{NEW}, then halving": Ours(NEW, halving=True),
}


def _best(sweep: Sweep, runs: np.ndarray, epoch: int, count: int) -> np.ndarray:
    """The places of the best of some runs after an epoch."""
    order = np.argsort(-sweep.curves[runs, epoch - 1], kind="stable")
    return np.asarray(runs[order[:count]])


@dataclass(frozen=True, slots=True)
class _Stopped:
    """Which runs one of our decisions stops at one of its epochs."""

    runs: tuple[Run, ...]
    rule: str
    epoch: float

    def scores(self) -> pd.DataFrame:
        """A row a run that is stopped."""
        rows = [
            (self.rule, run.settings["recipe"], run.name, self.epoch)
            for run, prediction in held_out_predictions(self.runs, SITUATION, self.epoch, PROTOCOLS[self.rule])
            if prediction.decision == "stop"
        ]
        return pd.DataFrame(rows, columns=["rule", "population", "run", "epoch"])


def sweeps(populations: Sequence[Population], *, jobs: int, progress: Progress | None = None) -> Result:
    """Epochs and regret of each rule, on the populations on CIFAR-10 that are large enough.

    Args:
        populations: Those on other data, or of fewer runs than a sweep has, are left out.
        jobs: Processes.
        progress: Told after each epoch of our decisions.
    """
    large = [one for one in populations if one.kind[0] == CIFAR and len(one.runs) >= SWEEP]
    if not large:
        sizes = [len(population.runs) for population in populations]
        raise SettingError("runs of the populations", sizes, f"{SWEEP} or more on CIFAR-10, for a sweep")
    runs = united(populations)
    known = decidable(runs)
    asked = [_Stopped(runs, rule, epoch) for rule, groups in PROTOCOLS.items() if groups in known for epoch in EPOCHS]
    decided = scored(asked, jobs=jobs, progress=progress)
    rows, tables = [], {}
    for population in large:
        found = _replayed(population, decided[decided["population"] == population.name])
        tables[population.title] = _table(found)
        rows.append(found.assign(population=population.name))
    every = pd.concat(rows, ignore_index=True)
    tables = {"Mean over the populations": _table(every), **tables}
    mean = every.groupby(["population", "rule"], sort=False).mean().drop(columns="sweep").reset_index()
    return Result("sweeps", "Sweeps replayed", (NOTE,), tables, mean, _drawn(mean))


def _replayed(population: Population, decided: pd.DataFrame) -> pd.DataFrame:
    """A row a sweep and rule."""
    runs, whole = population.runs, np.arange(1, population.epochs + 1)
    first = decided.groupby(["rule", "run"])["epoch"].min().to_dict()
    stopped = {rule: np.array([first.get((rule, run.name), np.inf) for run in runs]) for rule in PROTOCOLS}
    curves = np.stack([run.metrics["validation_accuracy"].reindex(whole).to_numpy() for run in runs])
    final = np.array([run.final_accuracy() for run in runs])
    generator = np.random.default_rng(0)
    rows = []
    for number in range(ORDERS):
        order = generator.permutation(len(runs))[:SWEEP]
        ours = {rule: epochs[order] for rule, epochs in stopped.items()}
        sweep = Sweep(np.nan_to_num(curves[order]), final[order], ours)
        rows += [{"sweep": number, "rule": name, **_outcome(sweep, rule(sweep))} for name, rule in RULES.items()]
    return pd.DataFrame(rows)


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
    columns = min(3, len(names))
    lines = -(-len(names) // columns)
    figure = Figure(figsize=(4.2 * columns, 2.9 * lines + 0.9), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(lines, columns, squeeze=False)
    for axis in axes.flat[len(names) :]:
        axis.set_axis_off()
    for axis, name in zip(axes.flat, names, strict=False):
        of_population = mean[mean["population"] == name].set_index("rule")
        for rule, (colour, marker) in zip(RULES, MARKS, strict=True):
            at = of_population.loc[rule]
            axis.plot(at["epochs"], at["regret"], marker, color=colour, ms=8, label=rule, ls="", alpha=0.9)
        axis.set_title(name, loc="left", fontsize=9.5)
        axis.set_xlabel("epochs trained")
        axis.set_ylabel("regret, accuracy points")
        axis.set_xlim(0, 1.04)
        axis.set_ylim(bottom=-0.03 * axis.get_ylim()[1])
        axis.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
        axis.spines[["top", "right"]].set_visible(False)
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=3, frameon=False)
    return figure
