"""A sweep whose runs were trained to their end, and what was forecast of them on the way."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from epochgraph.errors import SettingError
from epochgraph.runs import Run


@dataclass(frozen=True, slots=True, eq=False)
class Forecasts:
    """What our predictor says of each run (a row) after some epochs (a column each).

    Attributes:
        epochs: They increase.
        stop: Whether the run is condemned.
        forecast: The expected final accuracy.
        upper: Above which the final accuracy is not expected; infinity where nothing is promised.
    """

    epochs: np.ndarray
    stop: np.ndarray
    forecast: np.ndarray
    upper: np.ndarray

    def of(self, runs: np.ndarray) -> "Forecasts":
        """Those of some of the runs."""
        return Forecasts(self.epochs, self.stop[runs], self.forecast[runs], self.upper[runs])


@dataclass(frozen=True, slots=True, eq=False)
class Sweep:
    """The recorded runs of a sweep, in the order in which they are begun.

    Attributes:
        curves: Validation accuracy of each run (a row) after each whole epoch, from 1 on.
        early: Validation accuracy of each run when our predictor is asked first.
        first: The epochs by then: a fraction of one.
        final: Test accuracy of each run at its end.
        forecasts: Of our predictor, by what it has not seen.
        from_curves: Those of one that sees the learning curves alone.
    """

    curves: np.ndarray
    early: np.ndarray
    first: float
    final: np.ndarray
    forecasts: Mapping[str, Forecasts]
    from_curves: Mapping[str, Forecasts]

    @property
    def epochs(self) -> int:
        """That each run is trained for at most."""
        return int(self.curves.shape[1])

    def of(self, runs: np.ndarray) -> "Sweep":
        """The sweep of some of the runs, begun in the order of these places."""
        return Sweep(
            self.curves[runs],
            self.early[runs],
            self.first,
            self.final[runs],
            forecasts={unseen: predicted.of(runs) for unseen, predicted in self.forecasts.items()},
            from_curves={unseen: predicted.of(runs) for unseen, predicted in self.from_curves.items()},
        )


def recorded(runs: Sequence[Run], *, first: float, progress: str = "validation_accuracy") -> Sweep:
    """Finished runs as a sweep, before anything was forecast of them.

    Args:
        runs: In the order in which they are begun.
        first: The epoch of the first forecast.
        progress: The metric that rules go by; where a run did not measure it at a whole epoch, it counts as 0.

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
