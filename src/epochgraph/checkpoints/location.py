"""Where the values of a tensor are in a file, so that some of its rows can be read without the others."""

import math
import os
import threading
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from epochgraph.checkpoints.archive import damaged, readable
from epochgraph.errors import UnreadableFileError


@dataclass(frozen=True, slots=True)
class Stamp:
    """What shows whether a file is still the one that was opened.

    Attributes:
        size: Its size in bytes.
        time: When it was last written, in nanoseconds.
    """

    size: int
    time: int


@dataclass(frozen=True, slots=True)
class Location:
    """The location of a tensor's values in a file.

    They are read and not mapped into memory: truncating a mapped file would end the whole process, and pages that were
    read would count as memory in use.

    Attributes:
        path: The file.
        stamp: The file as it was when the tensor was found in it.
        position: The byte at which the first value begins.
        dtype: The dtype of the values.
        shape: The tensor's shape.
        stride: The distance between neighbours along each axis, in values.
    """

    path: Path
    stamp: Stamp
    position: int
    dtype: torch.dtype
    shape: tuple[int, ...]
    stride: tuple[int, ...]

    @property
    def splits(self) -> bool:
        """Whether rows are stored one after another, so that some can be read without the others."""
        return len(self.shape) > 0 and 0 not in self.shape and self.stride[0] >= _span(self.shape[1:], self.stride[1:])

    @property
    def row_bytes(self) -> int:
        """Bytes from one row to the next."""
        return self.stride[0] * self.dtype.itemsize

    @property
    def dense(self) -> bool:
        """Whether the values are contiguous."""
        return self.stride == contiguous(self.shape)

    @property
    def turned(self) -> "Location":
        """The transposed matrix."""
        return replace(self, shape=self.shape[::-1], stride=self.stride[::-1])

    def viewed(self, offset: int, shape: tuple[int, ...], stride: tuple[int, ...]) -> "Location":
        """A tensor of some of the values: it begins `offset` after the first one, with its own shape and strides."""
        return replace(self, position=self.position + offset * self.dtype.itemsize, shape=shape, stride=stride)

    def rows(self, begin: int, end: int, buffer: "Buffer | None" = None) -> Tensor:
        """Read some rows, in their own dtype.

        Args:
            begin: The first row.
            end: The row after the last one.
            buffer: What to read them into: they are valid until the same thread uses it again. None to allocate new
                memory.

        Raises:
            UnreadableFileError: The file has changed, or cannot be read.
        """
        position = self.position + begin * self.row_bytes
        return self._read(position, (end - begin, *self.shape[1:]), Buffer() if buffer is None else buffer)

    def whole(self) -> Tensor:
        """Read all values, in their own dtype and in memory of their own.

        Raises:
            UnreadableFileError: The file has changed, or cannot be read.
        """
        return self._read(self.position, self.shape, Buffer())

    def _read(self, position: int, shape: tuple[int, ...], buffer: "Buffer") -> Tensor:
        memory = buffer.bytes(_span(shape, self.stride) * self.dtype.itemsize)
        self._fill(memory, position)
        return memory.view(self.dtype).as_strided(shape, self.stride)

    def _fill(self, memory: Tensor, position: int) -> None:
        content = memory.numpy().data
        with readable(self.path), self.path.open("rb", buffering=0) as file:
            if stamp(file.fileno()) != self.stamp:
                found = "it has changed since it was opened"
                raise UnreadableFileError(self.path, found, "Let nothing write to it meanwhile, and start again.")
            file.seek(position)
            filled = 0
            while filled < len(content):  # one call reads no more than two gigabytes
                count = file.readinto(content[filled:])
                if not count:
                    raise damaged(self.path, "it has become shorter since it was opened")
                filled += count


class Buffer(threading.local):
    """Memory to read into, for each thread. New memory for each reading would fragment the memory."""

    def __init__(self) -> None:
        self.memory = torch.empty(0, dtype=torch.uint8)

    def bytes(self, size: int) -> Tensor:
        """A number of bytes with arbitrary content."""
        if len(self.memory) < size:
            self.memory = torch.empty(size, dtype=torch.uint8)
        return self.memory[:size]


def stamp(descriptor: int) -> Stamp:
    """The stamp of an open file."""
    found = os.fstat(descriptor)
    return Stamp(found.st_size, found.st_mtime_ns)


def contiguous(shape: tuple[int, ...]) -> tuple[int, ...]:
    """The strides of a contiguous tensor."""
    return tuple(math.prod(shape[axis + 1 :]) for axis in range(len(shape)))


def _span(shape: tuple[int, ...], stride: tuple[int, ...]) -> int:
    """The number of values from a tensor's first to its last."""
    if 0 in shape:
        return 0
    return 1 + sum((size - 1) * step for size, step in zip(shape, stride, strict=True))
