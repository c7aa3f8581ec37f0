"""Sweeps replayed: what early stopping saves, and what it costs, by our decision and by the usual rules."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter
from scipy.stats import sem

from epochgraph.errors import SettingError
from epochgraph.predictors.shipped import EPOCHS
from epochgraph.reproduction.decisions import CURVE, RATE, THRESHOLD, HeldOut, decidable
from epochgraph.reproduction.panels import BLUE, FAINT, GREEN, RED, legend_below, panels
from epochgraph.reproduction.populations import FAMILY, Population, on_cifar, united
from epochgraph.reproduction.results import Result
from epochgraph.reproduction.rules import (
    BEST,
    CURVES_ALONE,
    ETA,
    KNOWN,
    NEW,
    NO_STOPPING,
    STARTUP,
    USUAL,
    Forecasts,
    Sweep,
    rules,
    with_budget,
)
from epochgraph.reproduction.scoring import Progress, scored

ORDERS = 500
SWEEP = 18
"""Runs of a sweep, or as many as half of the learning rates of a population have."""

LEAST = 9
"""Runs of that half, for a sweep to have something to choose from."""

DEALINGS = 4
"""Ways to deal the learning rates into halves."""

SITUATION = "weights-and-curve"

NOTE = f"""Each of {ORDERS} sweeps is {SWEEP} runs of a population in random order, all of one half of its learning
rates: of {DEALINGS} random ways to halve them, one half after the other. A half with fewer runs gives all of them, one
with less than {LEAST} none. A run's progress is its recorded validation accuracy; the sweep ends with the run of the
best final one among those that were not stopped. "Epochs" are those trained, as a share of training all to the end.
"Regret" is what the test accuracy of that run lacks, in points, to that of the best run of the sweep: training all has
some too, for validation and test images differ. Good runs are those of {THRESHOLD:.0%} or more. Beside the mean over
the populations is its standard error: they are few.

The median rule (Golovin et al. 2017) lets the first {STARTUP} runs finish. Successive halving (Jamieson and Talwalkar
2016) and Hyperband (Li et al. 2018) keep one run of {ETA}. Our predictor (`{SITUATION}`) is asked after
{", ".join(f"{epoch:g}" for epoch in EPOCHS)} epochs; it was fitted and calibrated without any run of the half of the
learning rates that the sweep is of, or without its whole architecture. Our decision stops what it condemns; {RATE:.0%}
of the good runs are the most that it may stop, by its promise, each time. Our forecast beside the best so far stops
what it does not expect, with 95 %, to reach the best of the runs that have finished (predictive termination, Domhan et
al. 2015). Best first begins all runs, and goes on with the one that may end highest; it stops by the same rule. Our
forecast, then the best {BEST}, keeps one run of {ETA} after {EPOCHS[0]:g} epochs, and the best {BEST} of them by the
forecast after one; beside it stands the same by the validation accuracy, which shows what the schedule alone saves.

The schedule of the last rule is one of seven that were tried when the zoo had six such populations: that with the least
regret. Populations and runs that came later had no say in it.

With a budget, best first goes on till that is spent, whatever it expects. In the second table it has in each sweep the
epochs that a usual rule spends on it. Shown is its mean regret and, in brackets, the mean difference to that rule's
with the standard error over the populations, and on how many it regrets no more. "{CURVES_ALONE.strip(", ")}" is the
same by a predictor that sees the learning curves alone, fitted and calibrated likewise. Best first was there before:
that the run goes on which may end highest. To go by the forecast itself was tried, too, and regretted more."""

OF = "with the epochs of"
BUDGETS = "Best first, with no more epochs in each sweep than the usual rule of the row"

MARKS = (*zip([FAINT, *[GREEN] * 5, *[RED] * 4, *[BLUE] * 4], "osD^vPsDX^sDX^", strict=True),)


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

    Raises:
        SettingError: No population is large enough, or they have too few learning rates.
    """
    large = [population for population in on_cifar(populations) if len(population.runs) >= SWEEP]
    if not large:
        sizes = [len(population.runs) for population in populations]
        raise SettingError("runs of the populations", sizes, f"{SWEEP} or more on CIFAR-10, for a sweep")
    told = _with_halves(populations, told, jobs=jobs, progress=progress)
    replays = [Replay(population, told[told["population"] == population.name]) for population in large]
    keys = ["population", OF, "rule"]
    every = (
        scored(replays, jobs=jobs).groupby(keys, sort=False, dropna=False).mean().drop(columns="sweep").reset_index()
    )
    budgets = every[OF].notna()
    mean = every[~budgets].drop(columns=OF)
    tables = {"Mean over the populations": _mean_table(mean), BUDGETS: _budget_table(mean, every[budgets])}
    tables |= {one.title: _table(mean[mean["population"] == one.name].set_index("rule")) for one in large}
    return Result("sweeps", "Sweeps replayed", (NOTE,), tables, every, _drawn(mean, every[budgets]))


def _with_halves(
    populations: Sequence[Population], told: pd.DataFrame | None, *, jobs: int, progress: Progress | None
) -> pd.DataFrame:
    """What is told of each run without its half of the learning rates, for each dealing, and without its architecture.

    In sweeps of the runs of `decisions`, which are told without their own learning rate, the predictor would have
    learned from the others of the very same sweep.
    """
    runs = united(populations)
    wanted = [
        HeldOut(runs, situation, epoch, "learning_rate", 2, seed)
        for situation in (SITUATION, CURVE)
        for seed in range(DEALINGS)
        for epoch in EPOCHS
    ]
    if FAMILY in decidable(runs):
        new = (SITUATION, CURVE) if told is None else (CURVE,)
        wanted += [HeldOut(runs, situation, epoch, FAMILY) for situation in new for epoch in EPOCHS]
    of_halves = scored(wanted, jobs=jobs, progress=progress)
    known = [] if told is None else [told[(told["situation"] == SITUATION) & (told["folds"] == FAMILY)]]
    return pd.concat([of_halves, *known], ignore_index=True)


@dataclass(frozen=True, slots=True)
class Replay:
    """The sweeps of a population: an experiment to be scored beside others.

    Attributes:
        population: Whose runs are drawn.
        told: What is told of them while they are held out.
    """

    population: Population
    told: pd.DataFrame

    def scores(self) -> pd.DataFrame:
        """A row a sweep and rule."""
        record, generator = _recorded(self.population), np.random.default_rng(0)
        graphs, curves = self._of(SITUATION), self._of(CURVE)
        rows = []
        for number in range(ORDERS):
            (places, forecasts), (_, from_curves) = graphs[number % len(graphs)], curves[number % len(curves)]
            chosen = generator.permutation(places)[:SWEEP]
            sweep = replace(record, forecasts=forecasts, from_curves=from_curves).of(chosen)
            trained = {name: _finishing(sweep, rule(sweep)) for name, rule in rules(sweep).items()}
            rows += [{"sweep": number, OF: None, "rule": name, **_outcome(sweep, of)} for name, of in trained.items()]
            rows += [
                {"sweep": number, OF: usual, "rule": name, **_outcome(sweep, _finishing(sweep, of))}
                for usual in trained
                if usual in USUAL and usual != NO_STOPPING
                for name, of in with_budget(sweep, trained[usual].sum()).items()
            ]
        return pd.DataFrame(rows).assign(population=self.population.name)

    def _of(self, situation: str) -> list[tuple[np.ndarray, Mapping[str, Forecasts]]]:
        """The places of the runs of each half that is large enough, and what is told of them, by what was not seen."""
        names = [run.name for run in self.population.runs]
        told = self.told[self.told["situation"] == situation]
        new = told[told["folds"] == FAMILY]
        of_architecture = {} if new.empty else {NEW: _told(new, names)}
        return [(places, {KNOWN: known, **of_architecture}) for places, known in _halves(told, names)]


def _recorded(population: Population) -> Sweep:
    """All runs of a population as one sweep, of which nothing is told."""
    whole = np.arange(1, population.epochs + 1)
    progress = [run.metrics["validation_accuracy"] for run in population.runs]
    curves = np.stack([accuracy.reindex(whole).to_numpy() for accuracy in progress])
    early = np.array([accuracy[EPOCHS[0]] for accuracy in progress])
    final = np.array([run.final_accuracy() for run in population.runs])
    return Sweep(np.nan_to_num(curves), np.nan_to_num(early), EPOCHS[0], final, {}, {})


def _halves(told: pd.DataFrame, names: Sequence[str]) -> Iterator[tuple[np.ndarray, Forecasts]]:
    """The places of the runs of each half that is large enough, and what is told of all without theirs."""
    for _, of_seed in told[told["folds"] != FAMILY].groupby("seed"):
        folds = of_seed.groupby("run")["fold"].first().loc[[*names]].to_numpy()
        for fold in (0, 1):
            if (folds == fold).sum() >= LEAST:
                yield np.flatnonzero(folds == fold), _told(of_seed, names)


def _told(rows: pd.DataFrame, runs: Sequence[str]) -> Forecasts:
    """What rows of `decided` tell of some runs, in their order."""
    rows = rows.assign(stop=rows["decision"] == "stop", upper=rows["upper"].fillna(np.inf))
    stop, forecast, upper = (
        rows.pivot_table(index="run", columns="epoch", values=name).loc[[*runs]]
        for name in ("stop", "forecast", "upper")
    )
    return Forecasts(stop.columns.to_numpy(), stop.to_numpy() > 0, forecast.to_numpy(), upper.to_numpy())


def _finishing(sweep: Sweep, trained: np.ndarray) -> np.ndarray:
    """What a rule spends on each run; of all that it stops, the longest is finished."""
    if trained.max() < sweep.epochs:
        return np.where(np.arange(len(trained)) == trained.argmax(), sweep.epochs, trained)
    return trained


def _outcome(sweep: Sweep, trained: np.ndarray) -> dict[str, float]:
    """What was spent on a sweep, and what was missed."""
    finished, good = trained == sweep.epochs, sweep.final >= THRESHOLD
    kept = np.where(finished, sweep.curves[:, -1], -1.0)
    return {
        "epochs": trained.sum() / (len(trained) * sweep.epochs),
        "regret": 100 * (sweep.final.max() - sweep.final[kept.argmax()]),
        "good stopped": (good & ~finished).sum() / good.sum() if good.any() else np.nan,
        "best stopped": float(not finished[sweep.final.argmax()]),
    }


def _table(means: pd.DataFrame) -> pd.DataFrame:
    """A row a rule, as the rows of its means are."""
    return pd.DataFrame(
        {
            "epochs trained": means["epochs"].map("{:.1%}".format),
            "regret, points": means["regret"].map("{:.2f}".format),
            "good runs stopped": means["good stopped"].map("{:.0%}".format),
            "best run stopped": means["best stopped"].map("{:.0%}".format),
        }
    ).rename_axis(index=None)


def _mean_table(of_populations: pd.DataFrame) -> pd.DataFrame:
    """A row a rule: its mean over the populations, with the standard error of that."""
    of_rule = of_populations.drop(columns="population").groupby("rule", sort=False)
    table, error = _table(of_rule.mean()), of_rule.sem()
    if error["regret"].notna().all():
        table["epochs trained"] += " ± " + error["epochs"].map("{:.1%}".format)
        table["regret, points"] += " ± " + error["regret"].map("{:.2f}".format)
    return table


def _budget_table(mean: pd.DataFrame, with_budget: pd.DataFrame) -> pd.DataFrame:
    """A row a usual rule: its regret, and that of best first with its epochs, the means over the populations."""
    theirs = mean.pivot_table(index="population", columns="rule", values="regret")
    rows = {}
    for usual, of_budget in with_budget.groupby(OF, sort=False):
        ours = of_budget.pivot_table(index="population", columns="rule", values="regret", sort=False)
        rows[usual] = {"its regret": f"{theirs[usual].mean():.2f}", **ours.apply(_beside, other=theirs[usual])}
    return pd.DataFrame.from_dict(rows, orient="index")


def _beside(regrets: pd.Series, other: pd.Series) -> str:
    """The mean regret; the mean difference to another, its standard error, and where it is not above zero."""
    difference = (regrets - other).to_numpy()
    spread = f" ± {sem(difference):.2f}" if len(difference) > 1 else ""
    where = f"{(difference <= 0).sum()} of {len(difference)}"
    return f"{regrets.to_numpy().mean():.2f} ({difference.mean():+.2f}{spread}; {where})"


def _drawn(mean: pd.DataFrame, with_budget: pd.DataFrame) -> Figure:
    """Regret against epochs, a panel a population: the lower left is best; best first with budgets is a line."""
    names = list(dict.fromkeys(mean["population"]))
    figure = panels(names, columns=3, width=4.2, height=2.9, share="none")
    for axis, name in zip(figure.axes, names, strict=True):
        of_population = mean[mean["population"] == name].set_index("rule")
        for (rule, at), (colour, marker) in zip(of_population.iterrows(), MARKS, strict=False):  # fewer if less is told
            axis.plot(at["epochs"], at["regret"], marker, color=colour, ms=8, label=rule, ls="", alpha=0.9)
        given = with_budget[with_budget["population"] == name].sort_values("epochs").groupby("rule")
        for rule, style in ((KNOWN, "-"), (f"{KNOWN}{CURVES_ALONE}", ":")):
            if rule in given.groups:
                line = given.get_group(rule)
                label = f"best first with these budgets, {rule}"
                axis.plot(line["epochs"], line["regret"], style, color=RED, lw=1.2, label=label, zorder=1)
        axis.set_xlabel("epochs trained")
        axis.set_ylabel("regret, accuracy points")
        axis.set_xlim(0, 1.04)
        axis.set_ylim(bottom=-0.03 * axis.get_ylim()[1])
        axis.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    legend_below(figure, figure.axes[0], columns=3)
    return figure
