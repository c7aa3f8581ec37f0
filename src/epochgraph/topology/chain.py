"""Layers one after another, from the parameters alone: the paper's wiring."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain as chained
from itertools import permutations

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.conv import _ConvNd, _ConvTransposeNd

from epochgraph.checkpoints import Checkpoint, Location
from epochgraph.checkpoints.assembling import Assembled, Known, assembled, check_unpacked, is_piece
from epochgraph.errors import EpochgraphError, TracingError, WeightDtypeError
from epochgraph.topology.spans import Span
from epochgraph.topology.structure import Coverage, Entry, Fold, Join, Part, Status, Topology

EPSILON = 1e-5
"""PyTorch's default for batch norm; it is not in the parameters."""

PIECE = "it is a mask, scale or length that belongs to a weight, and no layer: give the model (--model)"

MOST_BLOCKS = 5
"""The most blocks whose orders are tried: at most 120 orders."""


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A layer of the chain: a weight with its bias, or a batch norm.

    `groups` is None if only the model's code would show it.
    """

    name: str
    weight: str | None
    bias: str | None
    groups: int | None = 1
    norm: bool = False
    epsilon: float = EPSILON
    unsupported: str = ""


def chain(source: nn.Module | Mapping[str, Tensor]) -> Topology:
    """Wire the layers one after another, in the order of the parameters.

    For a plain chain of convolutions and linear layers this is the whole wiring (LeNet: 239 nodes), and no model code
    is needed. It misses anything else: a layer that does not fit the one before it, such as the projection on a
    residual connection, is left out and reported in `coverage`; skip connections have no parameters and remain unseen.
    If you have the model, prefer `trace`.

    A safetensors file has its names in alphabetical order, `classifier` before `features`: if the layers do not fit
    together in that order, and there is exactly one other order of such blocks in which all do, that one is taken.

    Args:
        source: A model, or its parameters by name (a state dict or checkpoint).

    Raises:
        TracingError: There is no weight of a linear layer or convolution.
        WeightDtypeError: The weights are quantised.

    Examples:
        >>> from torch import nn
        >>> topology = chain(nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3)))
        >>> [(part.name, part.size) for part in topology.parts]
        [('input', 4), ('0', 8), ('2', 3)]
    """
    made: Mapping[str, Assembled] = {}
    if isinstance(source, nn.Module):
        tensors: Mapping[str, Tensor] = source.state_dict(keep_vars=True)
        candidates = list(_layers_of_module(source))
    else:
        source = outlines(source)
        known = {name: Known(tuple(tensor.shape), tensor.dtype) for name, tensor in source.items()}
        check_unpacked(known)
        made = assembled(known)
        wholes = {name: torch.empty(one.shape, device="meta") for name, one in made.items()}
        tensors = {**source, **wholes}
        candidates = list(_layers_of_names(source, made))
    builder = _chained(tensors, candidates)
    if not isinstance(source, nn.Module) and not builder.complete:
        others = [_chained(tensors, order) for order in _other_orders(candidates)]
        complete = [other for other in others if other.complete]
        builder = complete[0] if len(complete) == 1 else builder
    if not builder.joins:
        found = f"none of the {len(tensors)} tensors is the weight of a linear layer or convolution"
        raise TracingError(found, "Give a model's parameters, or trace the model.")
    coverage = builder.coverage(parameters_of(source), made)
    return Topology(tuple(builder.parts), tuple(builder.joins), tuple(builder.folds), coverage)


def outlines(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors without their values, which are freed one by one: a checkpoint may be larger than memory.

    From a checkpoint, only tensors whose dtype is not known otherwise are read. Tensors of a special kind (sparse,
    quantised, nested) are left out, as they cannot be a layer.

    Raises:
        EpochgraphError: One of them is called a weight.
    """
    found: dict[str, Tensor] = {}
    for name in tensors:
        known = _known(tensors, name)
        if not isinstance(known, EpochgraphError):
            found[name] = _outline(known)
        elif name.rpartition(".")[2] == "weight":
            raise known
    return found


def _known(tensors: Mapping[str, Tensor], name: str) -> Tensor | Location | EpochgraphError:
    """The shape and dtype of a tensor, or why it cannot be a weight."""
    stored = tensors.stored[name] if isinstance(tensors, Checkpoint) else None
    if stored is not None and stored.refusal is not None:
        return stored.refusal
    if stored is not None and stored.location is not None:
        return stored.location
    tensor = tensors[name]
    if tensor.is_quantized or tensor.is_nested or tensor.layout != torch.strided:
        return WeightDtypeError(name, str(tensor.dtype if tensor.is_quantized else tensor.layout))
    return tensor


def _outline(known: Tensor | Location) -> Tensor:
    return torch.empty(tuple(known.shape), dtype=known.dtype, device="meta")


def parameters_of(source: nn.Module | Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The parameters of a model; among plain tensors, those that are neither integers nor batch statistics."""
    if isinstance(source, nn.Module):
        return dict(source.named_parameters())
    statistics = ("running_mean", "running_var")
    return {n: tensor for n, tensor in source.items() if _is_number(tensor) and not n.endswith(statistics)}


def _is_number(tensor: Tensor) -> bool:
    """Whether a tensor holds real or complex numbers, not integers."""
    return tensor.is_floating_point() or tensor.is_complex()


def _chained(tensors: Mapping[str, Tensor], candidates: Iterable[_Candidate]) -> "_Chain":
    builder = _Chain(tensors)
    for candidate in candidates:
        builder.add(candidate)
    return builder


def _other_orders(candidates: list[_Candidate]) -> Iterator[list[_Candidate]]:
    """The layers with their outermost blocks in every other order."""
    blocks: dict[str, list[_Candidate]] = {}
    for candidate in candidates:
        blocks.setdefault(candidate.name.partition(".")[0], []).append(candidate)
    if len(blocks) <= MOST_BLOCKS:
        orders = permutations(blocks.values())
        next(orders)
        yield from (list(chained(*order)) for order in orders)


class _Chain:
    """Adds one layer after another."""

    def __init__(self, tensors: Mapping[str, Tensor]) -> None:
        self.tensors = tensors
        self.parts: list[Part] = []
        self.joins: list[Join] = []
        self.folds: list[Fold] = []
        self.status: dict[str, tuple[Status, str]] = {}

    def add(self, layer: _Candidate) -> None:
        if layer.norm:
            self.add_norm(layer)
        elif layer.weight is not None:
            self.add_layer(layer, layer.weight)

    def add_layer(self, layer: _Candidate, name: str) -> None:
        shape = tuple(self.tensors[name].shape)
        if 0 in shape:
            self.leave_out((name, layer.bias), "it has no values")
            return
        if not self.parts and not layer.unsupported:
            self.parts.append(Part("input", shape[1] * (layer.groups or 1)))
        inputs, groups, reason = self.fit(shape, layer)
        if reason:
            self.leave_out((name, layer.bias), reason)
            return
        self.parts.append(Part(layer.name, shape[0], layer.bias))
        self.joins.append(Join(len(self.parts) - 2, len(self.parts) - 1, name, inputs, groups))
        self.status[name] = ("joined", "")
        if layer.bias:
            self.status[layer.bias] = ("folded", "")

    def fit(self, shape: tuple[int, ...], layer: _Candidate) -> tuple[tuple[Span, ...], int, str]:
        """How a weight of this shape reads the last part: its inputs and groups, or why it cannot."""
        if layer.unsupported:
            return (), 1, layer.unsupported
        previous = self.parts[-1]
        groups = layer.groups or (previous.size if shape[1] == 1 and shape[0] % previous.size == 0 else 1)
        width = shape[1] * groups
        linear = len(shape) == 2
        if width == previous.size or (linear and width % previous.size == 0):
            return (Span(0, previous.size, width // previous.size),), groups, ""
        return (
            (),
            1,
            f"it reads {width} channels, but {previous.name!r} before it has {previous.size}: trace the model",
        )

    def add_norm(self, layer: _Candidate) -> None:
        last = len(self.parts) - 1
        names = {role: f"{layer.name}.{role}" for role in ("running_mean", "running_var")}
        fits = last >= 1 and self.tensors[names["running_mean"]].shape == (self.parts[last].size,)
        if not fits or any(fold.part == last for fold in self.folds):
            self.leave_out((layer.weight, layer.bias), "it is a batch norm that does not follow one layer alone")
            return
        mean, variance = names["running_mean"], names["running_var"]
        self.folds.append(Fold(last, layer.weight, layer.bias, mean, variance, layer.epsilon))
        self.status |= {name: ("folded", "") for name in (layer.weight, layer.bias) if name}

    @property
    def complete(self) -> bool:
        """Whether every layer follows the one before it."""
        return all(status != "left out" for status, _ in self.status.values())

    def leave_out(self, names: tuple[str | None, ...], reason: str) -> None:
        self.status |= {name: ("left out", reason) for name in names if name}

    def coverage(self, parameters: Mapping[str, Tensor], made: Mapping[str, Assembled]) -> Coverage:
        """The role of every parameter, and so of all pieces of a weight."""
        unknown: tuple[Status, str] = ("left out", "it belongs to no layer that a chain knows")
        for name, one in made.items():
            pieces = dict.fromkeys(one.sources, self.status.get(name, unknown))
            parameters = {**parameters, **{piece: self.tensors[piece] for piece in pieces}}
            self.status |= pieces
        return Coverage(
            tuple(Entry(n, tensor.numel(), *self.status.get(n, unknown)) for n, tensor in parameters.items())
        )


def _layers_of_module(model: nn.Module) -> Iterator[_Candidate]:
    for name, module in model.named_modules():
        prefix = f"{name}." if name else ""
        bias = f"{prefix}bias" if getattr(module, "bias", None) is not None else None
        match module:
            case _ConvTransposeNd():
                reason = "it is a transposed convolution, which a chain does not know: trace the model"
                yield _Candidate(name, f"{prefix}weight", bias, unsupported=reason)
            case _ConvNd():
                yield _Candidate(name or "weight", f"{prefix}weight", bias, module.groups)
            case nn.Linear():
                yield _Candidate(name or "weight", f"{prefix}weight", bias)
            case _BatchNorm() if module.running_mean is not None:
                weight = f"{prefix}weight" if module.affine else None
                yield _Candidate(name, weight, bias, norm=True, epsilon=module.eps)
            case _:
                pass


def _whole(name: str, tensors: Mapping[str, Tensor]) -> _Candidate:
    """The layer whose weight is assembled from several tensors."""
    owner, dot, leaf = name.rpartition(".")
    bias = f"{owner}{dot}bias"
    return _Candidate(
        owner if owner and leaf == "weight" else name, name, bias if bias in tensors else None, groups=None
    )


def _layers_of_names(tensors: Mapping[str, Tensor], made: Mapping[str, Assembled]) -> Iterator[_Candidate]:
    """Read the layers from names and shapes: a matrix or kernel is a weight, running statistics are a batch norm.

    Args:
        tensors: The tensors, without their values.
        made: The weights that are assembled from several of them.
    """
    wholes = {one.sources[0]: one.name for one in made.values()}
    pieces = {piece for one in made.values() for piece in one.sources}
    seen: set[str] = set()
    for name in tensors:
        if name in wholes:
            yield _whole(wholes[name], tensors)
        elif name not in pieces and is_piece(name):
            yield _Candidate(name, name, None, unsupported=PIECE)
        elif name not in pieces:
            yield from _plain(name, tensors, seen)


def _plain(name: str, tensors: Mapping[str, Tensor], seen: set[str]) -> Iterator[_Candidate]:
    """The layer that a tensor is the weight of, or the batch norm that it is the first tensor of."""
    tensor = tensors[name]
    prefix, _, leaf = name.rpartition(".")
    weight, bias = (
        full if (full := f"{prefix}.{leaf_}".lstrip(".")) in tensors else None for leaf_ in ("weight", "bias")
    )
    if tensor.dim() in (2, 3, 4, 5) and leaf not in ("running_mean", "running_var"):
        if not tensor.is_floating_point() and not (tensor.is_complex() and leaf.startswith("weight")):
            if leaf == "weight":
                raise WeightDtypeError(name, str(tensor.dtype))
            return
        own = bias if leaf == "weight" else None
        yield _Candidate(prefix if leaf == "weight" and prefix else name, name, own, groups=None)
    elif f"{prefix}.running_mean" in tensors and prefix not in seen:
        seen.add(prefix)
        yield _Candidate(prefix, weight, bias, norm=True)
