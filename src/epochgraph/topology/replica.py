"""A model's forward pass is run on a copy of the model, so that nothing of the user's is ever written to."""

import copy
import dataclasses
import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode

from epochgraph.topology.duplicating import Duplicates, attributes
from epochgraph.topology.sharding import is_sharded, released

Inputs = tuple[tuple[object, ...], dict[str, object]]
"""Positional and keyword arguments of a forward pass."""


@dataclass(frozen=True, slots=True)
class Replica:
    """A copy of a model, and of what it is called with.

    Attributes:
        model: The model, in evaluation mode.
        inputs: What it is called with.
        originals: For the identity of each tensor of the copy, the one that it stands for.
    """

    model: nn.Module
    inputs: Inputs
    originals: Mapping[int, Tensor]

    @property
    def tensors(self) -> dict[str, Tensor]:
        """Parameters and buffers by name, each once."""
        return {**dict(self.model.named_parameters()), **dict(self.model.named_buffers())}

    @property
    def entering(self) -> tuple[tuple[str, Tensor], ...]:
        """The tensors that it is called with, however they are wrapped, with names as `torch.export` gives them."""
        arguments, options = self.inputs
        found: dict[int, tuple[str, Tensor]] = {}
        for name, tensor in _tensors(_named(self.model, arguments, options)):
            found.setdefault(id(tensor), (name, tensor))
        return tuple(found.values())

    def original(self, tensor: object) -> object:
        """The tensor that one of the copy stands for; itself if it is of neither model nor input."""
        return self.originals.get(id(tensor), tensor)


def without_data(model: nn.Module, inputs: Inputs) -> Replica:
    """A replica whose tensors have a shape, type and device, and no values."""
    mode = FakeTensorMode(allow_non_fake_inputs=True)

    def made(tensor: Tensor) -> Tensor:
        if is_sharded(tensor):
            with mode:
                whole = torch.empty(tensor.shape, dtype=tensor.dtype, device=tensor.device)
            return nn.Parameter(whole, requires_grad=tensor.requires_grad)
        try:
            return mode.from_tensor(tensor, static_shapes=True)
        except Exception:  # a kind of tensor that has no such form
            return _cloned(tensor, {})

    return _replica(model, inputs, made)


def on_meta(model: nn.Module, inputs: Inputs) -> Replica:
    """A replica on the "meta" device: operations know shapes there, too, and run faster.

    What the forward pass makes of its own has to be on that device, or the two do not meet.
    """
    memory: dict[int, tuple[torch.UntypedStorage, torch.UntypedStorage]] = {}  # both: one that is gone gives its place

    def made(tensor: Tensor) -> Tensor:
        held = tensor.untyped_storage()
        bare = torch.empty(len(held), dtype=torch.uint8, device="meta").untyped_storage()
        _, there = memory.setdefault(held._cdata, (held, bare))  # noqa: SLF001 - no other name for it
        place = tensor.storage_offset(), tensor.shape, tensor.stride()
        like = torch.empty(0, dtype=tensor.dtype, device="meta").set_(there, *place)
        if isinstance(tensor, nn.Parameter):
            return nn.Parameter(like, requires_grad=tensor.requires_grad)
        return like.requires_grad_(tensor.requires_grad)

    return _replica(model, inputs, made)


def with_values(model: nn.Module, inputs: Inputs) -> Replica:
    """A replica with the same values, which take their memory once more."""
    storages: dict[Any, Any] = {}
    return _replica(model, inputs, lambda tensor: _cloned(tensor, storages))


def _replica(model: nn.Module, inputs: Inputs, made: Callable[[Tensor], Tensor]) -> Replica:
    duplicates = Duplicates(made)
    copied = duplicates.of(model)
    device = next((parameter.device for parameter in model.parameters()), torch.device("cpu"))
    duplicates.made = lambda tensor: made(tensor.to(device))
    given = duplicates.of(inputs)
    released(copied)
    copied.eval()
    return Replica(copied, given, duplicates.originals)


def _cloned(tensor: Tensor, storages: dict[Any, Any]) -> Tensor:
    """A tensor with the same values; what shares memory goes on to share it."""
    if is_sharded(tensor):
        whole = torch.zeros((), dtype=tensor.dtype, device=tensor.device).expand(tensor.shape)
        return nn.Parameter(whole, requires_grad=tensor.requires_grad)
    if isinstance(tensor, nn.UninitializedParameter | nn.UninitializedBuffer):
        uninitialized: Tensor = copy.deepcopy(tensor, storages)
        return uninitialized
    values: Tensor = copy.deepcopy(tensor.detach(), storages)
    if isinstance(tensor, nn.Parameter):
        return torch.Tensor._make_subclass(type(tensor), values, tensor.requires_grad)  # noqa: SLF001 - as torch's own copy does
    return values.requires_grad_(tensor.requires_grad)


def _named(model: nn.Module, arguments: tuple[object, ...], options: dict[str, object]) -> dict[str, object]:
    """What a model is called with, by the names of its parameters."""
    try:
        bound = inspect.signature(model.forward).bind(*arguments, **options)
    except (TypeError, ValueError):
        return {**{f"args_{number}": value for number, value in enumerate(arguments)}, **options}
    kinds = inspect.signature(model.forward).parameters
    return {
        name: given
        for parameter, value in bound.arguments.items()
        for name, given in (
            value.items() if kinds[parameter].kind is inspect.Parameter.VAR_KEYWORD else [(parameter, value)]
        )
    }


def _tensors(value: object, name: str = "", seen: set[int] | None = None) -> Iterator[tuple[str, Tensor]]:
    """The tensors within an object, in order, with the way to each as a name."""
    seen = set() if seen is None else seen
    if isinstance(value, Tensor):
        yield name, value
        return
    if id(value) in seen or isinstance(value, nn.Module | type):
        return
    seen.add(id(value))
    for key, item in _held(value):
        public = "" if key.startswith("_") else key
        yield from _tensors(item, "_".join(filter(None, [name, public])), seen)


def _held(value: object) -> Iterable[tuple[str, object]]:
    """What an object consists of."""
    if isinstance(value, dict):
        return [(str(key), item) for key, item in value.items()]
    if isinstance(value, list | tuple):
        names = getattr(value, "_fields", range(len(value)))
        return [(str(name), item) for name, item in zip(names, value, strict=True)]
    if dataclasses.is_dataclass(value):
        return [(field.name, getattr(value, field.name, None)) for field in dataclasses.fields(value)]
    return list(attributes(value).items())
