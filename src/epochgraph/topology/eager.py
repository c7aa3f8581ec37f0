"""One ordinary run of a model, recorded operation by operation, for models that `torch.export` cannot handle.

The run uses tensors without data if the model allows it. If its path depends on values, it uses the example itself:
then the path is the example's, and experts that it does not call are not seen.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.func import functional_call, functionalize
from torch.overrides import TorchFunctionMode
from torch.utils import _pytree as pytree
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.module_tracker import ModuleTracker
from typing_extensions import override

from epochgraph.topology.operations import GATES, ITEM
from epochgraph.topology.program import Argument, Program, Ref, Source, Step
from epochgraph.topology.recording import Inputs, Recording, small_integers, tensor_shape

CELLS = frozenset(f"{name}_cell" for name in GATES)


def run_without_data(model: nn.Module, inputs: Inputs) -> Recording:
    """The operations of one run on tensors that have no data."""
    mode = FakeTensorMode(allow_non_fake_inputs=True)

    def converted(value: object) -> object:
        return mode.from_tensor(value) if isinstance(value, Tensor) else value

    with mode:
        held = {**dict(model.named_parameters()), **dict(model.named_buffers())}
        held, inputs = pytree.tree_map(converted, held), pytree.tree_map(converted, inputs)

    def recording(*, functional: bool) -> Program:
        with mode:
            return _recorded(model, held, inputs, functional=functional)

    return recording


def run_with_values(model: nn.Module, inputs: Inputs) -> Recording:
    """The operations of one run on the example; buffers that it writes to are copies."""
    held: dict[str, Tensor] = {name: parameter.detach() for name, parameter in model.named_parameters()}
    buffers = {name: buffer.clone() for name, buffer in model.named_buffers()}
    return lambda *, functional: _recorded(model, held | buffers, inputs, functional=functional)


def _recorded(model: nn.Module, held: Mapping[str, Tensor], inputs: Inputs, *, functional: bool) -> Program:
    recorder = _Recorder(held, {name for name, _ in model.named_parameters()})
    arguments, options = inputs
    for number, value in enumerate(pytree.tree_leaves(arguments)):
        recorder.enter(f"args_{number}", value)
    for path, value in pytree.tree_leaves_with_path(options):
        recorder.enter("_".join(str(getattr(key, "key", getattr(key, "idx", ""))) for key in path), value)

    def run(tensors: Mapping[str, Tensor], inputs: Inputs) -> object:
        return functional_call(model, dict(tensors), *inputs)

    run = functionalize(run) if functional else run
    whole = nullcontext() if functional else _Whole(recorder)  # what is functionalized is not what is called
    with _no_fast_path(), torch.no_grad(), ModuleTracker() as tracker, recorder.following(tracker), whole:
        run(dict(held), (arguments, options))
    return Program(tuple(recorder.sources), tuple(recorder.steps))


@contextmanager
def _no_fast_path() -> Iterator[None]:
    """Keep layers to operations that have a meaning of their own, not to one for a whole layer."""
    fast = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(value=False)
    try:
        with torch.backends.mkldnn.flags(enabled=False):
            yield
    finally:
        torch.backends.mha.set_fastpath_enabled(value=fast)


Options = tuple[tuple[str, Argument], ...]


class _Recorder(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Writes down each operation that is dispatched, and lets it run."""

    def __init__(self, held: Mapping[str, Tensor], parameters: set[str]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.sources: list[Source] = []
        self.steps: list[Step] = []
        self.names: dict[int, str] = {}
        self.alive: list[Tensor] = []  # an object that is gone could give its identity to another
        self.tracker: ModuleTracker | None = None
        self.silent = False
        for target, tensor in held.items():
            self.source("parameter" if target in parameters else "buffer", target, tensor)

    @contextmanager
    def following(self, tracker: ModuleTracker) -> Iterator[None]:
        """Record, and tell the module of each operation."""
        self.tracker = tracker
        with self:
            yield

    def enter(self, name: str, value: object) -> None:
        """Note an input of the network."""
        if isinstance(value, Tensor):
            self.source("input", name, value)

    def source(self, kind: Any, target: str, tensor: Tensor) -> None:
        """Note a value that exists before the first operation."""
        if id(tensor) in self.names:
            return
        integer = not tensor.is_floating_point() and not tensor.is_complex()
        values = small_integers(tensor) if integer and kind == "buffer" else None
        name = f"source_{len(self.sources)}"
        self.sources.append(Source(name, kind, target, tuple(tensor.shape), integer, values))
        self.keep(tensor, name)

    def keep(self, tensor: Tensor, name: str) -> None:
        """Remember under which name a tensor is known."""
        self.names[id(tensor)] = name
        self.alive.append(tensor)

    @override
    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return func(*args, **kwargs or {}) if self.silent else self.run(str(func), func, args, kwargs or {})

    def run(self, name: str, func: Any, args: Any, kwargs: Any) -> Any:
        """Run an operation and record it by name, without the operations inside."""
        arguments = tuple(self.argument(value) for value in args)
        named = tuple((key, self.argument(value)) for key, value in kwargs.items())
        silent, self.silent = self.silent, True
        try:
            result = func(*args, **kwargs)
        finally:
            self.silent = silent
        if any(isinstance(value, Tensor) for value in pytree.tree_leaves(result)):  # not one that asks for a device
            self.write(name, arguments, named, result)
        return result

    def write(self, name: str, arguments: tuple[Argument, ...], options: Options, result: Any) -> None:
        """Record an operation, and each of several results as a separate step."""
        own = f"step_{len(self.steps)}"
        several = isinstance(result, list | tuple)
        shape: Any = tuple(map(tensor_shape, result)) if several else tensor_shape(result)
        self.steps.append(Step(own, name, arguments, options, shape, self.module()))
        if not several:
            self.keep(result, own)
        for position, value in enumerate(result if several else ()):
            if isinstance(value, Tensor):
                one = f"{own}_{position}"
                self.steps.append(Step(one, ITEM, (Ref(own), position), (), tensor_shape(value), self.module()))
                self.keep(value, one)

    def module(self) -> str:
        """The name of the running module: the innermost one has the longest."""
        running = (self.tracker.parents if self.tracker else set()) - {"Global"}
        return max(running, key=len, default="").partition(".")[2]

    def argument(self, value: object) -> Argument:
        """An argument as plain data; tensors from elsewhere are constants."""
        match value:
            case Tensor():
                if id(value) not in self.names:
                    self.source("buffer", f"constant {len(self.sources)}", value)
                return Ref(self.names[id(value)])
            case bool() | int() | float() | str():
                return value
            case list() | tuple():
                return tuple(self.argument(item) for item in value)
            case _:
                return None


class _Whole(TorchFunctionMode):
    """Gives some operations to the recorder before they are taken apart.

    Otherwise a recurrent layer would become one layer per time step and gate, and circular padding a write to memory.
    """

    def __init__(self, recorder: _Recorder) -> None:
        super().__init__()
        self.recorder = recorder

    @override
    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name, options = getattr(func, "__name__", ""), kwargs or {}
        if name in GATES:
            packed = any(isinstance(value, list | tuple) for value in args[3:4])  # else the weights come third
            return self.recorder.run(f"aten.{name}.{'data' if packed else 'input'}", func, args, options)
        if name in CELLS or (name == "pad" and _goes_around(*args, **options)):
            return self.recorder.run(f"aten.{name}.default", func, args, options)
        return func(*args, **options)


def _goes_around(
    _input: object = None, pad: Sequence[object] = (), mode: str = "constant", *_: object, **__: object
) -> bool:
    """Whether a padding is circular, by numbers that are known."""
    return mode == "circular" and all(isinstance(amount, int) for amount in pad)
