"""Scopes: the groups of nodes that features are computed over."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Literal

from epochgraph.topology import Part

Scoping = Literal["graph", "part", "depth"]

DEPTHS = ("early", "middle", "late")
"""The thirds of a network, so that networks of different depth have the same features."""


@dataclass(frozen=True, slots=True, eq=False)
class Scope:
    """A group of consecutive parts.

    Attributes:
        name: "graph", "part:" and the part's name, or "depth:" and the third.
        parts: Indices of the parts.
        nodes: The positions of their nodes in a vector of node values.
    """

    name: str
    parts: frozenset[int]
    nodes: slice


def scopes(parts: Sequence[Part], scoping: Scoping) -> list[Scope]:
    """Group the parts of a graph.

    Args:
        parts: The parts in forward order.
        scoping: "graph" for all of them together, as in the paper; "part" for each on its own; "depth" for the early,
            middle and late third by their place in the forward order. A third without parts is left out.
    """
    if scoping == "graph":
        return [Scope("graph", frozenset(range(len(parts))), slice(0, sum(part.size for part in parts)))]
    begins = list(accumulate((part.size for part in parts), initial=0))
    if scoping == "part":
        return [_scope(f"part:{part.name}", [index], begins) for index, part in enumerate(parts)]
    thirds = [min(2, 3 * index // max(1, len(parts) - 1)) for index in range(len(parts))]
    return [
        _scope(f"depth:{depth}", [index for index, number in enumerate(thirds) if number == third], begins)
        for third, depth in enumerate(DEPTHS)
        if third in thirds
    ]


def _scope(name: str, chosen: Sequence[int], begins: Sequence[int]) -> Scope:
    return Scope(name, frozenset(chosen), slice(begins[chosen[0]], begins[chosen[-1] + 1]))
