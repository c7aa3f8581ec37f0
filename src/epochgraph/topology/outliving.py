"""What outlives the run of a model's code beside the model: caches, global names, and the state of random generators.

A forward pass that runs on stand-ins may put them where no copy of the model keeps them from: a table that
`functools.lru_cache` remembers, a dictionary of the module that defines the class. There they are taken back.
"""

import functools
import gc
import random
import sys
import types
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.modules import module as modules

from epochgraph.topology.duplicating import attributes

FOREIGN = sys.stdlib_module_names | set(
    """
    _pytest beartype epochgraph hypothesis jaxtyping matplotlib numba numpy pandas pluggy pyarrow pytest scipy sklearn
    sympy torch triton typing_extensions
    """.split()  # noqa: SIM905 - quotes would hide the list
)
"""Packages whose own state is theirs to keep: none of them keeps a tensor of a forward pass."""

MOST = 200_000
"""Objects that are looked at; what lies nearest to the model comes first."""

DEPTH = 3
"""How deep a tensor may lie in what was put somewhere."""

Undo = Callable[[], None]


@contextmanager
def nothing_left(model: nn.Module) -> Iterator[None]:
    """Take back what the run of a model leaves behind beside it, whatever happens.

    Functions that remember their results forget those of the run. Global names, attributes of classes, and what these
    hold get back what they had before if they have got tensors or modules; what else has changed in them may be the
    work of another thread.
    """
    with ExitStack() as stack:
        for undo in (_random_states(model), _remembered_results(), _reachable(model)):
            stack.callback(undo)
        stack.enter_context(torch.set_grad_enabled(torch.is_grad_enabled()))
        yield


def _random_states(model: nn.Module) -> Undo:
    devices = sorted({p.device.index or 0 for p in model.parameters() if p.device.type == "cuda"})
    states = [torch.cuda.get_rng_state(device) for device in devices]
    state, of_numpy, of_python = torch.get_rng_state(), np.random.get_state(), random.getstate()  # noqa: NPY002 - theirs

    def undo() -> None:
        torch.set_rng_state(state)
        np.random.set_state(of_numpy)  # noqa: NPY002
        random.setstate(of_python)
        for device, of_device in zip(devices, states, strict=True):
            torch.cuda.set_rng_state(of_device, device)

    return undo


def _remembered_results() -> Undo:
    """Of each function that remembers its results, those by their arguments: it has no way to forget a single one."""
    kind = functools._lru_cache_wrapper  # noqa: SLF001 - the class has no other name
    caches = [value for value in gc.get_objects() if type(value) is kind and not _is_foreign(value.__module__)]
    tables = [d for cache in caches for d in gc.get_referents(cache) if type(d) is dict and d is not cache.__dict__]
    before = [(table, set(table)) for table in tables]

    def undo() -> None:
        for table, known in before:
            for key in [key for key in table if key not in known]:
                del table[key]

    return undo


def _is_foreign(name: object) -> bool:
    return not isinstance(name, str) or name.partition(".")[0] in FOREIGN


def _reachable(model: nn.Module) -> Undo:
    """What can be reached from a model's code."""
    before = [(value, held) for value in _reached(_roots(model)) if (held := _contents(value)) is not None]

    def undo() -> None:
        for value, held in before:
            _give_back(value, held)

    return undo


def _roots(model: nn.Module) -> list[object]:
    """The classes of a model's modules, what the modules hold, and the functions that are called beside these."""
    hooks = (modules._global_forward_hooks, modules._global_forward_pre_hooks)  # noqa: SLF001 - there is no other access
    found: list[object] = [hook for table in hooks for hook in table.values()]
    for module in model.modules():
        found += [type(module), vars(module)]
    return found


def _reached(roots: Iterable[object]) -> list[object]:
    """What can be reached from some objects over what may hold others, the nearest first."""
    found, seen, waiting = list[object](), set[int](), deque(roots)
    while waiting and len(seen) < MOST:
        value = waiting.popleft()
        if id(value) not in seen:
            seen.add(id(value))
            found.append(value)
            waiting.extend(held for held in _led_to(value) if not isinstance(held, _PLAIN))
    return found


_PLAIN = (type(None), bool, int, float, str, bytes, Tensor, nn.Module, np.ndarray, torch.dtype, torch.device)


def _led_to(value: object) -> Iterable[object]:
    """What an object leads to."""
    return next((found(value) for kind, found in _LEADING if isinstance(value, kind)), ()) or _of_instance(value)


def _items(value: Any) -> list[Any]:
    """What a container holds; code that its class may have for this is not run."""
    kind = next(kind for kind in _CONTAINERS if isinstance(value, kind))
    if kind.__len__(value) > MOST:
        return []
    return [*dict.values(value)] if kind is dict else [*kind.__iter__(value)]


def _of_class(value: type) -> Iterable[object]:
    own = () if _is_foreign(value.__module__) else vars(value).values()
    return [*value.__bases__, _home(value.__module__), *own]


def _of_function(value: types.FunctionType) -> Iterable[object]:
    home = _home(value.__module__)
    return [home, value.__defaults__, value.__kwdefaults__, value.__dict__, *(value.__closure__ or ())]


def _of_instance(value: object) -> Iterable[object]:
    return () if _is_foreign(type(value).__module__) else [type(value), attributes(value)]


def _home(name: object) -> object:
    return None if _is_foreign(name) else sys.modules.get(str(name))


def _cell(cell: types.CellType) -> list[object]:
    try:
        return [cell.cell_contents]
    except ValueError:  # empty
        return []


_CONTAINERS: tuple[Any, ...] = (dict, list, tuple, set, frozenset, deque)

_LEADING: tuple[tuple[Any, Callable[[Any], Iterable[object]]], ...] = (
    (type, _of_class),
    (types.ModuleType, lambda value: [None if _is_foreign(value.__name__) else vars(value)]),
    (types.FunctionType, _of_function),
    (types.MethodType, lambda value: [value.__func__, value.__self__]),
    (types.CellType, _cell),
    ((classmethod, staticmethod), lambda value: [value.__func__]),
    (property, lambda value: [value.fget]),
    (_CONTAINERS, _items),
)
"""Kinds of objects -> what they lead to."""


def _contents(value: Any) -> Any:
    """What an object holds that can be given back; None if it holds nothing."""
    if isinstance(value, dict):
        return dict([*dict.items(value)]) if dict.__len__(value) < MOST else None
    if isinstance(value, list | deque | set):
        return _items(value)
    if isinstance(value, types.CellType):
        return _cell(value)
    return dict(vars(value)) if isinstance(value, type) and not _is_foreign(value.__module__) else None


def _give_back(value: Any, held: Any) -> None:
    """Give an object back what it held, where it has got tensors instead."""
    if isinstance(value, dict):
        kind: Any = OrderedDict if isinstance(value, OrderedDict) else dict
        entries = [*dict.items(value)]
        _put_back(entries, held, partial(kind.__setitem__, value), partial(kind.__delitem__, value))
    elif isinstance(value, type):
        _put_back([*vars(value).items()], held, partial(type.__setattr__, value), partial(type.__delattr__, value))
    elif isinstance(value, types.CellType):
        if held and (new := _cell(value)) and new[0] is not held[0] and _carries(new[0]):
            value.cell_contents = held[0]
    else:
        _refill(value, held)


def _put_back(
    entries: list[tuple[Any, Any]], held: dict[Any, Any], put: Callable[..., None], remove: Callable[..., None]
) -> None:
    """Give the names in a dictionary or class back what they stood for."""
    for key, new in entries:
        if (key not in held or held[key] is not new) and _carries(new):
            if key in held:
                put(key, held[key])
            else:
                remove(key)


def _refill(value: Any, held: list[Any]) -> None:
    """Give a list or set back what it held."""
    known = {id(item) for item in held}
    new = [item for item in _items(value) if id(item) not in known and _carries(item)]
    if new and isinstance(value, set):
        set.difference_update(value, new)
    elif new:
        kind: Any = list if isinstance(value, list) else deque
        kind.clear(value)
        kind.extend(value, held)


def _carries(value: Any, depth: int = DEPTH) -> bool:
    """Whether an object is a tensor or module, or has one in it."""
    if isinstance(value, Tensor | nn.Module):
        return True
    if depth == 0 or isinstance(value, (*_PLAIN, type, types.ModuleType, types.FunctionType)):
        return False
    items = _items(value) if isinstance(value, _CONTAINERS) else dict.values(attributes(value))
    return any(_carries(item, depth - 1) for item in items)
