"""Graph: one network at one moment, as ordered parts of nodes joined by weighted blocks."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property, reduce
from itertools import pairwise
from typing import NamedTuple

import networkx as nx
import numpy as np
from jaxtyping import Float64
from scipy import sparse

from epochgraph.blocks import Block, Pair
from epochgraph.errors import NonFiniteWeightsError, ShapeMismatchError
from epochgraph.graph.cores import shared_out
from epochgraph.topology import Part

NodeValues = Float64[np.ndarray, "nodes"]
"""One value per node: the input comes first, then part by part in forward order."""

PartValues = Float64[np.ndarray, "parts"]
"""One value per part, in forward order; NaN for a part without one."""

_Reading = tuple[Block, int, tuple[int, ...]]
"""A block, its target and the sources that it reads."""


class Product(NamedTuple):
    """What one layer contributes to a product with the adjacency.

    Attributes:
        target: Index of the part that reads.
        sources: Indices of the parts whose sum it reads; they have equally many nodes.
        forward: For each node of the target, its weights times the values of what it reads.
        backward: For each node of a source, the weights of its readers times their values.
    """

    target: int
    sources: tuple[int, ...]
    forward: Float64[np.ndarray, "targets"]
    backward: Float64[np.ndarray, "sources"]


@dataclass(frozen=True, eq=False)
class Graph:
    """One network at one moment: ordered parts of nodes, joined by weighted blocks.

    The adjacency is symmetric and never built; a measure needs only its product with a vector. A block that joins a
    part to itself (a layer called again on its own output) counts both ways, like every other edge.

    Attributes:
        parts: Name and number of nodes of each part, in forward order; the input comes first.
        blocks: (source, target) part indices -> weights, as an operator from source to target nodes.
        features: The requested node features, by name; for each part an array with one row per node, or None.
        epoch: When in training it was taken, if known.
        nonfinite: Parameter -> number of NaN or infinite weights, for a snapshot recorded as diverged.

    Examples:
        >>> import numpy as np
        >>> import torch
        >>> from epochgraph import rolled_graph
        >>> graph = rolled_graph({"0.weight": torch.ones(2, 3), "1.weight": torch.ones(1, 2)})
        >>> [(part.name, part.size) for part in graph.parts], list(graph.blocks)
        ([('input', 3), ('0', 2), ('1', 1)], [(0, 1), (1, 2)])
        >>> output = np.array([0.0, 0.0, 0.0, 0.0, 0.0, 1.0])
        >>> graph.matvec(output)  # the weights of its edges
        array([0., 0., 0., 1., 1., 0.])
    """

    parts: tuple[Part, ...]
    blocks: Mapping[tuple[int, int], Block]
    features: Mapping[str, tuple[np.ndarray | None, ...]] = field(default_factory=dict)
    epoch: float | None = None
    nonfinite: Mapping[str, int] = field(default_factory=dict)

    @property
    def sizes(self) -> tuple[int, ...]:
        """Number of nodes of each part."""
        return tuple(part.size for part in self.parts)

    @property
    def size(self) -> int:
        """Number of nodes."""
        return sum(self.sizes)

    @cached_property
    def ranges(self) -> tuple[slice, ...]:
        """The positions of each part's nodes in a vector of node values."""
        ends = np.cumsum([0, *self.sizes]).tolist()
        return tuple(slice(begin, end) for begin, end in pairwise(ends))

    @cached_property
    def row_sums(self) -> NodeValues:
        """The adjacency times a vector of ones; computed once, since it also proves that all weights are finite.

        Raises:
            NonFiniteWeightsError: The graph is recorded as diverged.
        """
        return self.added(self._sums)

    @property
    def incoming(self) -> PartValues:
        """The sum of all weights into each part; 0 for the inputs of the network.

        Raises:
            NonFiniteWeightsError: The graph is recorded as diverged.
        """
        totals = np.zeros(len(self.parts))
        for layer in self._sums:
            totals[layer.target] += layer.forward.sum()
        return totals

    @cached_property
    def _sums(self) -> tuple[Product, ...]:
        """The product with ones, layer by layer."""
        if self.nonfinite:
            raise NonFiniteWeightsError(self.nonfinite)
        sums = shared_out(lambda reading: reading[0].sums(), self._readings, self._work)
        return tuple(
            Product(target, sources, len(sources) * of_targets, of_sources)
            for (_, target, sources), (of_targets, of_sources) in zip(self._readings, sums, strict=True)
        )

    def matvec(self, x: NodeValues) -> NodeValues:
        """Multiply the adjacency by `x`, in time proportional to the number of weights.

        Args:
            x: One value per node.

        Raises:
            ShapeMismatchError: The length of `x` is not the number of nodes.
            NonFiniteWeightsError: The graph is recorded as diverged.
        """
        return self.added(self.products(x))

    def products(self, x: NodeValues) -> Iterator[Product]:
        """Multiply the adjacency by `x`, and keep the contributions of the layers separate.

        Args:
            x: One value per node.

        Raises:
            ShapeMismatchError: The length of `x` is not the number of nodes.
            NonFiniteWeightsError: The graph is recorded as diverged.
        """
        x = np.asarray(x, dtype=np.float64)
        if x.shape != (self.size,):
            raise ShapeMismatchError("the vector", (self.size,), x.shape)
        if self.nonfinite:
            raise NonFiniteWeightsError(self.nonfinite)

        parts = [x[nodes] for nodes in self.ranges]

        def products(reading: _Reading) -> Pair:
            block, target, sources = reading
            return block.products(reduce(np.add, [parts[source] for source in sources]), parts[target])

        found = shared_out(products, self._readings, self._work)
        for (_, target, sources), (forward, backward) in zip(self._readings, found, strict=True):
            yield Product(target, sources, forward, backward)

    def added(self, products: Iterable[Product]) -> NodeValues:
        """The sum of the layers' products: one value per node."""
        result = np.zeros(self.size)
        parts = [result[nodes] for nodes in self.ranges]  # views of it
        for product in products:
            parts[product.target] += product.forward
            for source in product.sources:
                parts[source] += product.backward
        return result

    @cached_property
    def _readings(self) -> tuple[_Reading, ...]:
        """Blocks with their target and all their sources: a block that reads a sum is multiplied once for all terms."""
        sources: dict[tuple[int, int], list[int]] = {}
        blocks = {}
        for (source, target), block in self.blocks.items():
            sources.setdefault((id(block), target), []).append(source)
            blocks[id(block), target] = block
        return tuple((blocks[key], key[1], tuple(found)) for key, found in sources.items())

    @property
    def work(self) -> int:
        """The number of weights in large layers: reading them takes most of the time of a product."""
        return sum(self._work)

    @cached_property
    def _work(self) -> tuple[int, ...]:
        """The amount of work for each reading."""
        return tuple(block.work for block, _, _ in self._readings)

    def to_scipy(self) -> sparse.csr_array:
        """The symmetric adjacency as a SciPy sparse array of float64; parallel edges are added up.

        Raises:
            NonFiniteWeightsError: The graph is recorded as diverged.
            SettingError: It is an unrolled graph that is too large to write out.
        """
        if self.nonfinite:
            raise NonFiniteWeightsError(self.nonfinite)
        directed = sparse.coo_array((self.size, self.size), dtype=np.float64)
        for (source, target), block in self.blocks.items():
            rows, columns, values = block.entries()
            places = (rows + self.ranges[target].start, columns + self.ranges[source].start)
            directed = directed + sparse.coo_array((values, places), shape=directed.shape)
        return sparse.csr_array(directed + directed.T)

    def to_networkx(self) -> nx.Graph:
        """The graph as a NetworkX graph, to measure and draw it there.

        Returns:
            Nodes 0, 1, ... in the order of node values, with attributes `part` (name), `layer` (its index), `index`
            (within the part) and the requested node features; edges with attribute `weight`. The weight of a self-loop
            is doubled, since it counts both ways; NetworkX doubles it once more in a degree.

        Raises:
            NonFiniteWeightsError: The graph is recorded as diverged.
            SettingError: It is an unrolled graph that is too large to write out.
        """
        graph = nx.from_scipy_sparse_array(self.to_scipy())
        for layer, (part, nodes) in enumerate(zip(self.parts, self.ranges, strict=True)):
            for index, node in enumerate(range(nodes.start, nodes.stop)):
                graph.nodes[node].update(part=part.name, layer=layer, index=index)
                for name, values in self.features.items():
                    rows = values[layer]
                    graph.nodes[node][name] = None if rows is None else rows[index]
        return graph
