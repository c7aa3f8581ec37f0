"""What forecasts of sweeps are compared with: whatever needs neither graphs nor other sweeps, and other statistics.

A rival without known runs orders the runs; with known runs it forecasts their final values.
"""

import warnings
from collections.abc import Callable, Mapping
from functools import partial

import numpy as np
from scipy.optimize import OptimizeWarning, curve_fit
from sklearn.exceptions import ConvergenceWarning
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, ConstantKernel, WhiteKernel

from epochgraph.forecasts import FinishedSweep
from epochgraph.forecasts.scores import CURVE, own_setting_scores
from epochgraph.predictors.forests import RegressionForest
from paper.held_out import GRADIENTS

Order = Callable[[FinishedSweep, float], np.ndarray]
"""A sweep and a share of its budget -> a number a run, the higher, the better."""

Values = Callable[[FinishedSweep, float, np.ndarray, np.ndarray], np.ndarray]
"""Beside these, which ends are known, and the ends (the higher, the better) -> the expected end of each run."""


def progress(sweep: FinishedSweep, share: float) -> np.ndarray:
    """The target's metric of the moment."""
    return sweep.scores[share]["progress"].to_numpy()


def loss(sweep: FinishedSweep, share: float) -> np.ndarray:
    """The validation loss of the moment."""
    return sweep.scores[share]["validation_loss"].to_numpy()


def sum_of_losses(sweep: FinishedSweep, share: float, *, decay: float = 1.0) -> np.ndarray:
    """Minus the sum of the training losses so far (SoTL), or with a decay their moving average (TSE-EMA).

    References:
        Ru et al. 2021, "Speedy performance estimation for neural architecture search".
    """
    found = []
    for one in sweep.runs:
        curve = one.run.metrics["train_loss"]
        losses = curve[(curve.index <= share * one.budget + 1e-9) & (curve.index > 0)].dropna().to_numpy()
        weights = decay ** np.arange(len(losses))[::-1]
        total = float(weights @ losses) if len(losses) and np.isfinite(losses).all() else np.inf
        found.append(-total)
    return np.array(found)


def line(order: Order, sweep: FinishedSweep, share: float, known: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """The line through known ends over what an order says of these runs; beyond them it goes on level."""
    found = order(sweep, share)
    usable = known & np.isfinite(found)
    if usable.sum() < 2 or np.ptp(found[usable]) == 0:
        return np.full(len(ends), ends[known].mean())
    slope, start = np.polyfit(found[usable], ends[usable], 1)
    within = np.clip(np.where(np.isfinite(found), found, -np.inf), found[usable].min(), found[usable].max())
    return np.asarray(start + slope * within)


def settings_process(sweep: FinishedSweep, known: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """A Gaussian process over the settings of the known runs, the same at every share of the budget."""
    table = own_setting_scores(sweep.runs).to_numpy()
    kernel = ConstantKernel(1.0, (0.1, 10)) * RBF(3.0, (0.5, 30)) + WhiteKernel(0.3, (0.01, 1))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model = GaussianProcessRegressor(kernel, normalize_y=True).fit(table[known], ends[known])
        return np.asarray(np.clip(model.predict(table), *bounds(ends[known])))


def forest(
    columns: tuple[str, ...], sweep: FinishedSweep, share: float, known: np.ndarray, ends: np.ndarray
) -> np.ndarray:
    """The trees that our forecasts use, on some columns alone."""
    table = sweep.scores[share][list(columns)].to_numpy()
    return np.asarray(RegressionForest(random_state=0).fit(table[known], ends[known]).predict(table))


def power_law(sweep: FinishedSweep, share: float, known: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """Each run's own curve, drawn on by a power law of the epochs, with no regard to the other runs.

    Where fewer than three values are known, or the fit fails, the latest value stands.

    References:
        Domhan et al. 2015 (pow3).
    """
    low, high = bounds(ends[known])
    found = []
    for one in sweep.runs:
        values = one.run.metrics[sweep.target.progress]
        values = values[values.index <= share * one.budget + 1e-9].dropna()
        times, curve = values.index.to_numpy() + 1.0, sweep.target.sign * values.to_numpy()
        found.append(_extrapolated(times, curve, one.budget + 1.0))
    return np.asarray(np.clip(np.nan_to_num(np.array(found), nan=low, posinf=high, neginf=low), low, high))


def bounds(ends: np.ndarray) -> tuple[float, float]:
    """Half of their range beyond the known ends: no rival is blamed for more than that."""
    reach = 0.5 * float(np.ptp(ends))
    return float(ends.min()) - reach, float(ends.max()) + reach


def _extrapolated(times: np.ndarray, curve: np.ndarray, end: float) -> float:
    if len(curve) < 3 or not np.isfinite(curve).all():
        return float(curve[-1]) if len(curve) else np.nan

    def law(time: np.ndarray, final: float, gain: float, power: float) -> np.ndarray:
        return np.asarray(final - gain * time**-power)

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", OptimizeWarning)
            limits = ([-np.inf, 0.0, 0.01], [np.inf, np.inf, 3.0])
            fitted, _ = curve_fit(law, times, curve, (curve[-1], max(1e-3, np.ptp(curve)), 0.5), bounds=limits)
        return float(law(np.array(end), *fitted))
    except (RuntimeError, ValueError):
        return float(curve[-1])


ORDERS: Mapping[str, Order] = {
    "metric of the moment": progress,
    "validation loss of the moment": loss,
    "sum of training losses (SoTL)": sum_of_losses,
    "mean of training losses (TSE-EMA)": partial(sum_of_losses, decay=0.9),
}
"""The rivals that order runs."""

SETTINGS_PROCESS = "settings (Gaussian process)"
"""What `settings_process` is called."""

VALUES: Mapping[str, Values] = {
    **{name: partial(line, order) for name, order in ORDERS.items()},
    "power law": power_law,
    "curve and loss (trees)": partial(forest, CURVE),
    "gradient statistics (trees)": partial(forest, (*CURVE, *GRADIENTS)),
}
"""The rivals that forecast final values from known ones."""

INSTALLABLE = (*ORDERS, "power law", SETTINGS_PROCESS)
"""Those that people can use today without other sweeps and without our trees."""
