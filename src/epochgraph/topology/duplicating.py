"""Copies of objects as they hang together, with other tensors in place of theirs: what is done to a copy stays there.

`copy.deepcopy` runs code of the classes that it copies, ends at the first lock or stream, and lets functions keep what
they close over. Here no code of a class runs, what cannot be copied is shared, and a hook that writes to a list or to
its module writes to the copy of it.
"""

import copy
import functools
import itertools
import random
import types
import weakref
from collections import OrderedDict, defaultdict, deque
from collections.abc import Callable
from contextlib import suppress
from enum import Enum
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

SHARED_PACKAGES = (
    "asyncio",
    "concurrent",
    "contextvars",
    "datetime",
    "decimal",
    "epochgraph",
    "io",
    "lightning",
    "lightning_fabric",
    "logging",
    "multiprocessing",
    "pathlib",
    "pytorch_lightning",
    "queue",
    "re",
    "socket",
    "subprocess",
    "tempfile",
    "threading",
    "torch._C",
    "torch._dynamo",
    "torch._functorch",
    "torch._inductor",
    "torch._ops",
    "torch.autograd",
    "torch.cuda",
    "torch.distributed",
    "torch.fx",
    "torch.jit",
    "torch.library",
    "torch.multiprocessing",
    "torch.optim",
    "torch.profiler",
    "torch.types",
    "torch.utils.data",
)
"""Objects of these, but for modules, take no part in a forward pass, or hold no tensors of one."""

OF_NUMPY = (np.ndarray, np.random.Generator, np.random.RandomState, random.Random, itertools.count)
"""What copies itself without a trace."""

UNCHANGING = (
    bool,
    int,
    float,
    complex,
    str,
    bytes,
    type,
    types.ModuleType,
    torch.Size,
    torch.dtype,
    torch.device,
    Enum,
)


class Duplicates:
    """Copies, each object's once.

    Args:
        made: Makes the tensor that stands for one.

    Attributes:
        originals: For the identity of each tensor that was made, the one that it stands for.
    """

    def __init__(self, made: Callable[[Tensor], Tensor]) -> None:
        self.made = made
        self.originals: dict[int, Tensor] = {}
        self.known: dict[int, Any] = {}
        self.slots: dict[type, list[types.MemberDescriptorType]] = {}
        self.alive: list[object] = []  # an object that is gone could give its identity to another

    def of(self, value: Any) -> Any:
        """The copy of an object; the object itself if it does not change, or cannot be copied."""
        if value is None or isinstance(value, UNCHANGING):
            return value
        if id(value) in self.known:
            return self.known[id(value)]
        for kind, copied in _KINDS:
            if isinstance(value, kind):
                return copied(self, value)
        return self.instance(value)

    def keep(self, value: object, made: Any) -> Any:
        """Remember the copy of an object."""
        self.known[id(value)] = made
        self.alive += [value, made]
        return made

    def tensor(self, value: Tensor) -> Tensor:
        """A tensor in the place of one, with what was noted at it."""
        made = self.keep(value, self.made(value))
        self.originals[id(made)] = value
        for name, noted in attributes(value).items():
            if name not in made.__dict__:
                made.__dict__[name] = self.of(noted)
        return made  # type: ignore[no-any-return]

    def mapping(self, value: Any) -> Any:
        """A dictionary of any class, in the same order."""
        cls: Any = type(value)
        plain = OrderedDict if isinstance(value, OrderedDict) else dict
        made = self.keep(value, defaultdict(value.default_factory) if cls is defaultdict else cls.__new__(cls))
        for key, held in plain.items(value):
            plain.__setitem__(made, self.of(key), self.of(held))
        return self.attributed(value, made)

    def sequence(self, value: Any) -> Any:
        """A list, deque or set of any class."""
        cls: Any = type(value)
        base: Any = next(kind for kind in (list, deque, set) if isinstance(value, kind))
        made = self.keep(value, deque(maxlen=value.maxlen) if cls is deque else cls.__new__(cls))
        for item in [*base.__iter__(value)]:
            (base.add if base is set else base.append)(made, self.of(item))
        return self.attributed(value, made)

    def unchanging_sequence(self, value: Any) -> Any:
        """A tuple or frozen set of any class."""
        base = tuple if isinstance(value, tuple) else frozenset
        items = [self.of(item) for item in base.__iter__(value)]
        if id(value) in self.known:  # it contains itself, by way of another
            return self.known[id(value)]
        if all(new is old for new, old in zip(items, base.__iter__(value), strict=True)):
            return self.keep(value, value)
        return self.attributed(value, self.keep(value, base.__new__(type(value), items)))

    def function(self, value: types.FunctionType) -> types.FunctionType:
        """A function that closes over copies."""
        if not (value.__closure__ or value.__defaults__ or value.__kwdefaults__ or value.__dict__):
            return value
        cells = tuple(types.CellType() for _ in value.__closure__ or ())
        made = types.FunctionType(value.__code__, value.__globals__, value.__name__, None, cells or None)
        self.keep(value, made)
        for new, old in zip(cells, value.__closure__ or (), strict=True):
            if not _is_empty(old):
                new.cell_contents = self.of(old.cell_contents)
        made.__defaults__ = self.of(value.__defaults__)
        made.__kwdefaults__ = self.of(value.__kwdefaults__)
        made.__qualname__, made.__module__, made.__doc__ = value.__qualname__, value.__module__, value.__doc__
        made.__annotations__ = value.__annotations__
        made.__dict__.update({name: self.of(held) for name, held in value.__dict__.items()})
        return made

    def method(self, value: types.MethodType) -> types.MethodType:
        """A method of a copy."""
        return types.MethodType(self.of(value.__func__), self.of(value.__self__))

    def builtin_method(self, value: types.BuiltinMethodType) -> Any:
        """A method of a copy, such as the `append` of a list."""
        own = self.of(value.__self__)
        return value if own is value.__self__ else getattr(own, value.__name__)

    def partial(self, value: functools.partial[Any]) -> functools.partial[Any]:
        """A function whose first arguments are copies."""
        made = functools.partial(self.of(value.func), *self.of(value.args), **self.of(value.keywords))
        return self.keep(value, made)  # type: ignore[no-any-return]

    def cache(self, value: Any) -> Any:
        """A function that remembers its results, with none of them."""
        return self.keep(value, functools.lru_cache(**value.cache_parameters())(self.of(value.__wrapped__)))

    def weak(self, value: weakref.ref[Any]) -> Any:
        """A weak reference to a copy."""
        held = value()
        made = None if held is None else self.of(held)
        return value if made is held else self.keep(value, weakref.ref(made))

    def generator(self, value: torch.Generator) -> torch.Generator:
        """A generator of random numbers in the same state."""
        return self.keep(value, value.clone_state())  # type: ignore[no-any-return]

    def itself(self, value: Any) -> Any:
        """What knows how it is copied, or is shared where it does not."""
        try:
            return self.keep(value, copy.deepcopy(value))
        except Exception:  # code of others, of which not being copied is the least to fear
            return self.keep(value, value)

    def instance(self, value: Any) -> Any:
        """An object of any class: its attributes are copied."""
        cls = type(value)
        if not isinstance(value, nn.Module) and f"{cls.__module__}.".startswith(_SHARED):
            return value
        try:
            made = object.__new__(cls)
        except TypeError:  # what is not made of Python's objects
            return self.keep(value, value)
        return self.attributed(value, self.keep(value, made))

    def attributed(self, value: Any, made: Any) -> Any:
        """Give a copy the attributes, without asking its class."""
        for name, held in attributes(value).items():
            made.__dict__[name] = self.of(held)
        cls = type(value)
        if cls not in self.slots:
            names = (slot for base in cls.__mro__ for slot in vars(base).values())
            self.slots[cls] = [slot for slot in names if isinstance(slot, types.MemberDescriptorType)]
        for slot in self.slots[cls]:
            with suppress(AttributeError, TypeError):  # it is not set, or cannot be
                slot.__set__(made, self.of(slot.__get__(value)))
        return made


_SHARED = tuple(f"{package}." for package in SHARED_PACKAGES)

_KINDS: tuple[tuple[Any, Callable[[Duplicates, Any], Any]], ...] = (
    (Tensor, Duplicates.tensor),
    (torch.jit.ScriptModule, Duplicates.itself),
    (dict, Duplicates.mapping),
    ((list, deque, set), Duplicates.sequence),
    ((tuple, frozenset), Duplicates.unchanging_sequence),
    (types.FunctionType, Duplicates.function),
    (types.MethodType, Duplicates.method),
    (types.BuiltinMethodType, Duplicates.builtin_method),
    (functools.partial, Duplicates.partial),
    (functools._lru_cache_wrapper, Duplicates.cache),  # noqa: SLF001 - the class has no other name
    (weakref.ref, Duplicates.weak),
    (torch.Generator, Duplicates.generator),
    ((*OF_NUMPY, bytearray), Duplicates.itself),
)


def attributes(value: object) -> dict[str, Any]:
    """The attributes of an object itself, without asking its class; none where it has no dictionary of them."""
    try:
        held = object.__getattribute__(value, "__dict__")
    except AttributeError:
        return {}
    return held if isinstance(held, dict) else {}


def _is_empty(cell: types.CellType) -> bool:
    try:
        return cell.cell_contents is cell
    except ValueError:
        return True
