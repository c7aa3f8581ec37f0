"""Views for the paper's tables only: of single measures, of the last layer and of every weight."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from epochgraph.errors import SettingError
from epochgraph.predictors.curves import hyper_parameters, validation_curve
from epochgraph.predictors.views import LAST_LAYER, SEVEN, Selected, View
from epochgraph.runs import Run
from epochgraph.signature.names import LEVELS, PARAMETER, FeatureChoice
from epochgraph.signature.smoothing import Smoothing
from epochgraph.signature.statistics import STATISTICS

FIVE = ("percentile_50", "mean", "std", "skewness", "kurtosis")
"""The statistics of the signature, by their names for weights in a zoo."""


def minus_initial(run: Run) -> Run:
    """A run with each feature minus its value at the first snapshot."""
    signature = run.signature
    return replace(run, signature=replace(signature, values=signature.values - signature.values[0]))


@dataclass(frozen=True, slots=True)
class Transformed:
    """Another view, applied to transformed runs.

    Attributes:
        view: The other view.
        made: Transforms a run, such as `folded` or `minus_initial`.
    """

    view: View
    made: Callable[[Run], Run]

    def __call__(self, runs: Sequence[Run], epoch: float) -> pd.DataFrame:
        """See `View`."""
        return self.view([self.made(run) for run in runs], epoch)


def statistics_of(values: str, *, smoothing: Smoothing = "none", alpha: float = 0.5) -> View:
    """The paper's signature: five statistics of node values over the whole graph, at each whole epoch from 1 on.

    Args:
        values: What is measured: the name of a measure, or "unrolled_degree".
        smoothing: How each statistic is averaged with its past.
        alpha: Weight of the present in exponential smoothing.

    References:
        Vahedian et al. 2022, section 3 (S3).
    """
    return Selected(FeatureChoice((values,), ("graph",), STATISTICS, LEVELS), smoothing=smoothing, alpha=alpha)


def last_layer_statistics(aggregators: Sequence[str]) -> View:
    """Statistics of the weights and biases of the last layer, at each whole epoch from 1 on.

    References:
        Vahedian et al. 2022, section 4.1: B_W^ has `SEVEN`, B_W' has `FIVE`.
    """
    return Selected(FeatureChoice((LAST_LAYER,), summaries=tuple(aggregators)))


def every_layer_statistics(aggregators: Sequence[str] = SEVEN) -> View:
    """Statistics of each weight and bias of the network, at each whole epoch from 1 on.

    References:
        Unterthiner et al. 2020, "Predicting neural network accuracy from weights", section 3.
    """
    return Selected(FeatureChoice((PARAMETER,), summaries=tuple(aggregators)))


def last_layer_weights(runs: Sequence[Run], epoch: float) -> pd.DataFrame:
    """All weights and biases of the last layer at `epoch`, or the latest before it that is in the file.

    Raises:
        SettingError: A run has none recorded by then, or their numbers differ.

    References:
        Vahedian et al. 2022, section 4.1 (B_Wl).
    """
    rows = []
    for run in runs:
        recording = run.recordings.get(LAST_LAYER)
        if recording is None or not (recording.times <= epoch).any():
            raise SettingError("runs", run.name, f"recorded with their last layer up to epoch {epoch:g}")
        rows.append(recording.values[recording.times <= epoch][-1].astype(np.float64))
    sizes = {len(row) for row in rows}
    if len(sizes) > 1:
        raise SettingError("last layers", sorted(sizes), "of one number of weights, to compare them weight by weight")
    return pd.DataFrame(np.stack(rows)).add_prefix("weight")


def learning_curve_with_differences(runs: Sequence[Run], epoch: float) -> pd.DataFrame:
    """The validation accuracies up to `epoch`, their first and second differences, and the hyper-parameters.

    References:
        Baker et al. 2017, "Accelerating neural architecture search using performance prediction", section 3.1.
    """
    curve = validation_curve(runs, epoch)
    first = curve.diff(axis="columns").iloc[:, 1:].add_prefix("difference_of_")
    second = first.diff(axis="columns").iloc[:, 1:].add_prefix("second_")
    return pd.concat([curve, first, second, hyper_parameters(runs, epoch)], axis="columns")
