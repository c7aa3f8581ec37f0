"""The node that each position of a weight's input axis reads, as a few runs instead of one number per position."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Int64

NO_NODE = -1
"""The position carries no node: zero padding, or a constant."""

NodeIndex = Int64[np.ndarray, "positions"]


@dataclass(frozen=True, slots=True)
class Span:
    """`count` consecutive groups of nodes from `first` on, each read at `repeat` consecutive positions.

    A group has `width` nodes, which stand at the same positions together: one, as a rule; the size of a head for the
    queries that meet in an attention score. `first` is `NO_NODE` for positions that carry no node; `count` and `width`
    are then 1.
    """

    first: int
    count: int
    repeat: int
    width: int = 1


def spans(nodes: NodeIndex, widths: NodeIndex | None = None) -> tuple[Span, ...]:
    """Encode the nodes at each position as the fewest spans that a single pass from left to right finds.

    A plain layer is one span, and so is a flatten (each channel repeated once per pixel); a concatenation has one per
    source. So a topology stays small as data, can be compared, and is readable in its JSON file.

    Args:
        nodes: The first node read at each position; `NO_NODE` where there is none.
        widths: How many nodes from it on stand there; None for one each.
    """
    if len(nodes) == 0:
        return ()
    widths = np.ones_like(nodes) if widths is None else widths
    changes = (np.diff(nodes, prepend=nodes[0] - 1) != 0) | (np.diff(widths, prepend=widths[0]) != 0)
    starts = np.flatnonzero(changes)
    lengths = np.diff(starts, append=len(nodes))
    values, wide = nodes[starts], widths[starts]
    # A new span begins where nodes do not follow their predecessors, or are repeated a different number of times.
    follows = (np.diff(values) == wide[:-1]) & (np.diff(wide) == 0) & (np.diff(lengths) == 0) & (values[:-1] != NO_NODE)
    heads = np.flatnonzero(np.concatenate([[True], ~follows]))
    counts = np.diff(heads, append=len(values))
    return tuple(
        Span(int(values[head]), int(count), int(lengths[head]), int(wide[head]))
        for head, count in zip(heads, counts, strict=True)
    )


def nodes(encoded: tuple[Span, ...]) -> tuple[NodeIndex, NodeIndex]:
    """Decode spans to the first node at each position and how many stand there; the inverse of `spans`."""
    firsts = [
        np.repeat(span.first + span.width * np.arange(span.count, dtype=np.int64), span.repeat) for span in encoded
    ]
    widths = [np.full(span.count * span.repeat, span.width, dtype=np.int64) for span in encoded]
    empty = np.empty(0, dtype=np.int64)
    return (np.concatenate(firsts), np.concatenate(widths)) if encoded else (empty, empty)
