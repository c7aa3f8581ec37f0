"""Graphs over time -> Signature (times x named features), smoothing."""

from epochgraph.signature.fold import References, assembled, extended, signature
from epochgraph.signature.settings import Features, feature_names, named_measure
from epochgraph.signature.time_series import Signature

__all__ = [
    "Features",
    "References",
    "Signature",
    "assembled",
    "extended",
    "feature_names",
    "named_measure",
    "signature",
]
