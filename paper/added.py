"""What signatures add to the learning curve and to the hyper-parameters: the question that the paper leaves open."""

from collections.abc import Sequence

import pandas as pd
from matplotlib.figure import Figure

from epochgraph.predictors import Candidate, learned
from epochgraph.predictors.curves import hyper_parameters, learning_curve
from epochgraph.predictors.shipped import SHIPPED_EPOCHS
from epochgraph.predictors.views import Concatenated, View, pooled_changes
from epochgraph.runs import Run
from paper.differences import MANY, RESAMPLES, HeldOutErrors, different, paired_difference
from paper.panels import BLUE, FAINT, GREEN, INK, RED, legend_below, panels
from paper.populations import DECADE, FAMILY, Population, on_cifar, united
from paper.results import Result
from paper.scoring import FOLDS, Progress, scored

LEAST = 4 * FOLDS
"""The fewest runs of a population, so that folds can learn."""

DECADES = 3
"""The fewest decades of learning rates in a population, so that each can be predicted from others."""

REPEATS = 2
"""How often runs are split into folds by learning rate; other folds are made once, as they take long."""

CURVE, HYPER, BOTH = "learning curve", "hyper-parameters", "curve and hyper-parameters"
SIGNATURE = "curve, hyper-parameters and changes"
COLOURS = {CURVE: INK, HYPER: FAINT, BOTH: BLUE, "changes": GREEN, SIGNATURE: RED}
PROTOCOLS = {
    "random": "folds at random, within each population",
    "learning_rate": "whole learning rates held out, within each population",
    DECADE: "whole decades of learning rates held out, within each population",
    FAMILY: "whole architectures held out, CIFAR-10",
}

NOTE = f"""Mean absolute error of the final test accuracy, predicted from the first epochs, in accuracy points; lower is
better. All predictors are forests of extremely randomised trees. The learning curve is every validation accuracy and
training loss so far; the changes are those of the graphs since the start and since the last snapshot. Differences are
on the same runs, with everything known ("{SIGNATURE}") minus without graphs: below zero where graphs add something. In
brackets is their 95 % interval, from {RESAMPLES} samples with replacement: of whole learning rates of each population
or, where decades or architectures are held out, of these; for single populations always of learning rates. Bold
differences exclude zero and rest on at least {MANY} of them: with fewer, the interval is too narrow. One in twenty
would be bold by chance. Folds by learning rate are made {REPEATS} times, all others once."""

RATES = ("population", "learning_rate")
UNITS = {"random": RATES, "learning_rate": RATES, DECADE: ("population", DECADE), FAMILY: (FAMILY,)}
"""What is resampled as a whole for an interval, by what is held out."""


def added(populations: Sequence[Population], *, jobs: int, progress: Progress | None = None) -> Result:
    """Errors without graphs, of the changes alone and of both together, and their paired differences.

    Args:
        populations: Each of `LEAST` runs is predicted from its own runs, and if it has `DECADES` also decade by decade;
            architectures are held out of all on CIFAR-10.
        jobs: Processes.
        progress: Called after each candidate, epoch and protocol of each population.
    """
    pools: list[tuple[tuple[Run, ...], str | None]] = [
        (population.runs, groups)
        for population in populations
        if len(population.runs) >= LEAST
        for groups in (None, "learning_rate", DECADE)
        if groups != DECADE or different(population.runs, DECADE) >= DECADES
    ]
    if different([population.runs[0] for population in on_cifar(populations)], FAMILY) > 1:
        pools.append((united(populations), FAMILY))
    experiments = [
        HeldOutErrors(runs, candidate, epochs, groups, REPEATS if groups == "learning_rate" else 1)
        for runs, groups in pools
        for candidate in curve_candidates()
        for epochs in ([SHIPPED_EPOCHS] if candidate.name == HYPER else [(epoch,) for epoch in SHIPPED_EPOCHS])
    ]
    rows = scored(experiments, jobs=jobs, progress=progress)
    shown = {folds: title for folds, title in PROTOCOLS.items() if (rows["folds"] == folds).any()}
    tables = {}
    for folds, title in shown.items():
        of_folds = rows[rows["folds"] == folds]
        tables[title[0].upper() + title[1:]] = _table(of_folds, UNITS[folds])
        for other in (CURVE, BOTH) if folds != "random" else ():
            tables[f"Each population, less the {other}: {title}"] = _by_population(of_folds, other)
    return Result("added", "What do signatures add?", (NOTE,), tables, rows, _drawn(rows, shown))


def curve_candidates() -> tuple[Candidate, ...]:
    """What is compared."""
    views: dict[str, View] = {
        CURVE: learning_curve,
        HYPER: hyper_parameters,
        BOTH: Concatenated((learning_curve, hyper_parameters)),
        "changes": pooled_changes(),
        "curve and changes": Concatenated((learning_curve, pooled_changes())),
        SIGNATURE: Concatenated((learning_curve, hyper_parameters, pooled_changes())),
    }
    return tuple(Candidate(name, view, learned("regression", "trees")) for name, view in views.items())


def _table(rows: pd.DataFrame, units: Sequence[str]) -> pd.DataFrame:
    """One row per epoch: the error of each candidate, and the differences."""
    errors = rows.pivot_table(index="epoch", columns="candidate", values="error", sort=False)
    table = errors.map("{:.1f}".format).sort_index().rename_axis(columns=None)
    for other in (CURVE, HYPER, BOTH):
        table[f"less the {other}"] = [
            str(paired_difference(rows[rows["epoch"] == epoch], SIGNATURE, other, units=units)) for epoch in table.index
        ]
    return table.rename(index="epoch {:g}".format).rename_axis(index=None)


def _by_population(rows: pd.DataFrame, other: str) -> pd.DataFrame:
    """One row per population, one column per epoch: the difference to another candidate."""
    names = dict.fromkeys(rows["population"])
    cells = {
        f"epoch {epoch:g}": [
            str(paired_difference(of[of["population"] == name], SIGNATURE, other, units=RATES)) for name in names
        ]
        for epoch, of in rows.groupby("epoch")
    }
    return pd.DataFrame(cells, index=list(names))


def _drawn(rows: pd.DataFrame, shown: dict[str, str]) -> Figure:
    titles = [title.replace(", ", ",\n") for title in shown.values()]
    figure = panels(titles, columns=2, width=5, height=3)
    for axis, folds in zip(figure.axes, shown, strict=True):
        errors = rows[rows["folds"] == folds].pivot_table(index="epoch", columns="candidate", values="error")
        for name, colour in COLOURS.items():
            axis.plot(errors.index, errors[name], color=colour, lw=1.8, marker="o", ms=3.5, label=name)
        axis.set_xscale("log", base=2)
        axis.set_xticks(SHIPPED_EPOCHS, [f"{epoch:g}" for epoch in SHIPPED_EPOCHS])
        axis.minorticks_off()
        axis.set_xlabel("epochs seen")
    figure.axes[0].set_ylim(bottom=0)  # shared, and no longer changed
    for axis in figure.axes[::2]:
        axis.set_ylabel("mean absolute error,\naccuracy points")
    legend_below(figure, figure.axes[0], columns=3)
    return figure
