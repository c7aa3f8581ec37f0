"""A checkpoint as a mapping from names to tensors on disk."""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from epochgraph.checkpoints.location import Location
from epochgraph.errors import EpochgraphError

if TYPE_CHECKING:
    _Tensors = Mapping[str, torch.Tensor]
else:  # with its types, a checker at run time (beartype) would read a tensor to look at it
    _Tensors = Mapping

_AXES = 64  # the most that torch's own operations take
_VALUES = 2**63


@dataclass(frozen=True, slots=True)
class Stored:
    """A tensor on disk: its shape is known, its values are read on demand.

    Attributes:
        shape: The tensor's shape.
        read: Returns the values, in memory of their own.
        location: Their location in a file, if some of them can be read without the others.
        refusal: Why they cannot be read (a sparse or quantised tensor, ...), which `read` raises; None if they can.

    Raises:
        ValueError: No tensor can have this shape.
    """

    shape: tuple[int, ...]
    read: Callable[[], torch.Tensor] = field(repr=False)
    location: Location | None = field(default=None, repr=False)
    refusal: EpochgraphError | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if len(self.shape) > _AXES or math.prod(n for n in self.shape if n) >= _VALUES:
            raise ValueError("has a shape that no tensor can have")


def refused(shape: tuple[int, ...], refusal: EpochgraphError) -> Stored:
    """A tensor that cannot be read: an error only if its values are asked for."""
    return Stored(shape, partial(_raise, refusal), None, refusal)


def _raise(refusal: EpochgraphError) -> torch.Tensor:
    raise refusal


@dataclass(frozen=True, slots=True, eq=False)
class Checkpoint(_Tensors):
    """The weights of one moment of training, by parameter name.

    Lazy: names and shapes are known from the file's header; each access to a tensor reads that tensor, on the CPU and
    in its own dtype. Two checkpoints are equal only if they are the same object.

    Attributes:
        path: The file or folder it was read from.
        epoch: The time in its name, if there is one.
        stored: The tensors on disk, by name.
    """

    path: Path
    epoch: float | None
    stored: Mapping[str, Stored] = field(repr=False)

    def __getitem__(self, name: str) -> torch.Tensor:
        return self.stored[name].read()

    def __iter__(self) -> Iterator[str]:
        return iter(self.stored)

    def __len__(self) -> int:
        return len(self.stored)

    def __contains__(self, name: object) -> bool:
        return name in self.stored  # the inherited test would read the tensor

    __eq__ = object.__eq__  # the inherited comparison would read both files, and fail on the first tensor
    __hash__ = object.__hash__

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Every tensor's shape, without reading any."""
        return {name: stored.shape for name, stored in self.stored.items()}
