"""What forecasts the end of a run that is watched: the one seam."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from epochgraph.errors import EpochgraphError, SettingError
from epochgraph.extraction import Extraction, extraction
from epochgraph.forecasts import forecast as compared
from epochgraph.forecasts.outlook import Goal
from epochgraph.predictors import Prediction, Predictor, predict_runs, read_predictor
from epochgraph.predictors.prediction import divergence
from epochgraph.predictors.shipped import EXTRACTION, SHIPPED_EPOCHS, SITUATIONS, shipped_prediction, stored_predictor
from epochgraph.runs import Run

Forecaster = Callable[[Sequence[Run], Sequence[Run]], Sequence[Prediction]]
"""The runs so far, and the finished runs of the same store -> a prediction of each of the former."""

SHIPPED = "shipped"
"""The predictors that come with the package: whichever looks at as much as is known of a run."""

_log = logging.getLogger(__name__)


def abstaining(run: Run, reason: str) -> Prediction:
    """The answer of whoever cannot say how a run ends."""
    return Prediction(run.name, None, None, None, "abstain", reason, None, tuple(run.signature.times.tolist()))


@dataclass(frozen=True, slots=True)
class InItsSweep:
    """Forecasts by comparing a run with the others of its sweep, and by what has finished: what is standard."""

    threshold: float | None
    best: int | None
    rate: float

    def __post_init__(self) -> None:
        Goal(self.threshold, self.best)  # what is wrong with options is said now

    def __call__(self, runs: Sequence[Run], known: Sequence[Run]) -> list[Prediction]:
        """See `Forecaster`."""
        return compared(runs, known=known, threshold=self.threshold, best=self.best, rate=self.rate)


@dataclass(frozen=True, slots=True)
class OfThePackage:
    """Forecasts by the predictors that come with the package."""

    threshold: float | None
    rate: float

    def __call__(self, runs: Sequence[Run], _: Sequence[Run]) -> list[Prediction]:
        """See `Forecaster`."""
        return [shipped_prediction(run, threshold=self.threshold, rate=self.rate) for run in runs]


@dataclass(frozen=True, slots=True)
class Fixed:
    """Forecasts by one predictor, from the epoch on that it looks at.

    Attributes:
        predictor: What learned from other runs.
        threshold: As in `predict_runs`.
        rate: As in `predict_runs`.
        name: What it is called in predictions.
    """

    predictor: Predictor
    threshold: float | None
    rate: float
    name: str

    def __post_init__(self) -> None:
        predict_runs(
            self.predictor, [], threshold=self.threshold, rate=self.rate
        )  # what is wrong with options is said now

    def __call__(self, runs: Sequence[Run], _: Sequence[Run]) -> list[Prediction]:
        """See `Forecaster`."""
        return [self._of(run) for run in runs]

    def _of(self, run: Run) -> Prediction:
        if not len(run.signature.times) or run.signature.times[-1] < self.predictor.up_to:
            return abstaining(run, f"the predictor looks at what is known after epoch {self.predictor.up_to:g}")
        (found,) = predict_runs(self.predictor, [run], threshold=self.threshold, rate=self.rate)
        return replace(found, predictor=self.name)


def forecaster_of(
    predictor: "Predictor | Path | str | Forecaster | None", *, threshold: float | None, best: int | None, rate: float
) -> tuple[Forecaster, Extraction]:
    """What is to forecast, and how signatures are to be taken for it.

    Args:
        predictor: A predictor, its file, the name of one that comes with the package, "shipped" for whichever of these
            fits, a `Forecaster`, or None to compare the run with the other runs of its store.
        threshold: The final value from which on an end is good; None for the predictor's own.
        best: How many runs of the sweep count as good, instead; only where the run is compared with them.
        rate: The share of runs with a good end that decisions may stop.

    Raises:
        SettingError: The threshold, `best` or the rate is none for this predictor, or there is no file and none of this
            name.
        UnreadableFileError: The file is no predictor.
    """
    if predictor is None:
        return InItsSweep(threshold, best, rate), EXTRACTION
    if best is not None:
        raise SettingError("best", best, "left out where a predictor is given: it compares no runs")
    if predictor == SHIPPED:
        predict_runs(
            stored_predictor("weights", SHIPPED_EPOCHS[0]), [], threshold=threshold, rate=rate
        )  # as in `Fixed`
        return OfThePackage(threshold, rate), EXTRACTION
    if isinstance(predictor, str | Path):
        name, predictor = str(predictor), _named(predictor)
    elif isinstance(predictor, Predictor):
        name = "the predictor given"
    else:
        return predictor, EXTRACTION
    return Fixed(predictor, threshold, rate, name), extraction(predictor.extraction)


def _named(predictor: str | Path) -> Predictor:
    """The predictor of a file, or of a name such as "weights-and-curve@3"."""
    known = {f"{situation}@{epoch:g}": (situation, epoch) for situation in SITUATIONS for epoch in SHIPPED_EPOCHS}
    if isinstance(predictor, str) and predictor in known:
        return stored_predictor(*known[predictor])
    if isinstance(predictor, str) and not Path(predictor).suffix and not Path(predictor).exists():
        raise SettingError("predictor", predictor, f"a file, {SHIPPED!r}, or one of {', '.join(known)}")
    return read_predictor(predictor)


def forecast(forecaster: Forecaster, run: Run, known: Callable[[], Sequence[Run]]) -> Prediction:
    """The prediction of one run: to stop it, if its weights are NaN or infinite, else what the forecaster says.

    Whatever goes wrong in a forecast is a reason to abstain: it ends no training.

    Args:
        forecaster: What forecasts.
        run: The run so far.
        known: Reads the finished runs of the store; for a comparison in the sweep, all others.
    """
    diverged = divergence(run)
    if diverged is not None:
        return replace(abstaining(run, diverged), decision="stop")
    alone = isinstance(forecaster, OfThePackage | Fixed)  # looks at no other run
    try:
        (found,) = forecaster([run], () if alone else known())
    except EpochgraphError as error:
        return abstaining(run, str(error).rstrip("."))
    except Exception as error:
        _log.warning("%s: the forecast failed", run.name, exc_info=True)
        return abstaining(run, f"the forecast failed ({type(error).__name__}: {error})")
    return found
