"""Graphs over time -> Signature (times x named features), smoothing."""

from epochgraph.signature.extraction import References, assembled, extended, signature
from epochgraph.signature.features import Features, feature_names, named_measure
from epochgraph.signature.structure import Signature

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
