"""Blocks of weights that are still on disk."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from threading import Lock

import numpy as np
from torch import Tensor
from typing_extensions import override

from epochgraph.blocks.block import Block, Entries, Pair, SourceValues, TargetValues


@dataclass(frozen=True, slots=True, eq=False)
class Way:
    """One way to read a weight as a block; there may be several for one weight, as for the heads of an attention.

    Attributes:
        block: Makes the block for some target nodes from their rows as stored, told whether the block must outlast the
            rows.
        sources: The number of source nodes of the block.
        kept: Whether the block stays in memory once it is made.
        light: Whether it is much smaller than what is read for it: such a block is made whenever the weight is read.
    """

    block: Callable[[Tensor, bool], Block]
    sources: int
    kept: bool = False
    light: bool = False


class Scan:
    """One weight that is read again for every product, some rows at a time.

    Args:
        rows: Reads a range of rows, which stay valid until the same thread calls it again.
        count: The number of rows, which are the target nodes.
        step: The number of rows to read at a time.
        ways: The ways to read them.
    """

    def __init__(self, rows: Callable[[int, int], Tensor], count: int, step: int, ways: Sequence[Way]) -> None:
        self.rows = rows
        self.count = count
        self.step = step
        self.ways = tuple(ways)
        self._kept: dict[int, list[Block]] = {}
        self._sums: tuple[Pair, ...] = ()
        self._lock = Lock()

    def blocks(self, way: int) -> Iterator[tuple[slice, Block]]:
        """The blocks for consecutive ranges of target nodes, from memory or from disk."""
        kept = self._kept.get(way)
        if kept is not None:
            yield from zip(self._slices(), kept, strict=True)
            return
        for nodes, made in self._made({way}, {index for index, other in enumerate(self.ways) if other.kept}):
            yield nodes, made[way]

    def sums(self, way: int) -> Pair:
        """The sums for one way; those for all ways are computed in a single pass, once."""
        with self._lock:  # otherwise threads that ask for different ways would each read the weight
            if not self._sums:
                self._sums = self._all_sums()
        return self._sums[way]

    def _all_sums(self) -> tuple[Pair, ...]:
        found = tuple((np.empty(self.count), np.zeros(way.sources)) for way in self.ways)
        light = {index for index, way in enumerate(self.ways) if way.kept and way.light}
        for nodes, made in self._made(set(range(len(self.ways))), light):
            for index, (of_targets, of_sources) in enumerate(found):
                of_targets[nodes], some = made[index].sums()
                of_sources[:] += some
        return found

    def _made(self, wanted: set[int], kept: set[int]) -> Iterator[tuple[slice, dict[int, Block]]]:
        """One pass over the weight: the blocks of some ways, some of which are kept at the end."""
        keep = sorted(kept - self._kept.keys())
        found: dict[int, list[Block]] = {way: [] for way in keep}
        for nodes in self._slices():
            rows = self.rows(nodes.start, nodes.stop)
            made = {way: self.ways[way].block(rows, way in found) for way in sorted(wanted.union(keep))}
            for way in keep:
                found[way].append(made[way])
            yield nodes, made
        self._kept.update(found)

    def _slices(self) -> list[slice]:
        return [slice(begin, min(begin + self.step, self.count)) for begin in range(0, self.count, self.step)]


@dataclass(frozen=True, slots=True, eq=False)
class Streamed(Block):
    """A block that is read from disk for every product, unless it is kept.

    Attributes:
        scan: The weight.
        way: Which of its ways this is.
    """

    scan: Scan
    way: int

    @property
    @override
    def shape(self) -> tuple[int, int]:
        return self.scan.count, self.scan.ways[self.way].sources

    @override
    def products(self, source: SourceValues, target: TargetValues) -> Pair:
        forward, backward = np.empty(self.shape[0]), np.zeros(self.shape[1])
        for nodes, block in self.scan.blocks(self.way):
            forward[nodes], some = block.products(source, target[nodes])
            backward += some
        return forward, backward

    @override
    def sums(self) -> Pair:
        return self.scan.sums(self.way)

    @property
    @override
    def work(self) -> int:
        return self.shape[0] * self.shape[1]

    @override
    def entries(self) -> Entries:
        found = [(nodes.start, *block.entries()) for nodes, block in self.scan.blocks(self.way)]
        rows = [begin + rows for begin, rows, _, _ in found]
        columns, values = [item[2] for item in found], [item[3] for item in found]
        return np.concatenate(rows), np.concatenate(columns), np.concatenate(values)

    @override
    def magnitudes(self) -> Iterator[Tensor]:
        return (weights for _, block in self.scan.blocks(self.way) for weights in block.magnitudes())
