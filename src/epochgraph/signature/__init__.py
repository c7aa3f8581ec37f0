"""Graphs over time -> Signature (times x named features), smoothing."""

from epochgraph.signature.extraction import Features, Past, assembled, extended, feature_names, named_measure, signature
from epochgraph.signature.structure import Signature

__all__ = ["Features", "Past", "Signature", "assembled", "extended", "feature_names", "named_measure", "signature"]
