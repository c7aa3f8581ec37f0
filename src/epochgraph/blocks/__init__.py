"""Block: the weights of one join as a linear operator.

A measure never sees a weight, it only multiplies. So a dense layer, a grouped convolution, a slice of a concatenation
and an unrolled convolution that would not fit in memory all look the same to it; a new kind of layer is a new Block.
"""

from epochgraph.blocks.block import Block, Entries, Pair
from epochgraph.blocks.composite import Gathered, Positions, Scaled, Sum, Transposed
from epochgraph.blocks.dense import Dense, Grouped
from epochgraph.blocks.functional import Functional
from epochgraph.blocks.kernels import norms
from epochgraph.blocks.streamed import Scan, Streamed, Way

__all__ = [
    "Block",
    "Dense",
    "Entries",
    "Functional",
    "Gathered",
    "Grouped",
    "Pair",
    "Positions",
    "Scaled",
    "Scan",
    "Streamed",
    "Sum",
    "Transposed",
    "Way",
    "norms",
]
