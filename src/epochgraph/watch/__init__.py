"""The one stateful object, for a training loop: snapshot, store, forecast, decision."""

from epochgraph.watch.answer import Account, Watched
from epochgraph.watch.forecasting import Forecaster
from epochgraph.watch.options import ForecastOptions, WatchOptions
from epochgraph.watch.sweep import Sweep, SweepState
from epochgraph.watch.watching import Watch

__all__ = ["Account", "ForecastOptions", "Forecaster", "Sweep", "SweepState", "Watch", "WatchOptions", "Watched"]
