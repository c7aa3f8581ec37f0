"""A tensor as a torch pickle describes it -> the bytes to read for it."""

import math
import re
from dataclasses import dataclass
from pathlib import Path

import torch

from epochgraph.checkpoints.archive import COPY_AGAIN, Archive
from epochgraph.checkpoints.checkpoint import Stored, refused
from epochgraph.checkpoints.location import Location, Stamp
from epochgraph.checkpoints.pickles import Made, Named, Outside
from epochgraph.checkpoints.storages import Storage, storage
from epochgraph.errors import UnreadableFileError, WeightDtypeError

_REBUILDERS = ("torch._utils._rebuild_", "torch._tensor._rebuild_")
_PLAIN_DTYPE = re.compile("bool|bfloat16|(float|u?int|complex)(8|16|32|64|128)(_[a-z0-9]+)?")
_ADVICE = "If the file is not damaged, save dense clones of the tensors."


class _DamagedError(ValueError):
    """A storage is not in the file as the pickle says: more than this one tensor is lost."""


@dataclass(frozen=True, slots=True)
class _View:
    """A tensor's place in its storage, in values; dtype is a name."""

    source: Storage
    dtype: str
    offset: int
    shape: tuple[int, ...]
    stride: tuple[int, ...]

    @property
    def span(self) -> int:
        """The number of values from the tensor's first to its last."""
        if 0 in self.shape:
            return 0
        return 1 + sum((size - 1) * step for size, step in zip(self.shape, self.stride, strict=True))


def is_tensor(node: object) -> bool:
    """Say whether a described object is a tensor, of whatever kind."""
    return isinstance(node, Made) and isinstance(node.callee, Named) and node.callee.name.startswith(_REBUILDERS)


def stored_tensor(node: object, name: str, archive: Archive, path: Path, state: Stamp) -> Stored:
    """Find a tensor's values in the file, and check that they can be there.

    A quantised, sparse or otherwise special tensor is refused only when its values are asked for.

    Args:
        node: The tensor, as the pickle describes it.
        name: Its name, for messages.
        archive: Where the storages are.
        path: The file.
        state: The file as it is now.

    Raises:
        UnreadableFileError: The file lacks the storage of the tensor, or a part of it.
    """
    try:
        view = _view(_unwrapped(node))
        dtype = vars(torch).get(view.dtype) if _PLAIN_DTYPE.fullmatch(view.dtype) else None
        if isinstance(dtype, torch.dtype):
            return _stored(view, dtype, archive, path, state)
        return refused(view.shape, WeightDtypeError(name, ascii(view.dtype)[1:-1][:40]))
    except _DamagedError as error:
        raise UnreadableFileError(path, f"the tensor {name!r} {error}", COPY_AGAIN) from error
    except ValueError as error:
        return refused((), UnreadableFileError(path, f"the tensor {name!r} {error}", _ADVICE))


def _unwrapped(node: object) -> object:
    """The tensor inside a parameter, or inside a subclass that adds only attributes.

    Only tuples are searched, as torch writes them: their contents exist before they do, so the search ends. A list may
    contain itself.
    """
    while True:
        match node:
            case Made(Named("torch._utils._rebuild_parameter"), tuple((inner, *_))):
                node = inner
            case Made(Named("torch._utils._rebuild_parameter_with_state"), tuple((inner, *_))):
                node = inner
            case Made(Named("torch._utils._rebuild_device_tensor_from_cpu_tensor"), tuple((inner, *_))):
                node = inner
            case Made(Named("torch._tensor._rebuild_from_type_v2"), tuple((function, _, arguments, _))):
                node = Made(function, arguments)
            case _:
                return node


def _view(node: object) -> _View:
    """Read the arguments of the functions that make a tensor from a storage.

    Raises:
        ValueError: It is another function, or the arguments make no sense.
    """
    match node:
        case Made(Named(maker), (Outside() as outside, int(offset), tuple(shape), tuple(stride), *rest)):
            source = storage(outside)
            dtype = _dtype_name(maker.removeprefix("torch._utils."), source, rest)
            if dtype is not None and len(shape) == len(stride) and all(map(_is_count, (offset, *shape, *stride))):
                return _View(source, dtype, offset, shape, stride)
    raise ValueError("is sparse, or of another special kind")


def _dtype_name(maker: str, source: Storage, rest: list[object]) -> str | None:
    """The dtype of the values, if a function builds its tensor from a storage's values as they are."""
    if any(isinstance(item, dict) and item for item in rest):
        return None  # marked as conjugated or negated: those in the file are not the true ones
    match maker, rest:
        case "_rebuild_tensor" | "_rebuild_tensor_v2" | "_rebuild_qtensor", _:
            return source.dtype
        case "_rebuild_tensor_v3", [_, _, Named(name), *_]:
            return name.removeprefix("torch.")
        case _:
            return None


def _is_count(number: object) -> bool:
    return type(number) is int and 0 <= number < 2**63


def _stored(view: _View, dtype: torch.dtype, archive: Archive, path: Path, state: Stamp) -> Stored:
    """Check a view against its storage.

    Raises:
        _DamagedError: The file lacks the storage, or a part of it.
        ValueError: The storage has fewer values than the tensor.
    """
    try:
        region = archive.region(view.source.key)
    except KeyError as error:
        raise _DamagedError("lies in a storage that the file does not contain") from error
    announced = view.source.size * view.source.item_size
    if announced > region.size:
        raise _DamagedError(f"lies in a storage of {announced} bytes, of which the file has {region.size}")
    capacity = announced // dtype.itemsize
    needed = max(math.prod(view.shape), view.offset + view.span) if view.span else 0  # an empty one may be anywhere
    if needed > capacity:
        raise ValueError(f"needs {needed} values, but its storage has {capacity}")
    location = Location(path, state, region.position + view.offset * dtype.itemsize, dtype, view.shape, view.stride)
    return Stored(view.shape, location.whole, location)
