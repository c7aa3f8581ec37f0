"""One ordinary run of a model, recorded operation by operation, for models that `torch.export` cannot handle.

The run uses tensors without data if the model allows it. If its path depends on values, it uses the example itself:
then the path is the example's, and experts that it does not call are not seen.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch._dispatch.python import enable_python_dispatcher
from torch._subclasses.fake_tensor import FakeTensor
from torch._subclasses.schema_check_mode import SchemaCheckMode
from torch.nn.modules.module import register_module_forward_hook, register_module_forward_pre_hook
from torch.overrides import TorchFunctionMode
from torch.utils import _pytree as pytree
from torch.utils._python_dispatch import TorchDispatchMode
from typing_extensions import override

from epochgraph.topology.decomposing import has_rule, simpler_form
from epochgraph.topology.memory import without_writes
from epochgraph.topology.operations import ITEM
from epochgraph.topology.program import Argument, Program, Ref, Source, Step
from epochgraph.topology.recording import constant, memory_of, names_in_checkpoints, share_memory, tensor_shape
from epochgraph.topology.replica import Inputs, Replica, on_meta, with_values, without_data
from epochgraph.topology.unregistered import unregistered


def run_without_data(model: nn.Module, inputs: Inputs) -> Program:
    """The operations of one run on tensors that have no data."""
    replica = without_data(model, inputs)
    with next((t.fake_mode for t in replica.tensors.values() if isinstance(t, FakeTensor)), nullcontext()):
        return _recorded(replica)


MANY = 500
"""Operations from which on a pass is recorded on the "meta" device: `torch.export` takes long for each."""


def run_if_long(model: nn.Module, inputs: Inputs) -> Program | None:
    """The operations of one run on the "meta" device, if they are many and can run there; None otherwise.

    A tensor that comes from elsewhere has lost its numbers there, and is left to the other ways of recording.
    """
    try:
        with torch.device("meta"):
            found = _recorded(on_meta(model, inputs))
    except Exception:  # the model's own code runs here, and may raise anything
        return None
    has_lost_numbers = any(source.target.startswith(ELSEWHERE) for source in found.sources)
    return found if len(found.steps) >= MANY and not has_lost_numbers else None


def run_with_values(model: nn.Module, inputs: Inputs) -> Program:
    """The operations of one run on the example."""
    return _recorded(with_values(model, inputs))


def _recorded(replica: Replica) -> Program:
    recorder = _Recorder(replica)
    arguments, options = replica.inputs
    with (
        _no_fast_path(),
        torch.no_grad(),
        _running(replica.model) as modules,
        recorder.following(modules),
        _Gradients(recorder),
    ):
        replica.model(*arguments, **options)
    return without_writes(Program(tuple(recorder.sources), tuple(recorder.steps)), recorder.shared)


@contextmanager
def _running(model: nn.Module) -> Iterator[list[str]]:
    """The names of the modules that are running, the innermost last; those made in a forward pass have none."""
    names = {id(module): name for name, module in model.named_modules()}
    running: list[str] = []

    def enter(module: nn.Module, _: object) -> None:
        running.append(names.get(id(module), running[-1] if running else ""))

    def leave(*_: object) -> None:
        running.pop()

    hooks = register_module_forward_pre_hook(enter), register_module_forward_hook(leave, always_call=True)
    try:
        yield running
    finally:
        for hook in hooks:
            hook.remove()


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


ELSEWHERE = "constant "
"""What tensors are called that are of neither the model nor its input."""

GRADIENT = "torch.autograd.grad"

Options = tuple[tuple[str, Argument], ...]


class _Recorder(SchemaCheckMode):
    """Writes down each operation that a model calls, and lets it run.

    It is asked before an operation is taken apart ("pre-dispatch"), as `torch.export` is: so a linear layer is one
    operation whatever the layout of what it reads, and a recurrent layer is one, not one a moment. Of the modes that
    are allowed to be asked there this is the one that others know nothing of; nothing of it is used.
    """

    def __init__(self, replica: Replica) -> None:
        TorchDispatchMode.__init__(self, torch._C.DispatchKey.PreDispatch)  # type: ignore[no-untyped-call] # noqa: SLF001
        self.replica = replica
        self.sources: list[Source] = []
        self.steps: list[Step] = []
        self.names: dict[int, str] = {}
        self.alive: list[Tensor] = []  # an object that is gone could give its identity to another
        self.modules: Sequence[str] = ()
        self.shared: set[str] = set()
        self.anew: dict[object, str] = {}  # what is made of nothing, by memory: it may come back as another object
        self.silent = False
        self.unwrapped = False  # whether `torch.func` has taken gradients, which it gives on as other tensors
        self.apart: set[Any] = set()  # operations that are being taken apart: one may consist of itself
        self.lasting = names_in_checkpoints(replica.model)
        parameters = {name for name, _ in replica.model.named_parameters()}
        for target, tensor in replica.tensors.items():
            self.source("parameter" if target in parameters else "buffer", target, tensor)
        for name, tensor in unregistered(replica.model).items():
            self.source("buffer", name, tensor)
        for name, tensor in replica.entering:
            self.source("input", name, tensor)

    @contextmanager
    def following(self, modules: Sequence[str]) -> Iterator[None]:
        """Record, and tell the module of each operation: the last of those that are running."""
        self.modules = modules
        with enable_python_dispatcher(), self:
            yield

    def source(self, kind: Any, target: str, tensor: Tensor) -> None:
        """Note a value that exists before the first operation."""
        if id(tensor) in self.names:
            return
        name = f"source_{len(self.sources)}"
        found = constant(name, target, self.replica.original(tensor), held=target in self.lasting)
        if kind != "buffer":
            found = Source(name, kind, target, found.shape, found.integer)
        self.sources.append(found)
        self.keep(tensor, name)

    def keep(self, tensor: Tensor, name: str) -> None:
        """Remember under which name a tensor is known."""
        self.names[id(tensor)] = name
        self.alive.append(tensor)

    @override
    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        given = kwargs or {}
        if self.silent:
            return func(*args, **given)
        if any(_is_mapped(value) for value in pytree.tree_leaves((args, given))):
            with _Mapped(self):
                return func(*args, **given)
        return self.run(func, args, given)

    def run(self, func: Any, args: Any, kwargs: Any) -> Any:
        """Run an operation, and write it down or what it consists of."""
        simpler = None if func in self.apart or has_rule(str(func), args) else simpler_form(func)
        if simpler is not None:
            return self.take_apart(func, partial(simpler, *args, **kwargs))
        arguments = tuple(self.argument(value) for value in args)
        named = tuple((key, self.argument(value)) for key, value in kwargs.items())
        with torch._C._DisablePythonDispatcher():  # noqa: SLF001 - what is below is not recorded, and faster without it
            result = func(*args, **kwargs)
        if any(isinstance(value, Tensor) for value in pytree.tree_leaves(result)):  # not one that asks for a device
            if share_memory(result, args[0] if args else None):
                self.shared.add(f"step_{len(self.steps)}")
            self.write(str(func), arguments, named, result)
        return result

    def gradient(self, outputs: Any, inputs: Any) -> tuple[Tensor, ...]:
        """Write down that gradients are taken, which are not computed: what they have met is not known."""
        read = [value for value in pytree.tree_leaves((outputs, inputs)) if isinstance(value, Tensor)]
        wanted = [value for value in pytree.tree_leaves(inputs) if isinstance(value, Tensor)]
        self.silent = True
        result = tuple(torch.zeros_like(value).detach() for value in wanted)
        self.silent = False
        self.write(GRADIENT, tuple(map(self.argument, read)), (), result)
        self.unwrapped = self.unwrapped or any(map(_is_mapped, wanted))
        return result

    def take_apart(self, func: Any, simpler: Callable[[], Any]) -> Any:
        """Record the simpler operations that give the same as one without a rule."""
        self.apart.add(func)
        try:
            with self:
                return simpler()
        finally:
            self.apart.discard(func)

    def write(self, name: str, arguments: tuple[Argument, ...], options: Options, result: Any) -> None:
        """Record an operation, and each of several results as a separate step."""
        own = f"step_{len(self.steps)}"
        several = isinstance(result, list | tuple)
        shape: Any = tuple(map(tensor_shape, result)) if several else tensor_shape(result)
        self.steps.append(Step(own, name, arguments, options, shape, self.module()))
        if not several:
            self.keep(result, own)
            if not self.steps[-1].refs:
                self.anew[memory_of(result), tensor_shape(result)] = own
        for position, value in enumerate(result if several else ()):
            if isinstance(value, Tensor):
                one = f"{own}_{position}"
                self.steps.append(Step(one, ITEM, (Ref(own), position), (), tensor_shape(value), self.module()))
                self.keep(value, one)

    def module(self) -> str:
        """The name of the innermost module that is running."""
        return self.modules[-1] if self.modules else ""

    def argument(self, value: object) -> Argument:
        """An argument as plain data; tensors from elsewhere are constants."""
        match value:
            case Tensor():
                if id(value) not in self.names and (made := self.anew.get((memory_of(value), tensor_shape(value)))):
                    self.keep(value, made)
                elif id(value) not in self.names and self.unwrapped:  # it may be such a gradient
                    self.write(GRADIENT, (), (), value)
                elif id(value) not in self.names:
                    self.source("buffer", f"{ELSEWHERE}{len(self.sources)}", value)
                return Ref(self.names[id(value)])
            case bool() | int() | float() | str():
                return value
            case list() | tuple():
                return tuple(self.argument(item) for item in value)
            case _:
                return None


class _Gradients(TorchFunctionMode):
    """Gives the gradients that a forward pass takes of its own values to the recorder."""

    def __init__(self, recorder: _Recorder) -> None:
        super().__init__()
        self.recorder = recorder

    @override
    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        given = kwargs or {}
        if func is torch.autograd.grad:
            named = dict(zip(("outputs", "inputs"), args, strict=False)) | given
            return self.recorder.gradient(named["outputs"], named["inputs"])
        if func in (torch.autograd.backward, Tensor.backward):
            raise NotImplementedError("a forward pass that calls backward() is not followed")
        return func(*args, **given)


class _Mapped(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Gives an operation that `torch.func` maps over a batch to the recorder as what it does to the whole batch."""

    def __init__(self, recorder: _Recorder) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.recorder = recorder

    @override
    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return self.recorder.run(func, args, kwargs or {})


def _is_mapped(value: object) -> bool:
    return isinstance(value, Tensor) and torch._C._functorch.is_functorch_wrapped_tensor(value)  # noqa: SLF001
