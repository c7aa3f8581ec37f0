"""Which runs of a command are forecast together, as one sweep, and what is asked of them."""

from collections.abc import Sequence
from dataclasses import dataclass

from epochgraph.errors import SettingError
from epochgraph.forecasts import forecast
from epochgraph.forecasts.forecasting import LEAST_COMPANY
from epochgraph.predictors import Prediction
from epochgraph.predictors.shipped.applicability import why_not_applicable
from epochgraph.runs import Direction, Run


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """What is asked of the runs of a sweep; see `forecasts.forecast`.

    Attributes:
        best: How many of them count as good.
        threshold: Or the final value from which on one does.
        rate: The share of good runs that may be stopped.
        target: The metric whose final value is forecast.
        direction: Which way it gets better.
        budget: The epochs of each run.
    """

    best: int | None
    threshold: float | None
    rate: float
    target: str | None
    direction: Direction | None
    budget: float | None

    @property
    def asked_for(self) -> bool:
        """Whether the user has asked for something that only a comparison can answer."""
        return self.best is not None or self.target is not None or self.budget is not None

    def forecasts(self, runs: Sequence[Run], known: Sequence[Run], *, wanted: bool) -> dict[int, Prediction]:
        """Forecast runs by comparing them: all if that is wanted, else those that no shipped predictor knows.

        Args:
            runs: As far as they have come.
            known: Finished runs of their sweep.
            wanted: Whether to compare all runs, and to raise an error where that cannot be done.

        Returns:
            The forecast of each run that was compared, by its place.

        Raises:
            SettingError: As `forecast`.
        """
        places = [place for place, run in enumerate(runs) if wanted or why_not_applicable(run.settings)]
        if not places or not (wanted or len(places) > LEAST_COMPANY):
            return {}
        try:
            found = forecast(
                [runs[place] for place in places],
                known=known,
                budget=self.budget,
                target=self.target,
                direction=self.direction,
                threshold=self.threshold,
                best=self.best,
                rate=self.rate,
            )
        except SettingError:
            if wanted:
                raise
            return {}
        return dict(zip(places, found, strict=True))
