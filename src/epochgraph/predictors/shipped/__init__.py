"""The predictors that come with the package, fitted on all published populations; `README.md` is their model card."""

from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from importlib.resources import as_file, files
from types import MappingProxyType

import numpy as np

from epochgraph.errors import FeatureMismatchError, SettingError
from epochgraph.extraction import Extraction
from epochgraph.predictors.curves import learning_curve_of_epochs
from epochgraph.predictors.prediction import Prediction, divergence, predict_runs
from epochgraph.predictors.shipped.applicability import why_not_applicable
from epochgraph.predictors.storage import Predictor, read_predictor
from epochgraph.predictors.tables import run_table
from epochgraph.predictors.views import Concatenated, View, changes_between_epochs
from epochgraph.runs import Run
from epochgraph.runs.metrics import alike

EXTRACTION = Extraction(scopes=("graph", "depth"), change=("initial", "previous"))
"""How signatures are taken for them: with the features that networks of any architecture have."""

SHIPPED_EPOCHS: tuple[float, ...] = (0.25, 0.5, 1.0, 2.0, 3.0, 5.0)
"""The last epochs that they look at, one predictor each."""

SITUATIONS: Mapping[str, View] = MappingProxyType(
    {
        "weights-and-curve": Concatenated((learning_curve_of_epochs, changes_between_epochs)),
        "weights": changes_between_epochs,
    }
)
"""What they look at, the better one first."""


def file_name(situation: str, epoch: float) -> str:
    """The name of a predictor's file."""
    return f"{situation}@{epoch:g}.skops"


OWN = "for other kinds of runs, fit a predictor on finished ones of your own (`epochgraph fit`)"


def shipped_prediction(
    run: Run, *, threshold: float | None = None, rate: float = 0.05, weights_alone: bool = False
) -> Prediction:
    """Predict how a run ends with the shipped predictor that suits it, and decide only for known kinds of training.

    Args:
        run: Extracted with `EXTRACTION`.
        threshold: The final accuracy from which on a run is good; None for the predictors' own.
        rate: The share of good runs that decisions may stop.
        weights_alone: Whether a run may be stopped on the evidence of its weights alone.

    Raises:
        SettingError: As `shipped_predictor`, unless the weights of the run are NaN or infinite: then the decision is to
            stop, whatever else is known.
    """
    try:
        situation, predictor = _chosen(run)
    except SettingError:
        diverged = divergence(run)
        if diverged is None:
            raise
        times = tuple(run.signature.times.tolist())
        return Prediction(run.name, None, None, None, "stop", diverged, threshold, times)
    (predicted,) = predict_runs(predictor, [run], threshold=threshold, rate=rate)
    blind = situation == "weights"
    notes = (f"the weights alone were looked at, as {_why_blind(run, predictor.up_to)}",) if blind else ()
    predicted = replace(predicted, predictor=f"{situation}@{predictor.up_to:g}", notes=notes)
    reason = None if divergence(run) else why_not_applicable(run.settings)
    if reason is not None:
        return replace(predicted, decision="abstain", reason=f"{reason}; {OWN}")
    if blind and predicted.decision == "stop" and divergence(run) is None and not weights_alone:
        reason = "weights alone stop no run: log the missing metrics, or allow it with `--weights-alone`"
        return replace(predicted, decision="abstain", reason=reason)
    return predicted


def _why_blind(run: Run, epoch: float) -> str:
    """What is missing from the learning curve of a run, up to an epoch."""
    if run.metrics.columns.empty:
        return "there are no metrics"
    reasons = []
    for metric in ("validation_accuracy", "train_loss"):
        if metric not in run.metrics:
            like = alike(metric, [*run.metrics]) or [*run.metrics]
            reasons.append(f"the metrics have no {metric}, but {', '.join(like)}")
        else:
            reasons += _gaps(run, metric, epoch)
    return "; ".join(reasons) or "no predictor knows a curve at these epochs"


def _gaps(run: Run, metric: str, epoch: float) -> list[str]:
    """The epochs at which a metric is missing or not finite."""
    needed = [epoch] if epoch < 1 else np.arange(1.0, epoch + 1).tolist()
    values = {time: run.metrics[metric].get(time) for time in needed}
    absent = [f"{time:g}" for time, value in values.items() if value is None or np.isnan(value)]
    infinite = [f"{time:g}" for time, value in values.items() if value is not None and np.isinf(value)]
    found = ((absent, "is NaN or missing"), (infinite, "is infinite"))
    return [f"{metric} {what} at epoch {', '.join(epochs)}" for epochs, what in found if epochs]


def shipped_predictor(run: Run) -> Predictor:
    """The predictor that looks at the most: at the latest possible epoch, with the learning curve if there is one.

    Args:
        run: Extracted with `EXTRACTION`.

    Raises:
        SettingError: The run has too few snapshots for any of them, or none of the initial weights; or snapshots
            between whole epochs, so that changes since the previous snapshot mean something else than in training; or
            validation accuracies that are not fractions.
    """
    return _chosen(run)[1]


def _chosen(run: Run) -> tuple[str, Predictor]:
    """The predictor for a run, and its situation."""
    _check(run)
    missing = []
    for epoch, situation in ((epoch, situation) for epoch in reversed(SHIPPED_EPOCHS) for situation in SITUATIONS):
        if epoch <= run.signature.times[-1]:
            predictor = stored_predictor(situation, epoch)
            try:
                run_table([run], predictor.columns)
            except FeatureMismatchError as error:
                missing.append(error.args[0][0])
            else:
                return situation, predictor
    epochs = ", ".join(f"{epoch:g}" for epoch in SHIPPED_EPOCHS)
    expected = f"those of snapshots at epoch 0 and at all whole epochs up to one of {epochs}"
    if missing:
        expected += f" ({missing[-1]} is missing)"
    raise SettingError(f"epochs of run {run.name!r}", run.signature.times.tolist(), expected)


def _check(run: Run) -> None:
    """Check that a run was measured as the runs were that the predictors were fitted on."""
    between = [time for time in run.signature.times.tolist() if time > 1 and time % 1]
    if between:
        raise SettingError(f"epochs of run {run.name!r}", between, "whole ones after the first: leave out the others")
    if run.signature.times[0] > 0:
        found = f"{run.signature.times[0]:g}"
        raise SettingError(f"the first epoch of run {run.name!r}", found, "0: changes are since the initial weights")
    accuracy = run.metrics.get("validation_accuracy")
    highest = 0.0 if accuracy is None else accuracy[np.isfinite(accuracy)].max()
    if highest > 1:
        raise SettingError(f"validation_accuracy of run {run.name!r}", float(highest), "a fraction, from 0 to 1")


@cache
def stored_predictor(situation: str, epoch: float) -> Predictor:
    """The shipped predictor for a situation and an epoch."""
    with as_file(files(__name__) / file_name(situation, epoch)) as path:
        return read_predictor(path)
