"""What a logger is given of a snapshot: plain numbers under names with a slash, as all of them have it."""

import math

from epochgraph.predictors import Prediction
from epochgraph.signature import Signature
from epochgraph.signature.names import SINCE, FeatureName

SHORT = {"eigenvector_centrality": "centrality"}
"""Measures that have a shorter name in logs."""


def scalars(signature: Signature, prediction: Prediction) -> dict[str, float]:
    """The forecast, and the features of the whole graph at the last snapshot; what is not known is left out."""
    low, high = prediction.interval or (None, None)
    forecast = {"forecast": prediction.accuracy, "forecast_low": low, "forecast_high": high}
    forecast["chance_of_a_good_end"] = prediction.p_good
    found = {name: value for name, value in forecast.items() if value is not None}
    for text, value in zip(signature.names, signature.values[-1].tolist(), strict=True):
        name = FeatureName.parse(text)
        if name.scope == "graph":
            short = f"{SHORT.get(name.measure, name.measure)}/{name.summary}"
            found[f"{short}{SINCE}{name.since}" if name.since else short] = value
    return {name: value for name, value in found.items() if math.isfinite(value)}
