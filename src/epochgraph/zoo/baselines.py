"""What the weights say without a graph: the baselines of the paper and of Unterthiner et al."""

from collections.abc import Mapping

import numpy as np
from jaxtyping import Float16, Float64
from torch import Tensor, nn

from epochgraph.predictors.views import SEVEN
from epochgraph.signature.statistics import STATISTICS, statistics

PERCENTILES = (0, 25, 50, 75, 100)

PARAMETER_STATISTICS = (*SEVEN, *(name for name in STATISTICS if name not in ("mean", "median")))
"""The seven aggregators, and those of the signature that are not among them (the median is a percentile)."""

PARAMETER_CHANGES = (("norm", ""), ("relative_change", "initial"), ("relative_change", "previous"))
"""Each as the summary of a `FeatureName`, and since when."""

Values = Float64[np.ndarray, "values"]


def parameters(model: nn.Module) -> dict[str, Tensor]:
    """The parameters of a network by name, detached and shared with it; a shared parameter once."""
    return {name: parameter.detach() for name, parameter in model.named_parameters()}


def last_layer(model: nn.Module) -> dict[str, Tensor]:
    """Weight and bias of the last layer, that is, of the last module with parameters."""
    *_, last = (module for module in model.modules() if any(True for _ in module.parameters(recurse=False)))
    return dict(last.named_parameters(recurse=False))


def flattened(tensors: Mapping[str, Tensor]) -> Values:
    """All values in one vector, in float64."""
    return np.concatenate([tensor.detach().cpu().double().numpy().ravel() for tensor in tensors.values()])


def aggregated(values: Values) -> Float64[np.ndarray, "statistics"]:
    """`PARAMETER_STATISTICS` of some weights.

    References:
        Unterthiner et al. 2020, "Predicting neural network accuracy from weights", section 3; Vahedian et al. 2022,
        section 4 (its baselines of the last layer).
    """
    percentiles = np.percentile(values, PERCENTILES)
    _, mean, deviation, skewness, kurtosis = statistics(values)
    return np.array([mean, deviation**2, *percentiles, deviation, skewness, kurtosis])


def changes(now: Values, initial: Values, previous: Values) -> Float64[np.ndarray, "changes"]:
    """`PARAMETER_CHANGES`: the L2 norm, and that of the difference to an earlier time relative to the norm then.

    NaN where the earlier norm was zero.
    """
    relative = []
    for then in (initial, previous):
        norm = np.linalg.norm(then)
        relative.append(np.linalg.norm(now - then) / norm if norm else np.nan)
    return np.array([np.linalg.norm(now), *relative])


def half(values: Values) -> Float16[np.ndarray, "values"]:
    """The values in 16 bits; values beyond their range become infinite."""
    with np.errstate(over="ignore"):
        return values.astype(np.float16)
