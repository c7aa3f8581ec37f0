"""A .safetensors file -> its tensors."""

import json
import re
import sys
from collections.abc import Mapping
from functools import partial
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open

from epochgraph.checkpoints.archive import COPY_AGAIN, damaged
from epochgraph.checkpoints.checkpoint import Stored, refused
from epochgraph.checkpoints.content import Foreign, described, head_of
from epochgraph.checkpoints.location import Location, contiguous, stamp
from epochgraph.errors import UnreadableFileError, WeightDtypeError

_PACKED = ("F4", "F6_")  # values smaller than a byte: the tensor that torch makes of them has another shape
_DTYPES = {
    "BF16": torch.bfloat16,
    "F16": torch.float16,
    "F32": torch.float32,
    "F64": torch.float64,
    "F8_E4M3": torch.float8_e4m3fn,
    "F8_E5M2": torch.float8_e5m2,
    "I8": torch.int8,
    "U8": torch.uint8,
    "I32": torch.int32,
    "I64": torch.int64,
}


def safetensors_weights(path: Path) -> dict[str, Stored]:
    """The tensors of a .safetensors file; the library checks the header against the file's size.

    The format does not keep the order of the model, so the names come in natural order: `layer2` before `layer10`.

    Raises:
        UnreadableFileError: The header is damaged, or does not match the data.
        OSError: The file cannot be read.
    """
    try:
        with safe_open(path, framework="pt") as file:
            headers = {name: file.get_slice(name) for name in sorted(file.keys(), key=_natural)}
            found = {name: (tuple(header.get_shape()), header.get_dtype()) for name, header in headers.items()}
    except SafetensorError as error:
        head = head_of(path)
        reason = str(error).removeprefix("Error while deserializing header: ")
        kind = described(head) if head else Foreign("it is empty", COPY_AGAIN)
        kind = kind or Foreign(f"it is damaged ({ascii(reason)[1:-1][:120]})", COPY_AGAIN)
        raise UnreadableFileError(path, kind.found, kind.advice) from error
    places = _locations(path, found)
    return {name: _stored(path, name, shape, dtype, places.get(name)) for name, (shape, dtype) in found.items()}


def _locations(path: Path, found: Mapping[str, tuple[tuple[int, ...], str]]) -> dict[str, Location]:
    """The locations of the tensors with common dtypes; the library has checked the header, but does not expose them.

    The file begins with the length of the header (8 bytes, the least first) and the header, a JSON object.
    """
    if sys.byteorder != "little":
        return {}
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        header = json.loads(file.read(length))
        state = stamp(file.fileno())
    begin = 8 + length
    return {
        name: Location(path, state, begin + header[name]["data_offsets"][0], _DTYPES[dtype], shape, contiguous(shape))
        for name, (shape, dtype) in found.items()
        if dtype in _DTYPES
    }


def _natural(name: str) -> list[tuple[int, str]]:
    """A sort key that orders numbers by size: the longer number is the larger one."""
    pieces = re.split("([0-9]+)", name)
    return [(len(p) if n % 2 else 0, p) for n, p in enumerate(pieces)]


def _stored(path: Path, name: str, shape: tuple[int, ...], dtype: str, location: Location | None) -> Stored:
    if dtype.startswith(_PACKED):
        return refused(shape, WeightDtypeError(name, dtype))
    try:
        return Stored(shape, partial(_read, path, name), location)
    except ValueError as error:
        raise damaged(path, f"the tensor {name!r} {error}") from error


def _read(path: Path, name: str) -> torch.Tensor:
    """Copy a tensor out of the file: what the library returns would change if the file were overwritten."""
    try:
        with safe_open(path, framework="pt") as file:
            tensor: torch.Tensor = file.get_tensor(name)
            return tensor.clone()
    except (
        OSError,
        SafetensorError,
        AttributeError,
    ) as error:  # changed since it was listed, or too new for this torch
        raise damaged(path, f"the tensor {name!r} cannot be read ({ascii(str(error))[1:-1][:120]})") from error
