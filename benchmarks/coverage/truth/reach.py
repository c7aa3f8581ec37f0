"""What a unit can reach by the joins of a topology, whatever their weights are."""

from collections import defaultdict
from collections.abc import Collection, Mapping
from typing import TypeAlias

import numpy as np
from jaxtyping import Bool

from epochgraph.topology import Join, Topology
from epochgraph.topology.spans import NO_NODE, nodes

Units: TypeAlias = Bool[np.ndarray, "units"]
"""Which of a part's units."""


class Reach:
    """Reachability among the units of a topology.

    Args:
        topology: Its joins are all that is looked at: a target reads every position of its group.
    """

    def __init__(self, topology: Topology) -> None:
        self.sizes = topology.sizes
        self.joins: defaultdict[int, list[tuple[Join, np.ndarray, np.ndarray]]] = defaultdict(list)
        for join in topology.joins:
            self.joins[join.source].append((join, *nodes(join.inputs)))

    def beyond(self, part: int, unit: int, held: Collection[int] = ()) -> dict[int, Units]:
        """The units that a unit's edges lead to.

        Args:
            part: Of the unit.
            unit: Its number in the part.
            held: Parts whose units are reached, but pass nothing on.
        """
        start = np.zeros(self.sizes[part], dtype=bool)
        start[unit] = True
        reached = {index: np.zeros(size, dtype=bool) for index, size in enumerate(self.sizes)}
        waiting = [(part, start)]
        while waiting:
            source, fresh = waiting.pop()
            for target, units in self.next(source, fresh).items():
                new = units & ~reached[target]
                reached[target] |= new
                if new.any() and target not in held:
                    waiting.append((target, new))
        return reached

    def next(self, source: int, units: Units) -> Mapping[int, Units]:
        """The units that read one of these."""
        count = np.concatenate([[0], np.cumsum(units)])
        found: dict[int, Units] = {}
        for join, first, width in self.joins[source]:
            begin = np.where(first == NO_NODE, 0, first)
            read = (first != NO_NODE) & (count[begin + width] > count[begin])
            groups = read.reshape(join.groups, -1).any(1)
            targets = groups.repeat(self.sizes[join.target] // join.groups)
            found[join.target] = found.get(join.target, np.zeros_like(targets)) | targets
        return found
