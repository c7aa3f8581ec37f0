"""A sweep whose runs were all trained to the end, and what was forecast for them on the way."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from epochgraph.errors import SettingError
from epochgraph.runs import Run


@dataclass(frozen=True, slots=True, eq=False)
class Forecasts:
    """What our predictor says about each run (a row) after some epochs (the columns).

    Attributes:
        epochs: The epochs, increasing.
        stop: Whether the decision is to stop the run.
        forecast: The expected final accuracy.
        upper: The value that the final accuracy is not expected to exceed; infinity where nothing is promised.
    """

    epochs: np.ndarray
    stop: np.ndarray
    forecast: np.ndarray
    upper: np.ndarray

    def of(self, runs: np.ndarray) -> "Forecasts":
        """The forecasts for some of the runs."""
        return Forecasts(self.epochs, self.stop[runs], self.forecast[runs], self.upper[runs])


@dataclass(frozen=True, slots=True, eq=False)
class Sweep:
    """The recorded runs of a sweep, in the order in which they are started.

    Attributes:
        curves: Validation accuracy of each run (a row) after each whole epoch, from 1 on.
        early: Validation accuracy of each run at the first forecast.
        first: The epoch of the first forecast, a fraction.
        final: Test accuracy of each run at its end.
        forecasts: Our predictor's forecasts, by what it had not seen.
        from_curves: The same for a predictor that sees only the learning curves.
    """

    curves: np.ndarray
    early: np.ndarray
    first: float
    final: np.ndarray
    forecasts: Mapping[str, Forecasts]
    from_curves: Mapping[str, Forecasts]

    @property
    def epochs(self) -> int:
        """The most epochs that a run is trained for."""
        return int(self.curves.shape[1])

    def of(self, runs: np.ndarray) -> "Sweep":
        """A sweep of some of the runs, started in the order of these positions."""
        return Sweep(
            self.curves[runs],
            self.early[runs],
            self.first,
            self.final[runs],
            forecasts={unseen: predicted.of(runs) for unseen, predicted in self.forecasts.items()},
            from_curves={unseen: predicted.of(runs) for unseen, predicted in self.from_curves.items()},
        )


def recorded(runs: Sequence[Run], *, first: float, progress: str = "validation_accuracy") -> Sweep:
    """Finished runs as a sweep, without forecasts.

    Args:
        runs: In the order in which they are started.
        first: The epoch of the first forecast.
        progress: The metric that rules go by; it counts as 0 where a run did not measure it at a whole epoch.

    Returns:
        The sweep, without forecasts.

    Raises:
        SettingError: There are no runs, or a run did not measure its progress at `first` or its test accuracy at its
            end.
    """
    if not runs:
        raise SettingError("runs", 0, "at least one, to make a sweep of")
    early = np.array([_measured(run, progress, first) for run in runs])
    whole = np.arange(1, int(max(run.metrics.index[-1] for run in runs)) + 1)
    curves = np.stack([run.metrics[progress].reindex(whole).to_numpy() for run in runs])
    final = np.array([run.final_accuracy() for run in runs])
    return Sweep(np.nan_to_num(curves), np.nan_to_num(early), first, final, {}, {})


def _measured(run: Run, metric: str, epoch: float) -> float:
    if metric not in run.metrics or epoch not in run.metrics.index:
        known = ", ".join(map(str, run.metrics)) or "nothing"
        expected = f"measured after epoch {epoch:g} by run {run.name!r}, which recorded {known}"
        raise SettingError("progress", metric, expected)
    return float(run.metrics[metric].to_numpy()[run.metrics.index == epoch][0])
