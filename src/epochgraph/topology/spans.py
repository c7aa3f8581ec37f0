"""Which node each position of a weight's input axis reads, as a few runs instead of one number a position."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Int64

NO_NODE = -1
"""The position carries no node: zero padding, or a constant."""

NodeIndex = Int64[np.ndarray, "positions"]


@dataclass(frozen=True, slots=True)
class Span:
    """`count` consecutive nodes from `first` on, each read at `repeat` consecutive positions.

    `first` is `NO_NODE` for positions that carry no node; `count` is then 1.
    """

    first: int
    count: int
    repeat: int


def spans(nodes: NodeIndex) -> tuple[Span, ...]:
    """Encode one node a position as the fewest spans that a single pass from left to right finds.

    A plain layer is one span, a flatten too (each channel repeated once a pixel), a concatenation has one a source:
    so a topology stays small as data, can be compared, and is readable in its JSON file.

    Args:
        nodes: Node read at each position; `NO_NODE` where there is none.
    """
    if len(nodes) == 0:
        return ()
    starts = np.flatnonzero(np.diff(nodes, prepend=nodes[0] - 1))
    lengths = np.diff(starts, append=len(nodes))
    values = nodes[starts]
    # A new span begins where the node does not follow its predecessor or is repeated another number of times.
    follows = (np.diff(values) == 1) & (np.diff(lengths) == 0) & (values[:-1] != NO_NODE)
    heads = np.flatnonzero(np.concatenate([[True], ~follows]))
    counts = np.diff(heads, append=len(values))
    return tuple(
        Span(int(values[head]), int(count), int(lengths[head])) for head, count in zip(heads, counts, strict=True)
    )


def nodes(encoded: tuple[Span, ...]) -> NodeIndex:
    """Decode spans to one node a position; the inverse of `spans`."""
    pieces = [
        np.repeat(np.arange(span.first, span.first + span.count, dtype=np.int64), span.repeat) for span in encoded
    ]
    return np.concatenate(pieces) if pieces else np.empty(0, dtype=np.int64)
