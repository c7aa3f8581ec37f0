"""Blocks made of a linear function that is never written out."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor
from typing_extensions import override

from epochgraph.blocks.block import Block, Entries, Pair, SourceValues, TargetValues, away, home, matrix_entries
from epochgraph.errors import SettingError

MOST_ENTRIES = 100_000_000
"""Operators with more source-target pairs than this are not written out."""


@dataclass(frozen=True, eq=False)
class Functional(Block):
    """Any linear function of a vector with non-negative coefficients, such as an unrolled convolution.

    Its transpose comes from automatic differentiation, which for a convolution gives the transposed convolution: so an
    operator on millions of nodes needs no more memory than a forward and a backward pass of the layer.

    Attributes:
        function: A linear function of a tensor with one value per source node; its result has one value per target
            node.
        size: Number of target nodes and of source nodes.
        weights: The function's non-negative weights; it works in their dtype and on their device.
    """

    function: Callable[[Tensor], Tensor]
    size: tuple[int, int]
    weights: Tensor

    @property
    @override
    def shape(self) -> tuple[int, int]:
        return self.size

    @override
    def products(self, source: SourceValues, target: TargetValues) -> Pair:
        x = away(source, self.weights).requires_grad_()
        with torch.enable_grad():
            forward = self.function(x).flatten()
        (backward,) = torch.autograd.grad(forward, x, away(target, self.weights))
        return home(forward.detach()), home(backward)

    @cached_property
    def matrix(self) -> Tensor:
        """The operator as a matrix, with a row for each target node; for small graphs only.

        Raises:
            SettingError: It has more than `MOST_ENTRIES` pairs of nodes.
        """
        if self.size[0] * self.size[1] > MOST_ENTRIES:
            expected = f"at most {MOST_ENTRIES:,} pairs, to be written out"
            raise SettingError("nodes of an unrolled layer", self.size, expected)
        zero = torch.zeros(self.size[1]).to(self.weights)
        columns = [self.function(zero.index_fill(0, torch.tensor([n]), 1.0)).flatten() for n in range(self.size[1])]
        return torch.stack(columns, dim=1)

    @override
    def entries(self) -> Entries:
        return matrix_entries(self.matrix)

    @override
    def magnitudes(self) -> Iterator[Tensor]:
        yield self.weights
