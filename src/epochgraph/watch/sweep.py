"""A sweep as an object: the runs of a store, what is forecast of them, and in which order to go on."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from epochgraph.errors import EpochgraphError, UnreadableFileError
from epochgraph.forecasts import forecast
from epochgraph.forecasts.outlook import Goal
from epochgraph.predictors import Prediction
from epochgraph.runs import Direction, Run, StoredRuns, read_stored_runs
from epochgraph.runs.ends import unfinished
from epochgraph.watch.answer import Account
from epochgraph.watch.ending import FINISHED, RUNNING, STATUS, STOPPED, account
from epochgraph.watch.files import Entry, Files
from epochgraph.watch.forecasting import abstaining

BEST = 3
"""How many runs count as good where nobody says."""

ADVICE = "Name the folder that `Watch` or `extract` writes."

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class Member:
    """One run of a sweep, as far as it has come.

    Attributes:
        run: With what is known of it.
        status: "finished", "stopped", or "running".
        forecast: How it is expected to end, by comparing it with the others.
        warnings: What `Watch` said to be wrong with it, each with its epoch.
        account: What stopping by the forecasts of `Watch` saved or cost, or would have; None while it runs, and for a
            run that was not watched.
    """

    run: Run
    status: str
    forecast: Prediction
    warnings: tuple[tuple[float, str], ...] = ()
    account: Account | None = None


@dataclass(frozen=True, slots=True, eq=False)
class SweepState:
    """A sweep at one moment.

    Attributes:
        members: The runs, by name, in natural order.
    """

    members: Mapping[str, Member]

    @property
    def order(self) -> list[str]:
        """The names of the runs that are not finished, the most hopeful first; those to stop come last."""
        waiting = [one for one in self.members.values() if one.status != FINISHED]
        return [one.run.name for one in sorted(waiting, key=_hope, reverse=True)]

    @property
    def to_stop(self) -> list[str]:
        """The names of the running ones that should be stopped."""
        running = (one for one in self.members.values() if one.status == RUNNING)
        return [one.run.name for one in running if one.forecast.decision == "stop"]

    def number(self, status: str) -> int:
        """How many runs have a status."""
        return sum(one.status == status for one in self.members.values())


class Sweep:
    """The runs of a store, which other processes may write to as they train.

    Each call reads what is new, compares the runs with each other, and forecasts all of them. It writes nothing.

    Args:
        store: Folder of the runs, or a file of several.
        best: How many of the runs count as good; None for 3, or as the threshold says.
        threshold: The final value from which on a run is good (of a loss: up to which), instead.
        target: The metric whose final value is forecast; None for the usual one that all runs have.
        direction: Which way it improves, where its name does not say.
        budget: Epochs of each run, if its settings do not say.
        rate: The share of good runs that decisions may stop.

    Raises:
        SettingError: Both `best` and a threshold are given.
        UnreadableFileError: There is no such store.

    Examples:
        >>> from tempfile import TemporaryDirectory
        >>> import torch
        >>> from epochgraph import Sweep, Watch
        >>> with TemporaryDirectory() as store:
        ...     for rate in (1, 2, 3, 4, 5, 6):
        ...         watch = Watch(torch.nn.Linear(3, 2), torch.zeros(1, 3), run=f"rate-{rate}", store=store, budget=4)
        ...         answer = watch(1, validation_accuracy=rate / 10)
        ...     state = Sweep(store, best=2)()
        >>> state.order[0], state.to_stop
        ('rate-6', ['rate-1'])
    """

    def __init__(
        self,
        store: Path | str,
        *,
        best: int | None = None,
        threshold: float | None = None,
        target: str | None = None,
        direction: Direction | None = None,
        budget: float | None = None,
        rate: float = 0.05,
    ) -> None:
        self.store = Path(store)
        if not self.store.exists():
            raise UnreadableFileError(self.store, "it is not there", ADVICE)
        self.goal = Goal(threshold, best if best is not None or threshold is not None else BEST)
        self.target = target
        self.direction = direction
        self.budget = budget
        self.rate = rate
        self._stored = StoredRuns(self.store, finished=False)

    def __call__(self) -> SweepState:
        """Look at the sweep as it is now.

        Raises:
            UnreadableFileError: There is no run that can be read.
            SettingError: No run has the target, or nothing tells their budget.
        """
        runs = read_stored_runs(self.store) if self.store.is_file() else self._stored()
        if not runs:
            raise UnreadableFileError(self.store, "it holds no runs", ADVICE)
        open_ones = unfinished(runs)
        members = {}
        for run, prediction in zip(runs, self._forecasts(runs), strict=True):
            entries = self._entries(run.name)
            status = _status(run, ended=run.name not in open_ones)
            said = account(run, entries, stopped=status == STOPPED) if entries and status != RUNNING else None
            warnings = tuple((entry.epoch, warning) for entry in entries for warning in entry.warnings)
            members[run.name] = Member(run, status, prediction, warnings, said)
        return SweepState(members)

    def _forecasts(self, runs: list[Run]) -> list[Prediction]:
        begun = [run for run in runs if len(run.signature.times) or len(run.metrics)]
        found = forecast(
            begun,
            budget=self.budget,
            target=self.target,
            direction=self.direction,
            threshold=self.goal.threshold,
            best=self.goal.best,
            rate=self.rate,
        )
        of = {prediction.run: prediction for prediction in found}
        return [of.get(run.name) or abstaining(run, "nothing is known of it yet") for run in runs]

    def _entries(self, run: str) -> tuple[Entry, ...]:
        """What `Watch` has left of a run, in a folder; what cannot be read is passed over."""
        if self.store.is_file():
            return ()
        try:
            return Files(self.store, run).entries()
        except EpochgraphError as error:
            _log.warning("passed over: %s", error)
            return ()


def _status(run: Run, *, ended: bool) -> str:
    said = str(run.settings.get(STATUS, ""))
    if ended:
        return FINISHED
    return RUNNING if said in (RUNNING, "") else STOPPED


def _hope(one: Member) -> tuple[bool, float, float]:
    found = one.forecast
    chance = -1.0 if found.p_good is None else found.p_good
    return found.decision != "stop", chance, -1.0 if found.standing is None else found.standing
