"""Scopes: the groups of nodes that features are computed over."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Int64

from epochgraph.topology import Part

Scoping = Literal["graph", "part", "depth"]

DEPTHS = ("early", "middle", "late")
"""Thirds of the network, so that networks of different depth have the same features."""


@dataclass(frozen=True, slots=True, eq=False)
class Scope:
    """A group of parts.

    Attributes:
        name: "graph", "part:" and the part's name, or "depth:" and the third.
        parts: Indices of the parts.
        nodes: Indices of their nodes.
    """

    name: str
    parts: frozenset[int]
    nodes: Int64[np.ndarray, "nodes"]


def scopes(parts: Sequence[Part], scoping: Scoping) -> list[Scope]:
    """Group the parts of a graph.

    Args:
        parts: The parts in forward order.
        scoping: "graph" for all of them together, as in the paper; "part" for each on its own; "depth" for the early,
            middle and late third by their place in the forward order. A third without parts is left out.
    """
    if scoping == "graph":
        return [_scope("graph", parts, range(len(parts)))]
    if scoping == "part":
        return [_scope(f"part:{part.name}", parts, [index]) for index, part in enumerate(parts)]
    thirds = [min(2, 3 * index // max(1, len(parts) - 1)) for index in range(len(parts))]
    return [
        _scope(f"depth:{depth}", parts, [index for index, number in enumerate(thirds) if number == third])
        for third, depth in enumerate(DEPTHS)
        if third in thirds
    ]


def _scope(name: str, parts: Sequence[Part], chosen: Sequence[int]) -> Scope:
    begins = np.cumsum([0, *(part.size for part in parts)])
    nodes = np.concatenate([np.arange(begins[index], begins[index + 1]) for index in chosen])
    return Scope(name, frozenset(chosen), nodes)
