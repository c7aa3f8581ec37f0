"""Runs of a sweep -> how each will end: forecasts that learn from many other sweeps, and from this one."""

from epochgraph.forecasts.fitting import FinishedSweep, finished_sweep, fitted_prior
from epochgraph.forecasts.forecasting import forecast
from epochgraph.forecasts.prior import Prior, read_prior, shipped_prior, write_prior

__all__ = [
    "FinishedSweep",
    "Prior",
    "finished_sweep",
    "fitted_prior",
    "forecast",
    "read_prior",
    "shipped_prior",
    "write_prior",
]
