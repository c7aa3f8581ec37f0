"""Sets of nodes at one position, each stored once and numbered.

When an operation combines values (an attention score, a mean over channels, a layer over tokens), a position depends
on several nodes. Such a set gets one more node index, beyond those of all nodes, so it moves through every further
operation like a node, and only a layer that reads it asks which nodes it stands for.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Literal

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional

from epochgraph.topology.program import Shape
from epochgraph.topology.spans import NO_NODE

FIRST = 1 << 40
"""The number of the first bundle: more than there are nodes, and small enough to be exact in float64."""

LARGEST = 1 << 26
"""The most positions whose nodes are looked at one by one: half a gigabyte of indices."""

Kind = Literal["met", "statistic", "choice", "truth"]


@dataclass(frozen=True, slots=True)
class Bundle:
    """Nodes that stand at one place.

    Attributes:
        kind: How they met: in a product or sum of values that goes on ("met"); in a statistic, such as a mean, by which
            the values may then be normalised; as alternatives of which the data choose one ("choice"); or in what they
            decide, such as which is the largest ("truth"): it gives way to any value that it meets.
        members: Node indices: sorted, of a choice in the order of the alternatives.
        choice: Of a choice, the name of the value that chooses.
    """

    kind: Kind
    members: tuple[int, ...]
    choice: str = ""


class Bundles:
    """All bundles of one program, each stored once."""

    def __init__(self) -> None:
        self.known: list[Bundle] = []
        self.numbers: dict[Bundle, int] = {}

    def number(self, bundle: Bundle) -> int:
        """The bundle's index; for a single node that is not a choice, the node's own."""
        if len(bundle.members) == 1 and bundle.kind not in ("choice", "truth"):
            return bundle.members[0]
        number = self.numbers.setdefault(bundle, FIRST + len(self.known))
        if number == FIRST + len(self.known):
            self.known.append(bundle)
        return number

    def __getitem__(self, number: int) -> Bundle:
        """The bundle of an index."""
        return self.known[number - FIRST]

    def members(self, number: int) -> tuple[int, ...]:
        """The nodes that an index stands for; none for `NO_NODE`."""
        if number == NO_NODE:
            return ()
        return self[number].members if number >= FIRST else (number,)

    def together(self, nodes: Tensor, dimensions: Shape, kind: Kind = "met") -> Tensor | None:
        """The nodes along some dimensions, combined at one position.

        Args:
            nodes: Index at each place.
            dimensions: The dimensions to take out; they stay with size 1.
            kind: How they meet, where there is more than one.

        Returns:
            An index at each remaining place; None if there are too many places to look at.
        """
        rest = thin(nodes)
        shape = tuple(1 if d in dimensions else n for d, n in enumerate(nodes.shape))
        if all(rest.shape[d] == 1 for d in dimensions):
            return rest.expand(shape)
        if rest.numel() == 0:
            return torch.full((), NO_NODE).expand(shape)
        staying = [d for d in range(nodes.dim()) if d not in dimensions]
        (rest,), repeated = without_repetitions([rest])
        if rest.numel() > LARGEST:
            return None
        size = [rest.shape[d] for d in staying]
        lines = rest.permute(*staying, *dimensions).reshape(prod(size), -1)
        found = self._of_lines(lines, kind).reshape(size)
        for dimension in sorted(d % nodes.dim() for d in dimensions):
            found = found.unsqueeze(dimension)
        return with_repetitions(found, {d: places for d, places in repeated.items() if d in staying}).expand(shape)

    def _of_lines(self, lines: Tensor, kind: Kind) -> Tensor:
        """The bundle of each row."""
        low, high = lines.amin(1), lines.amax(1)
        found = high.clone()
        several = torch.nonzero((low != high) & (torch.where(lines == NO_NODE, high[:, None], lines).amin(1) != high))
        if len(several) == 0:
            return found
        rows = lines[several.flatten()].numpy()
        _, first, inverse = np.unique(_marks(rows), axis=0, return_index=True, return_inverse=True)
        numbers = [self.number(self._union(set(row), kind)) for row in rows[first].tolist()]
        found[several.flatten()] = torch.tensor(numbers)[torch.from_numpy(inverse.reshape(-1))]
        return found

    def is_truth(self, number: int) -> bool:
        """Whether an index stands for a decision made by values."""
        return number >= FIRST and self[number].kind == "truth"

    def _union(self, marks: set[int], kind: Kind) -> Bundle:
        """All nodes of some indices; those in truths only where there are no others."""
        nodes = {number for number in marks if NO_NODE != number < FIRST}
        bundles = [self[number] for number in marks if number >= FIRST]
        values = [bundle for bundle in bundles if bundle.kind != "truth"]
        decided = not nodes and not values
        members = nodes.union(*(bundle.members for bundle in (bundles if decided else values)))
        return Bundle("truth" if decided else kind, tuple(sorted(members)))


def thin(nodes: Tensor, *, kept: int = 0) -> Tensor:
    """Indices with one place along each dimension of stride zero: there they are constant, and one stands for all.

    Args:
        nodes: Index at each place.
        kept: How many of the last dimensions stay as they are.
    """
    leading = nodes.stride()[: nodes.dim() - kept]
    return nodes[tuple(slice(None) if stride else slice(1) for stride in leading)]


def compact(nodes: Tensor) -> Tensor:
    """Indices with one place along each dimension in which they do not change."""
    rest = thin(nodes)
    for dimension in range(rest.dim()):
        if rest.shape[dimension] > 1:
            first, last = rest.narrow(dimension, 0, 1), rest.narrow(dimension, -1, 1)
            if torch.equal(first, last) and bool((rest == first).all()):  # most that change differ at the ends
                rest = first
    return rest


def without_repetitions(terms: Sequence[Tensor]) -> tuple[list[Tensor], dict[int, Tensor]]:
    """Indices without places that are the same, in all terms, as those before them: most tokens are alike.

    Args:
        terms: Of one shape.

    Returns:
        What is left of them, with size 1 where a layer does not change; and for each dimension that is shorter now the
        place there that each place had.
    """
    terms, repeated = [thin(nodes) for nodes in terms], {}
    for dimension in range(terms[0].dim()):
        changes = [_changes(nodes, dimension) for nodes in terms if nodes.shape[dimension] > 1]
        if changes and not (new := torch.stack(changes).any(0)).all():
            repeated[dimension] = functional.pad(new.cumsum(0), (1, 0))
            first = functional.pad(torch.nonzero(new).flatten() + 1, (1, 0))
            terms = [n.index_select(dimension, first) if n.shape[dimension] > 1 else n for n in terms]
    return terms, repeated


def _changes(nodes: Tensor, dimension: int) -> Tensor:
    """Whether any position along a dimension differs from the one before."""
    count = nodes.shape[dimension] - 1
    changed = nodes.narrow(dimension, 1, count) != nodes.narrow(dimension, 0, count)
    return changed.movedim(dimension, 0).reshape(count, -1).any(1)


def with_repetitions(nodes: Tensor, repeated: Mapping[int, Tensor]) -> Tensor:
    """The reverse of `without_repetitions`, for results computed from the indices."""
    for dimension, places in repeated.items():
        nodes = nodes.index_select(dimension, places)
    return nodes


def _marks(rows: np.ndarray) -> np.ndarray:
    """Two numbers for each row that are the same for rows of the same nodes in whatever order, and differ for others.

    They are sums of well mixed 64-bit numbers (splitmix64), one of each node: that two rows of different nodes agree in
    both by chance is out of the question, and it takes no sorting.
    """
    return np.stack([_mixed(rows.astype(np.uint64) + np.uint64(start)).sum(1) for start in (0, 1 << 60)], axis=1)


def _mixed(numbers: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        numbers = (numbers ^ (numbers >> np.uint64(shift))) * np.uint64(factor)
    mixed: npt.NDArray[np.uint64] = numbers ^ (numbers >> np.uint64(31))
    return mixed
