"""Replayed sweeps: what early stopping saves, and what it costs, by our decision and by the common rules."""

from collections.abc import Sequence

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter
from scipy.stats import sem

from epochgraph.errors import SettingError
from epochgraph.predictors.shipped import SHIPPED_EPOCHS
from epochgraph.sweeps.rules import BEST, ETA, STARTUP, WITHOUT, by_curves
from paper.decisions import CURVE_ALONE, RATE, THRESHOLD, HeldOut, decidable
from paper.panels import BLUE, FAINT, GREEN, RED, legend_below, panels
from paper.populations import FAMILY, Population, on_cifar, united
from paper.replays import BUDGET_OF, KNOWN, LEAST, NEW, ORDERS, SITUATION, SWEEP, replay_of
from paper.results import Result
from paper.scoring import Progress, scored

DEALINGS = 4
"""How many ways the learning rates are split into halves."""

ASKED_AFTER = ", ".join(f"{epoch:g}" for epoch in SHIPPED_EPOCHS)
ASKED_FIRST = SHIPPED_EPOCHS[0]

NOTE = f"""Each of {ORDERS} sweeps is {SWEEP} runs of a population in random order, all from one half of its learning
rates; there are {DEALINGS} random ways to halve them, and the halves take turns. A half with fewer runs gives all of
them, one with fewer than {LEAST} none. A run's progress is its recorded validation accuracy; the sweep chooses the run
with the best final one among those that were not stopped. "Epochs" are those trained, as a share of training all to the
end. "Regret" is how far the test accuracy of that run is below that of the best run of the sweep, in points: training
all to the end has some, too, because validation and test images differ. Good runs are those of {THRESHOLD:.0%} or more.
The standard error stands beside the mean over the populations, as they are few.

The median rule (Golovin et al. 2017) lets the first {STARTUP} runs finish. Successive halving (Jamieson and Talwalkar
2016) and Hyperband (Li et al. 2018) keep one run of {ETA}. Our predictor (`{SITUATION}`) is asked after
{ASKED_AFTER} epochs; it was fitted and calibrated without any run of the sweep's half of the
learning rates, or without its whole architecture. Our decision stops runs for which it expects no good end; by its
promise, it may stop at most {RATE:.0%} of the good runs each time. Our forecast beside the best so far stops runs that
are not expected, with 95 % probability, to reach the best finished run (predictive termination, Domhan et al. 2015).
Best first starts all runs, and continues the one that may end highest; it stops by the same rule. Our forecast, then
the best {BEST}, keeps one run of {ETA} after {ASKED_FIRST:g} epochs, and the best {BEST} of them by the forecast after
one; beside it stands the same by the validation accuracy, which shows what the schedule alone saves.

The schedule of the last rule is the one with the least regret of seven that were tried when the zoo had six such
populations. Later populations and runs did not influence the choice.

With a budget, best first continues whatever it expects, until its next step costs more than is left. In the second
table its budget is the number of epochs that another rule spends on the same sweep; the two rules that keep the best
{BEST} are not common ones, but show what a schedule saves. The table shows the mean regret and, in brackets, the mean
difference to that of the other rule, with the standard error over the populations, and on how many it is not above
zero; likewise the effect of graphs. "{WITHOUT}" is the same with a predictor that sees only the learning curves, fitted
and calibrated likewise. Continuing the run that may end highest was fixed before there were budgets; going by the
forecast itself was also tried on these populations, and had more regret.

Our rules need what the common rules do not: on new learning rates our predictor has learned from finished runs of the
other half, on a new architecture from those of others, and those epochs are not counted. Best first pauses and resumes
runs, as successive halving does; the median rule need not. Forecasts within the first epoch cost nothing."""

BUDGETS = "Best first, with no more epochs in each sweep than the rule of the row"

MARKS = (*zip([FAINT, *[GREEN] * 5, *[RED] * 4, *[BLUE] * 4], "osD^vPsDX^sDX^", strict=True),)


def sweeps(
    populations: Sequence[Population],
    *,
    jobs: int,
    predicted: pd.DataFrame | None = None,
    progress: Progress | None = None,
) -> Result:
    """Epochs and regret of each rule, on the populations on CIFAR-10 that are large enough.

    Args:
        populations: Those on other data, or with fewer runs than a sweep, are left out.
        jobs: Processes.
        predicted: What is `decided` about these populations, the scores of `decisions`; None to compute it.
        progress: Called after each epoch of our decisions.

    Raises:
        SettingError: No population is large enough, or they have too few learning rates.
    """
    large = [population for population in on_cifar(populations) if len(population.runs) >= SWEEP]
    if not large:
        sizes = [len(population.runs) for population in populations]
        raise SettingError("runs of the populations", sizes, f"{SWEEP} or more on CIFAR-10, for a sweep")
    predicted = _with_halves(populations, predicted, jobs=jobs, progress=progress)
    keys = ["population", BUDGET_OF, "rule"]
    rows = scored([replay_of(population, predicted) for population in large], jobs=jobs).drop(columns="sweep")
    every = rows.groupby(keys, sort=False, dropna=False).mean().reset_index()
    budgets = every[BUDGET_OF].notna()
    mean = every[~budgets].drop(columns=BUDGET_OF)
    tables = {"Mean over the populations": _mean_table(mean), BUDGETS: _budget_table(mean, every[budgets])}
    tables |= {one.title: _table(mean[mean["population"] == one.name].set_index("rule")) for one in large}
    return Result("sweeps", "Sweeps replayed", (NOTE,), tables, every, _drawn(mean, every[budgets]))


def _with_halves(
    populations: Sequence[Population], predicted: pd.DataFrame | None, *, jobs: int, progress: Progress | None
) -> pd.DataFrame:
    """The predictions for each run without its half of the learning rates, and without its architecture.

    With the predictions of `decisions`, which leave out only the run's own learning rate, the predictor would have
    learned from the other runs of the very same sweep.
    """
    runs = united(populations)
    wanted = [
        HeldOut(runs, situation, epoch, "learning_rate", 2, seed)
        for situation in (SITUATION, CURVE_ALONE)
        for seed in range(DEALINGS)
        for epoch in SHIPPED_EPOCHS
    ]
    if FAMILY in decidable(runs):
        new = (SITUATION, CURVE_ALONE) if predicted is None else (CURVE_ALONE,)
        wanted += [HeldOut(runs, situation, epoch, FAMILY) for situation in new for epoch in SHIPPED_EPOCHS]
    of_halves = scored(wanted, jobs=jobs, progress=progress)
    known = (
        [] if predicted is None else [predicted[(predicted["situation"] == SITUATION) & (predicted["folds"] == FAMILY)]]
    )
    return pd.concat([of_halves, *known], ignore_index=True)


def _table(means: pd.DataFrame) -> pd.DataFrame:
    """One row per rule, in the order of the rows of means."""
    return pd.DataFrame(
        {
            "epochs trained": means["epochs"].map("{:.1%}".format),
            "regret, points": means["regret"].map("{:.2f}".format),
            "good runs stopped": means["good stopped"].map("{:.0%}".format),
            "best run stopped": means["best stopped"].map("{:.0%}".format),
        }
    ).rename_axis(index=None)


def _mean_table(of_populations: pd.DataFrame) -> pd.DataFrame:
    """One row per rule: its mean over the populations, with the standard error."""
    of_rule = of_populations.drop(columns="population").groupby("rule", sort=False)
    table, error = _table(of_rule.mean()), of_rule.sem()
    if error["regret"].notna().all():
        table["epochs trained"] += " ± " + error["epochs"].map("{:.1%}".format)
        table["regret, points"] += " ± " + error["regret"].map("{:.2f}".format)
    return table


def _budget_table(mean: pd.DataFrame, with_budget: pd.DataFrame) -> pd.DataFrame:
    """One row per rule: its regret, and that of best first with its epochs, as means over the populations."""
    regrets = mean.pivot_table(index="population", columns="rule", values="regret")
    rows = {}
    for other, of_budget in with_budget.groupby(BUDGET_OF, sort=False):
        ours = of_budget.pivot_table(index="population", columns="rule", values="regret", sort=False)
        rows[other] = {"its regret": f"{regrets[other].mean():.2f}"}
        for unseen in (KNOWN, NEW):
            if unseen in ours:
                rows[other] |= {
                    name: f"{ours[name].mean():.2f} ({_change(ours[name] - regrets[other])})"
                    for name in (unseen, by_curves(unseen))
                }
                rows[other][f"{unseen}: what graphs change"] = _change(ours[unseen] - ours[by_curves(unseen)])
    return pd.DataFrame.from_dict(rows, orient="index")


def _change(differences: pd.Series) -> str:
    """The mean over the populations, its standard error, and on how many it is not above zero."""
    values = differences.to_numpy()
    spread = f" ± {sem(values):.2f}" if len(values) > 1 else ""
    return f"{values.mean():+.2f}{spread}; {(values <= 0).sum()} of {len(values)}"


def _drawn(mean: pd.DataFrame, with_budget: pd.DataFrame) -> Figure:
    """Regret against epochs, one panel per population: the lower left is best; best first with budgets is a line."""
    names = list(dict.fromkeys(mean["population"]))
    figure = panels(names, columns=3, width=4.2, height=2.9, share="none")
    for axis, name in zip(figure.axes, names, strict=True):
        of_population = mean[mean["population"] == name].set_index("rule")
        for (rule, at), (colour, marker) in zip(
            of_population.iterrows(), MARKS, strict=False
        ):  # fewer if there are fewer rules
            axis.plot(at["epochs"], at["regret"], marker, color=colour, ms=8, label=rule, ls="", alpha=0.9)
        given = with_budget[with_budget["population"] == name].sort_values("epochs").groupby("rule")
        for rule, style in ((KNOWN, "-"), (by_curves(KNOWN), ":")):
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
