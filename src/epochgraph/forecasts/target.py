"""What is forecast: the final value of a metric, and what tells of it on the way."""

from collections.abc import Sequence
from dataclasses import dataclass

from epochgraph.errors import SettingError
from epochgraph.runs import Direction, Run, direction_for
from epochgraph.runs.metrics import alike

DEFAULTS = ("test_accuracy", "validation_accuracy", "test_loss", "validation_loss", "train_loss")
"""The targets that are tried in turn where none is named."""


@dataclass(frozen=True, slots=True)
class Target:
    """The metric whose final value is forecast.

    Attributes:
        metric: Its name, such as "test_accuracy".
        direction: Which way it goes as runs get better.
        progress: The metric that tells of it while a run is in training: that of the validation data, mostly.
    """

    metric: str
    direction: Direction
    progress: str | None

    @property
    def sign(self) -> int:
        """What turns values of the metric into what is the higher, the better."""
        return -1 if self.direction == "falls" else 1


def target_of(runs: Sequence[Run], metric: str | None = None, direction: Direction | None = None) -> Target:
    """Find out what is to be forecast of runs, and which of their metrics tells of it on the way.

    Args:
        runs: All of the sweep.
        metric: The target's name; None for the first of `DEFAULTS` that every run has.
        direction: Which way it improves, where its name does not say.

    Raises:
        SettingError: No run has such a metric, or its direction is not known.
    """
    common = [str(name) for name in runs[0].metrics if all(name in run.metrics for run in runs)]
    if metric is None:
        metric = next((name for name in DEFAULTS if name in common), None)
        if metric is None:
            return Target("test_accuracy", "rises", None)
    quantity = metric.removeprefix("test_")
    others = [name for name in alike(metric, common) if not name.startswith("train")]
    wanted = [f"validation_{quantity}", metric, *others]
    if metric.startswith("train"):
        wanted = [metric]
    progress = next((name for name in wanted if name in common), None)
    if progress is None and not any(metric in run.metrics for run in runs):
        raise SettingError("target", metric, f"a metric of the runs; those that all have are {', '.join(common)}")
    return Target(metric, direction_for(metric, direction), progress)
