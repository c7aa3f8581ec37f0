"""Blocks of weights on disk, and the choice of those that stay in memory."""

import math
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from epochgraph.blocks import Block, Scan, Streamed, Transposed, Way
from epochgraph.checkpoints import Buffer, Location
from epochgraph.errors import WeightDtypeError
from epochgraph.graph.reading import Reading, Readings
from epochgraph.graph.weights import Weights
from epochgraph.topology import Join, Topology

PIECE = 1 << 20
"""The number of values read at a time: few enough to be in the processor's cache when they are added up."""

ROWS = 256
"""Rows are read in multiples of this, after which sums continue in float64, so that results are the same to the bit."""

VECTORS = 24
"""Values a node that an iteration holds."""

WORKING = 96 << 20
"""Bytes for the rows that all threads are working on, and for the data on how to read them."""


@dataclass(frozen=True, slots=True)
class Storage:
    """How weights on disk are read.

    Attributes:
        memory: Bytes that the graph and the iteration of a measure may take.
        watch: Called with the number of bytes whenever some have been read.
        buffer: The memory that they are read into.
    """

    memory: int
    watch: Callable[[int], object] | None = None
    buffer: Buffer = field(default_factory=Buffer)


@dataclass(frozen=True, slots=True, eq=False)
class _Weight:
    """One weight on disk, before any of it is read.

    Attributes:
        key: Equal for weights with the same values.
        shape: Its shape on disk.
        location: The location of its rows; None if it has to be computed as a whole.
        turned: Whether it is stored transposed to how the join reads it.
    """

    key: object
    shape: tuple[int, ...]
    location: Location | None
    turned: bool = False

    @property
    def itemsize(self) -> int:
        """The bytes of a value on disk."""
        return 4 if self.location is None else self.location.dtype.itemsize

    @property
    def bytes(self) -> int:
        """The bytes to read for the whole weight."""
        return math.prod(self.shape) * self.itemsize


@dataclass(frozen=True, slots=True, eq=False)
class _Use:
    """How a join uses a weight on disk.

    Attributes:
        weight: The weight.
        taken: How its rows are taken as a block.
        how: How the join reads that block, or the block turned.
    """

    weight: _Weight
    taken: Reading
    how: Reading

    @property
    def key(self) -> tuple[object, ...]:
        """Equal for uses of one weight in one way."""
        return self.weight.key, self.taken.way

    @property
    def size(self) -> int:
        """Weights of the block."""
        return self.weight.shape[0] * self.taken.sources // self.taken.groups


def streamed_blocks(joins: Sequence[Join], topology: Topology, weights: Weights, storage: Storage) -> list[Block]:
    """The blocks of joins whose weights are on disk, without reading them yet.

    A weight is read once for all sums, and in a product once for each of its uses that is not kept in memory. The
    blocks kept are those that save most reading for their size: first norms of kernels and of heads, then blocks read
    twice.

    Raises:
        ShapeMismatchError, MissingParameterError, WeightDtypeError: As `rolled_graph`.
    """
    readings = Readings(topology)
    uses = [_use(join, weights, readings) for join in joins]
    room = storage.memory - WORKING - 8 * VECTORS * sum(topology.sizes) - _gathering(uses)
    kept = _kept(uses, room, wide=weights.wide)
    blocks: dict[tuple[object, ...], Block] = {}
    for several in _by_weight(uses):
        scan = _scan(several, kept, weights, storage)
        blocks.update({use.key: Streamed(scan, number) for number, use in enumerate(several)})
    sides = {use.key: Transposed(blocks[use.key]) for use in uses if use.weight.turned}
    return [use.how.gathered(sides[use.key] if use.weight.turned else blocks[use.key]) for use in uses]


def _use(join: Join, weights: Weights, readings: Readings) -> _Use:
    location = weights.location(join.parameter)
    if location is not None and not location.dtype.is_floating_point:
        raise WeightDtypeError(join.parameter, str(location.dtype))
    shape = weights.shape(join.parameter) if location is None else location.shape
    how = readings(join, shape)
    if location is not None and location.splits:
        return _Use(_Weight(location, shape, location), how, how)
    if location is not None and how.plain and len(shape) == 2 and location.turned.splits:
        weight = _Weight(location.turned, shape[::-1], location.turned, turned=True)
        return _Use(weight, Reading(None, 1, 1, shape[0], None, None, shape[0]), how)
    return _Use(_Weight(join.parameter, shape, None), how, how)


def _by_weight(uses: Sequence[_Use]) -> list[list[_Use]]:
    """The different uses of each weight."""
    found: dict[object, dict[tuple[object, ...], _Use]] = {}
    for use in uses:
        found.setdefault(use.weight.key, {}).setdefault(use.key, use)
    return [list(several.values()) for several in found.values()]


def _kept(uses: Sequence[_Use], room: int, *, wide: bool) -> set[tuple[object, ...]]:
    """The blocks that stay in memory: first those that save the most reading for their size."""
    counts = Counter(use.key for use in uses)
    offers = [(counts[use.key] * use.weight.bytes / _bytes(use, wide=wide), use) for use in uses if use.size]
    kept: set[tuple[object, ...]] = set()
    for _, use in sorted(offers, key=lambda offer: -offer[0]):
        if use.key not in kept and _bytes(use, wide=wide) <= room:
            kept.add(use.key)
            room -= _bytes(use, wide=wide)
    return kept


def _bytes(use: _Use, *, wide: bool) -> int:
    """The bytes of a block in memory: its weights are kept as stored, or in the dtype of the computation."""
    stored = use.weight.itemsize
    if wide or stored == 8:
        return 8 * use.size
    return (2 if _narrow(use) and use.size == math.prod(use.weight.shape) else 4) * use.size


def _narrow(use: _Use) -> bool:
    """Whether the block uses bfloat16 directly, for which there are kernels, instead of a copy in float32."""
    weight, taken = use.weight, use.taken
    if weight.location is None or weight.location.dtype != torch.bfloat16:
        return False
    return taken.columns is None and taken.groups == 1 and weight.location.dense


def _scan(several: Sequence[_Use], kept: Collection[tuple[object, ...]], weights: Weights, storage: Storage) -> Scan:
    weight = several[0].weight
    whole = weight.location is None or any(use.taken.groups > 1 for use in several)
    step = ROWS * max(1, PIECE // (ROWS * max(1, math.prod(weight.shape[1:]))))
    ways = [_way(use, weights, kept=use.key in kept) for use in several]
    return Scan(_rows(weight, weights, storage), weight.shape[0], max(1, weight.shape[0]) if whole else step, ways)


def _way(use: _Use, weights: Weights, *, kept: bool) -> Way:
    as_stored = _narrow(use) and not weights.wide

    def block(rows: Tensor, lasting: bool) -> Block:  # noqa: FBT001 - as `Way` has it
        return use.taken.block(rows if as_stored else weights.calculable(rows), copy=lasting)

    return Way(block, use.taken.sources, kept, light=2 * use.size <= math.prod(use.weight.shape))


def _rows(weight: _Weight, weights: Weights, storage: Storage) -> Callable[[int, int], Tensor]:
    """What reads some rows of a weight."""
    location, key = weight.location, weight.key

    def rows(begin: int, end: int) -> Tensor:
        found = weights.numbers(str(key))[begin:end] if location is None else location.rows(begin, end, storage.buffer)
        if storage.watch is not None:
            storage.watch(found.numel() * weight.itemsize)
        return found

    return rows


def _gathering(uses: Sequence[_Use]) -> int:
    """The bytes of the lists of nodes that blocks gather; each list exists once."""
    lists = {id(index): index for use in uses for index in (use.how.positions, use.how.nodes) if index is not None}
    return sum(index.nbytes for index in lists.values())
