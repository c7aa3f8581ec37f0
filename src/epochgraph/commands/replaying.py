"""`replay`: a finished sweep -> what each rule for stopping early would have spent, saved and lost."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from os import PathLike
from pathlib import Path

import numpy as np
import pandas as pd
from joblib import Parallel, delayed  # type: ignore[import-untyped]

from epochgraph.commands.batch import Batch, failure_lines
from epochgraph.commands.pages import Line, Sheet, Shown
from epochgraph.commands.progress import OnProgress, Progress, unwatched
from epochgraph.commands.sources import Sources, Unfinished, ended_runs
from epochgraph.errors import EpochgraphError, SettingError
from epochgraph.forecasts import forecast
from epochgraph.forecasts.moments import Paced, paced
from epochgraph.forecasts.outlook import Goal
from epochgraph.forecasts.target import Target, target_of
from epochgraph.predictors import Prediction, Predictor
from epochgraph.predictors.curves import hyper_parameters
from epochgraph.runs import Direction, Run
from epochgraph.sweeps import finishing, hyperband, median_rule, no_stopping, outcome, successive_halving
from epochgraph.sweeps.live import Forecaster, decided, forecast_then_best
from epochgraph.sweeps.rules import Rule, first_then_best
from epochgraph.sweeps.steps import stepped, steps_of
from epochgraph.sweeps.trees import trees_on_curve
from epochgraph.watch.forecasting import forecast as watched_forecast
from epochgraph.watch.forecasting import forecaster_of

LEAST_RUNS = 5
"""Of a sweep, for rules to have a choice."""

NO_STOPPING = "no stopping"
TREES = "trees on curve and settings"
OURS = "epochgraph, as Watch decides"
USUAL: Mapping[str, Rule] = {
    NO_STOPPING: no_stopping,
    "median rule": median_rule,
    "successive halving": successive_halving,
    "Hyperband": hyperband,
}


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class Replayed(Shown):
    """What rules would have made of a sweep.

    Attributes:
        outcomes: A row a rule and order of arrival: `rule`, `order`, `trained` (the share of training every run to its
            end), `regret` (how much worse the chosen run ends than the best one, in the target's unit),
            `good_stopped` (the share of the good runs) and `best_stopped`.
        target: The metric that runs are compared by.
        direction: Which way it gets better.
        spread: The standard deviation of the runs' ends.
        runs: How many runs were replayed.
        best: How many of them count as good; None where a threshold says.
        threshold: The value from which on a run is good.
        of: How many runs were given.
        notes: Which runs are left out, and why.
        failures: The error of each run that could not be read, by its name.
    """

    outcomes: pd.DataFrame
    target: str
    direction: Direction
    spread: float
    runs: int
    best: int | None
    threshold: float
    of: int
    notes: tuple[str, ...] = ()
    failures: Mapping[str, EpochgraphError] = field(default_factory=dict)

    @property
    def orders(self) -> int:
        """How many orders of arrival were tried."""
        return int(self.outcomes["order"].nunique())

    @property
    def means(self) -> pd.DataFrame:
        """The mean outcome of each rule over the orders."""
        return self.outcomes.drop(columns="order").groupby("rule", sort=False).mean()

    def page(self) -> Sequence[Sheet | Line]:
        """A table with a row a rule, and what it says of ours."""
        rows = [
            (
                str(rule),
                f"{row['trained']:.0%}",
                f"{1 - row['trained']:.0%}",
                f"{row['regret']:.3g}",
                f"{row['regret'] / self.spread:.2f}" if self.spread else "-",
                "-" if np.isnan(row["good_stopped"]) else f"{row['good_stopped']:.0%}",
                f"{row['best_stopped']:.0%}",
            )
            for rule, row in self.means.iterrows()
        ]
        heads = ("rule", "trained", "saved", "regret", "in spreads", "good runs stopped", "best run stopped")
        title = f"{self.runs} runs by {self.target}, in {self.orders} orders of arrival"
        return [
            Sheet(heads, rows, title, numbers=range(1, len(heads))),
            Line(""),
            Line(self._good()),
            Line(self.verdict()),
        ]

    def asides(self) -> Sequence[str]:
        """What is left out of the sweep."""
        return [*self.notes, *failure_lines(self.failures).values()]

    def verdict(self) -> str:
        """What the table says of our decisions, in a sentence."""
        means = self.means
        ours = means.loc[OURS]
        others = means.drop(index=[NO_STOPPING, *(name for name in means.index if str(name).startswith("epochgraph"))])
        no_worse = others[(others["regret"] <= ours["regret"]) & (others["trained"] <= ours["trained"])]
        dominated = others[(others["regret"] >= ours["regret"]) & (others["trained"] >= ours["trained"])]
        said = f"Stopping as Watch decides would have saved {1 - ours['trained']:.0%} of the training and cost "
        said += f"{ours['regret']:.3g} of {self.target}"
        if len(no_worse):
            return f"{said}; {_listed(no_worse.index)} would have saved as much or more at no more regret."
        if len(dominated):
            return f"{said}; {_listed(dominated.index)} would have saved no more and cost as much or more."
        return f"{said}; each other rule saves more and costs more, or saves less and costs less."

    def _good(self) -> str:
        what = f"the {self.best} best runs" if self.best is not None else f"runs that reach {self.threshold:g}"
        return (
            f"Good are {what}. Regret is how much worse the chosen run ends than the best one, which even without "
            f"stopping is not always chosen; a spread is the standard deviation of the ends, {self.spread:.3g}."
        )


def replay(  # noqa: PLR0913 - the words of the command line
    runs: Sources,
    *,
    target: str | None = None,
    direction: Direction | None = None,
    best: int | None = None,
    threshold: float | None = None,
    rate: float = 0.05,
    budget: float | None = None,
    predictor: Predictor | str | PathLike[str] | None = None,
    orders: int = 10,
    unfinished: Unfinished = "refuse",
    seed: int = 0,
    jobs: int | None = None,
    progress: OnProgress = unwatched,
) -> Replayed:
    """Replay a finished sweep: what rules for stopping early would have spent, saved and lost.

    Each rule sees of a run only what was known by then. Runs arrive one after another, in several random orders, as
    rules depend on it. Of the runs that a rule trains to their end, it chooses the one with the best last value.

    Args:
        runs: Finished runs of one sweep: a folder or a file of stored runs, or `Run` objects.
        target: The metric whose final value counts; None for the usual one that all runs have.
        direction: Whether it "rises" or "falls" as runs get better, where its name does not say.
        best: How many of the best runs count as good; None for 3, or as the threshold says.
        threshold: The final value from which on a run is good (of a loss: up to which), instead.
        rate: The share of good runs that our decisions may stop.
        budget: Epochs of each run, if its settings do not say.
        predictor: A predictor, its file, or the name of one that comes with the package, to replay as well.
        orders: How many orders of arrival to try.
        unfinished: What to do with runs that were stopped before their end: "refuse", "leave-out" or "take".
        seed: Random seed of the orders.
        jobs: Processes; None for one a core.
        progress: Called with a `Progress` after each order.

    Returns:
        The outcomes.

    Raises:
        SettingError: There are fewer than five finished runs, or they were hardly measured on the way.
        UnfinishedRunsError: Some runs were stopped before their end.
        EpochgraphError: No run can be read.

    Examples:
        >>> import numpy as np, pandas as pd
        >>> from epochgraph import Signature, replay
        >>> from epochgraph.runs import Run
        >>> nothing = Signature(np.empty(0), (), np.empty((0, 0)), np.empty(0, dtype=bool))
        >>> runs = []
        >>> for number in range(8):
        ...     curve = number / 8 * (1 - 0.5 ** np.arange(1, 7))
        ...     metrics = pd.DataFrame({"validation_accuracy": curve}, index=pd.Index(np.arange(1.0, 7), name="epoch"))
        ...     runs.append(Run(f"run{number}", nothing, metrics, {"learning_rate": number / 10, "epochs": 6}))
        >>> found = replay(runs, orders=2, jobs=1)
        >>> found.means.loc["successive halving", "regret"].item()
        0.0
    """
    if orders < 1:
        raise SettingError("orders", orders, "at least 1")
    if not 0 <= rate <= 1:
        raise SettingError("rate", rate, "from 0 to 1")
    Goal(threshold, best)  # one of both
    batch = Batch()
    given, notes = ended_runs(runs, batch, unfinished)
    if len(given) < LEAST_RUNS:
        raise SettingError("runs", len(given), f"at least {LEAST_RUNS} finished runs of one sweep")
    what = target_of(given, target, direction)
    everyone = paced(given, known=given, budget=budget)
    steps = steps_of(everyone, what)
    final = stepped(everyone, what, steps).final
    wanted = None if threshold is not None else min(best or 3, len(given))
    border = what.sign * threshold if threshold is not None else float(np.sort(final)[-(wanted or 1)])
    ours: dict[str, Forecaster] = {OURS: _Compared(what, threshold, wanted, rate)}
    if predictor is not None:
        named = "the predictor given" if isinstance(predictor, Predictor) else str(predictor)
        given_one = predictor if isinstance(predictor, Predictor | str) else Path(predictor)
        forecaster, _ = forecaster_of(given_one, threshold=threshold, best=None, rate=rate)
        ours[f"epochgraph, {named}"] = _AsWatched(forecaster)
    replayed = partial(_replayed, what=what, steps=steps, ours=ours, best=wanted or 3, border=border, rate=rate)
    rows = list[pd.DataFrame]()
    permutations = [np.random.default_rng([seed, number]).permutation(len(given)) for number in range(orders)]
    shuffled = ([everyone[place] for place in order] for order in permutations)
    jobs = min(orders, jobs) if jobs else -1
    found = Parallel(n_jobs=jobs, return_as="generator")(delayed(replayed)(one) for one in shuffled)
    for number, table in enumerate(found):
        rows.append(table.assign(order=number))
        progress(Progress("orders", "orders of arrival", number + 1, orders))
    return Replayed(
        pd.concat(rows, ignore_index=True),
        what.metric,
        what.direction,
        float(np.std(final)),
        len(given),
        wanted,
        what.sign * border,
        batch.of,
        tuple(notes),
        batch.failures,
    )


@dataclass(frozen=True, slots=True)
class _AsWatched:
    """Forecasts as `Watch` has them: where one fails, it abstains."""

    forecaster: Forecaster

    def __call__(self, runs: Sequence[Run], others: Sequence[Run]) -> list[Prediction]:
        """See `Forecaster`."""
        return [watched_forecast(self.forecaster, run, lambda: others) for run in runs]


@dataclass(frozen=True, slots=True)
class _Compared:
    """Forecasts by comparing a run with the others of its sweep, as `Watch` does, for a target of the user's."""

    target: Target
    threshold: float | None
    best: int | None
    rate: float

    def __call__(self, runs: Sequence[Run], others: Sequence[Run]) -> list[Prediction]:
        """See `Forecaster`."""
        return forecast(
            runs,
            known=others,
            target=self.target.metric,
            direction=self.target.direction,
            threshold=self.threshold,
            best=self.best,
            rate=self.rate,
        )


def _replayed(
    runs: Sequence[Paced],
    *,
    what: Target,
    steps: int,
    ours: Mapping[str, Forecaster],
    best: int,
    border: float,
    rate: float,
) -> pd.DataFrame:
    """The outcome of every rule on runs that arrive in this order."""
    sweep = stepped(runs, what, steps)
    first = f"{_share(steps)}, then the best {best}"
    spent: dict[str, Callable[[], np.ndarray]] = {name: partial(rule, sweep) for name, rule in USUAL.items()}
    spent[first] = partial(first_then_best, sweep, best)
    settings = hyper_parameters([one.run for one in runs], 0.0).fillna(0.0).to_numpy()
    spent[TREES] = partial(trees_on_curve, sweep, settings, best, rate)
    for name, forecaster in ours.items():
        spent[name] = partial(decided, runs, forecaster, steps)
    spent[f"epochgraph, {first}"] = partial(forecast_then_best, runs, ours[OURS], steps, best)
    found = [outcome(sweep, finishing(sweep, rule()), rule=name, threshold=border) for name, rule in spent.items()]
    columns = {"trained": "epochs", "regret": "regret", "good_stopped": "good_stopped", "best_stopped": "best_stopped"}
    return pd.DataFrame(
        [{"rule": one.rule, **{ours: float(getattr(one, theirs)) for ours, theirs in columns.items()}} for one in found]
    )


def _share(steps: int) -> str:
    return f"1/{steps} of the budget"


def _listed(names: Iterable[object]) -> str:
    *first, last = map(str, names)
    return f"{', '.join(first)} and {last}" if first else last
