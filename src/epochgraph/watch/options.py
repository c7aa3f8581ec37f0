"""What may be said of a watch, wherever it is made: by a user or by an integration."""

from pathlib import Path
from typing import TypedDict

from epochgraph.extraction import Extraction
from epochgraph.predictors import Predictor
from epochgraph.watch.forecasting import Forecaster


class ForecastOptions(TypedDict, total=False):
    """The keyword arguments by which a watch measures and forecasts; see `Watch` for what they mean.

    Attributes:
        predictor: What forecasts; None to compare the run with the other runs of its store.
        threshold: The final value from which on an end is good.
        best: How many runs of the sweep count as good, instead.
        rate: The share of runs with a good end that decisions may stop; 5 % where nothing is given.
        extraction: How snapshots are measured; None for what the predictor needs.
    """

    predictor: Predictor | Path | str | Forecaster | None
    threshold: float | None
    best: int | None
    rate: float
    extraction: Extraction | None


class WatchOptions(ForecastOptions, total=False):
    """Beside these, the one that says who acts.

    Attributes:
        stop: Whether answers say to stop. Otherwise (shadow mode, the default) they say only what is thought of a run.
    """

    stop: bool
