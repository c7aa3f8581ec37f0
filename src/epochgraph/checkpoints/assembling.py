"""Weights that a file holds in pieces: values and a scale, a pruned weight and its mask, a length and a direction."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from epochgraph.errors import WeightDtypeError

SCALED = (torch.float8_e4m3fn, torch.float8_e5m2, torch.float8_e4m3fnuz, torch.float8_e5m2fnuz, torch.int8)
BLOCK = 128
"""The rows and columns that share a scale in formats with blocks."""

DEQUANTISE = "load the model with transformers, call model.dequantize(), and save_pretrained() it"
UNPACKED = "those that it was quantised from, or {tool}"

# What is stored in place of a packed weight, and what unpacks it.
_PACKED = (
    (r"qweight", "GPTQ or AWQ", "unpack them with GPTQModel"),
    (r"weight_packed", "compressed-tensors", "load the model with CompressedTensorsConfig(run_compressed=False)"),
    (r"(?P<base>.+)_blocks", "MXFP4", "load the model with transformers' Mxfp4Config(dequantize=True)"),
    (r"weight\.(?:absmax|quant_map|nested_absmax|quant_state\..*)", "bitsandbytes", DEQUANTISE),
    (r"weight_scale_2", "NVFP4", "load the model with the library that packed it, and save it in bfloat16"),
    (r"W_q|q_weight", "HQQ or EXL", "load the model with that library, and save it in bfloat16"),
    (r"weight\._data|weight\.tensor_impl\..*", "quanto or torchao", "call dequantize() on its weights, and save them"),
)
_PIECES = re.compile(
    r"weight_mask|bias_mask|weight_[guv]|original[01]?|_[uv]|(?:weight_|input_|output_|[kvq]_|act_)?(?:scales?|zero_points?)"
    r"(?:_inv|_2)?|scale_(?:weight|input)|qzeros|g_idx|SCB|scb|absmax|quant_map|weight_shape|.*_scale_inv"
)
_SCALES = ("{name}_scale_inv", "{name}_scale", "{owner}scale_{leaf}", "{owner}SCB")


@dataclass(frozen=True, slots=True)
class Known:
    """What is known about a tensor before it is read."""

    shape: tuple[int, ...]
    dtype: torch.dtype


@dataclass(frozen=True, slots=True)
class Assembled:
    """A weight that is assembled from several tensors.

    Attributes:
        name: Its name in the model, such as fc.weight.
        sources: The tensors that it is assembled from, the one with its shape first.
        shape: Its shape.
        make: Assembles it from the sources, given in that order.
    """

    name: str
    sources: tuple[str, ...]
    shape: tuple[int, ...]
    make: Callable[..., Tensor]


def assembled(tensors: Mapping[str, Known]) -> dict[str, Assembled]:
    """The weights that are assembled from several tensors, by their names in the model.

    Quantised values are multiplied with their scale: of the whole weight, of each row, or of each block of 128 by 128
    (fp8 of several libraries, int8 of compressed-tensors). bitsandbytes' int8 has the largest value of each row as its
    scale, which stands for 127. A pruned weight is multiplied by its mask; with weight normalisation, the direction is
    scaled to the length; with spectral normalisation, the weight is divided by its norm, as it is outside of training.
    """
    found = (each for name in tensors for each in _of(name, tensors))
    return {one.name: one for one in found}


def check_unpacked(tensors: Mapping[str, Known]) -> None:
    """Refuse weights that are packed, or whose scale does not fit.

    Raises:
        WeightDtypeError: There is one.
    """
    for name in tensors:
        refusal = _packed(name, tensors) or unscaled(name, tensors)
        if refusal is not None:
            raise refusal


def unscaled(name: str, tensors: Mapping[str, Known]) -> WeightDtypeError | None:
    """The error for quantised values whose scale is not a plain factor; None if there are none."""
    known = tensors[name]
    scale = _scale(name, tensors) if known.dtype in SCALED and len(known.shape) > 1 else None
    if scale is None or list(_scaled(name, known, tensors)):
        return None
    found = f"a scale of shape {tensors[scale].shape}, which is no plain factor"
    return WeightDtypeError(name, f"{known.dtype}", found, UNPACKED.format(tool=DEQUANTISE))


def packed(weight: str, tensors: Mapping[str, Known]) -> WeightDtypeError | None:
    """The error for a missing weight that is stored packed; otherwise None."""
    owner = weight.removesuffix(".weight")
    near = (name for name in tensors if name.startswith((f"{weight}.", f"{weight}_", f"{owner}.")))
    return next(filter(None, (_packed(name, tensors) for name in near)), None)


def is_piece(name: str) -> bool:
    """Whether a tensor, by its name, belongs to a weight but is not one: a mask, a scale, a length, a zero point."""
    return _PIECES.fullmatch(name.rpartition(".")[2]) is not None


def _packed(name: str, tensors: Mapping[str, Known]) -> WeightDtypeError | None:
    if tensors[name].dtype.is_floating_point and re.search(r"(?:^|\.)(?:qweight|q_weight|W_q)$", name):
        return None  # the weight of the queries
    for pattern, how, tool in _PACKED:
        match = re.fullmatch(rf"(?:.*\.)?(?:{pattern})", name)
        if match is None or ("base" in match.groupdict() and not _is_mxfp4(name, tensors)):
            continue
        return WeightDtypeError(name, f"{tensors[name].dtype}".removeprefix("torch."), how, UNPACKED.format(tool=tool))
    return None


def _is_mxfp4(name: str, tensors: Mapping[str, Known]) -> bool:
    scales = tensors.get(name.removesuffix("_blocks") + "_scales")
    return tensors[name].dtype == torch.uint8 and scales is not None and scales.dtype == torch.uint8


def _of(name: str, tensors: Mapping[str, Known]) -> Iterator[Assembled]:
    """The weight of which a tensor is the main piece, if it is one."""
    known = tensors[name]
    owner, _, leaf = name.rpartition(".")
    if known.dtype in SCALED:
        yield from _scaled(name, known, tensors)
    elif leaf.endswith("_orig"):
        yield from _pruned_or_spectral(name, name.removesuffix("_orig"), tensors)
    elif leaf.endswith("_v"):
        yield from _normalised(name.removesuffix("_v"), name.removesuffix("_v") + "_g", name, tensors)
    elif leaf in ("original", "original1"):
        above, _, parameter = owner.rpartition(".")
        plain = above.removesuffix("parametrizations") + parameter
        if leaf == "original1":
            yield from _normalised(plain, f"{owner}.original0", name, tensors)
        else:
            yield from _spectral(name, plain, (f"{owner}.0._u", f"{owner}.0._v"), tensors)


def _scale(name: str, tensors: Mapping[str, Known]) -> str | None:
    owner, dot, leaf = name.rpartition(".")
    names = (pattern.format(name=name, owner=owner + dot, leaf=leaf) for pattern in _SCALES)
    return next((scale for scale in names if scale in tensors), None)


def _zero_points(name: str, tensors: Mapping[str, Known]) -> list[str]:
    return [zero for zero in (f"{name}_zero_point", f"{name}_zero_points") if zero in tensors]


def _scaled(name: str, known: Known, tensors: Mapping[str, Known]) -> Iterator[Assembled]:
    scale = _scale(name, tensors)
    if scale is None or _zero_points(name, tensors):
        return
    shape = tensors[scale].shape
    of_bitsandbytes = scale.rpartition(".")[2] == "SCB"
    if of_bitsandbytes and (known.dtype != torch.int8 or shape != known.shape[:1]):
        return
    if _repeats(known.shape, shape) is not None:
        yield Assembled(name, (name, scale), known.shape, partial(_times, factor=127 if of_bitsandbytes else 1))


def _repeats(shape: tuple[int, ...], scale: tuple[int, ...]) -> tuple[int, ...] | None:
    """The number of values along each axis that share a scale; None if the scale does not fit."""
    if all(size == 1 for size in scale):
        return shape
    if len(scale) == 1 and scale[0] == shape[0]:
        return (1, *shape[1:])
    if len(scale) != len(shape):
        return None
    found = []
    for size, parts in zip(shape, scale, strict=True):
        blocks = -(-size // BLOCK) == parts
        if not (parts in (1, size) or blocks or (parts and size % parts == 0)):
            return None
        found.append(BLOCK if blocks and parts not in (1, size) else size // parts)
    return tuple(found)


def _times(values: Tensor, scale: Tensor, *, factor: int) -> Tensor:
    repeats = _repeats(tuple(values.shape), tuple(scale.shape)) or ()
    wide = scale.float() / factor
    wide = wide.reshape(-1, *[1] * (values.dim() - 1)) if wide.dim() != values.dim() else wide
    for axis, count in enumerate(repeats):
        if wide.shape[axis] > 1:
            wide = wide.repeat_interleave(count, axis).narrow(axis, 0, values.shape[axis])
    return values.float() * wide


def _pruned_or_spectral(name: str, plain: str, tensors: Mapping[str, Known]) -> Iterator[Assembled]:
    mask = f"{plain}_mask"
    if mask in tensors and tensors[mask].shape == tensors[name].shape:
        yield Assembled(plain, (name, mask), tensors[name].shape, lambda weight, mask: weight * mask.to(weight.dtype))
    yield from _spectral(name, plain, (f"{plain}_u", f"{plain}_v"), tensors)


def _spectral(name: str, plain: str, vectors: tuple[str, str], tensors: Mapping[str, Known]) -> Iterator[Assembled]:
    shape = tensors[name].shape
    if not all(vector in tensors and len(tensors[vector].shape) == 1 for vector in vectors):
        return
    rows, columns = (tensors[vector].shape[0] for vector in vectors)
    if torch.Size(shape).numel() != rows * columns or rows not in shape[:2]:
        return
    axis = 0 if rows == shape[0] else 1
    yield Assembled(plain, (name, *vectors), shape, partial(_divided_by_norm, axis=axis))


def _divided_by_norm(weight: Tensor, left: Tensor, right: Tensor, *, axis: int) -> Tensor:
    matrix = weight.movedim(axis, 0).flatten(1)
    return weight / torch.dot(left.to(weight.dtype), matrix @ right.to(weight.dtype))


def _normalised(plain: str, length: str, direction: str, tensors: Mapping[str, Known]) -> Iterator[Assembled]:
    if length not in tensors:
        return
    shape, lengths = tensors[direction].shape, tensors[length].shape
    fits = len(lengths) == len(shape) and all(one in (1, size) for one, size in zip(lengths, shape, strict=True))
    if fits or not lengths:
        yield Assembled(plain, (direction, length), shape, _brought_to_length)


def _brought_to_length(direction: Tensor, length: Tensor) -> Tensor:
    axes = [axis for axis in range(direction.dim()) if length.dim() == 0 or length.shape[axis] == 1]
    if not axes:
        return direction.sign() * length
    norm: Tensor = torch.linalg.vector_norm(direction, dim=axes, keepdim=True)
    return direction * (length / norm)
