"""An exported model as a program: its graph of ATen operations, reduced to plain data."""

import types
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Literal

import torch
import torch.fx.config
from torch import nn
from torch._ops import OpOverload
from torch._subclasses.fake_tensor import FakeTensor, unset_fake_temporarily
from torch.export import ExportedProgram
from torch.export.graph_signature import InputKind
from torch.utils import _pytree as pytree

from epochgraph.topology.decomposing import has_rule, taken_apart
from epochgraph.topology.memory import without_writes
from epochgraph.topology.program import Argument, Number, Program, Ref, Shape, Source, Step
from epochgraph.topology.regions import REGIONS, Region
from epochgraph.topology.replica import Inputs, Replica, without_data
from epochgraph.topology.unregistered import unregistered

MOST_VALUES = 4096
"""Numbers of a constant that are kept."""


def exported(model: nn.Module, inputs: Inputs) -> Program:
    """The operations that `torch.export` finds."""
    replica = without_data(model, inputs)
    with _no_stacks(), torch.no_grad():  # some operations have no gradient where the model is
        found = torch.export.export(replica.model, *replica.inputs, strict=False)
    if any(isinstance(value, torch.Tensor) and value.requires_grad for value in found.constants.values()):
        raise NotImplementedError("the pass takes gradients of its own values")  # which are now among the constants
    if any(getattr(node.target, "__name__", "") == "_add_batch_dim" for node in found.graph.nodes):
        found = found.run_decompositions({})  # what is mapped over a batch means nothing as it is
    return _program(found, replica)


@contextmanager
def _no_stacks() -> Iterator[None]:
    """Let torch not look up which line of code called each operation: that takes a quarter of the time."""
    settings: Any = torch.fx.config
    before = getattr(settings, "do_not_emit_stack_traces", None)  # older versions have no such setting
    settings.do_not_emit_stack_traces = True
    try:
        yield
    finally:
        settings.do_not_emit_stack_traces = before


def _program(exported: ExportedProgram, replica: Replica) -> Program:
    specs = {spec.arg.name: spec for spec in exported.graph_signature.input_specs}
    held = {name: replica.original(value) for name, value in {**exported.state_dict, **exported.constants}.items()}
    nodes = exported.graph.nodes
    owners = {_lies(tensor): name for name, tensor in (unregistered(replica.model) | replica.tensors).items()}
    registered = {name for name, _ in replica.model.named_parameters()}

    def source(node: torch.fx.Node) -> Source:
        found = _source(node, specs[node.name], held)
        owner = owners.get(_lies({**exported.constants}.get(found.target))) if found.kind == "buffer" else None
        kind: Literal["parameter", "buffer"] = "parameter" if owner in registered else "buffer"
        return found if owner is None else replace(found, kind=kind, target=owner)

    sources = tuple(source(node) for node in nodes if node.op == "placeholder")
    recording = _Recording()
    recording.record(exported.graph_module, "")
    return without_writes(Program((*sources, *recording.constants), tuple(recording.steps)), recording.shared)


class _Recording:
    """Operations in the order in which they run, those of regions in their place."""

    def __init__(self) -> None:
        self.steps: list[Step] = []
        self.constants: list[Source] = []
        self.named: dict[str, Argument] = {}
        self.shared: set[str] = set()

    def record(self, module: torch.fx.GraphModule, prefix: str) -> Argument:
        """Record a graph, and return what it puts out."""
        for node in module.graph.nodes:
            name = f"{prefix}{node.name}"
            if node.op == "output":
                return self.argument(node.args[0], prefix)
            if node.op == "get_attr":
                self.constant(name, getattr(module, str(node.target), None))
            if node.op != "call_function":
                continue
            if (run := REGIONS.get(getattr(node.target, "__name__", ""))) is not None:
                self.named[name] = run(Region(self, module, node, prefix))
            elif (simpler := _simpler(node)) is not None:
                inner, read = simpler
                self.named[name] = self.inlined(inner, self.arguments(read, prefix), name)
            elif "getitem" in str(node.target) and isinstance(self.argument(node.args[0], prefix), tuple):
                self.named[name] = self.argument(node.args[0], prefix)[node.args[1]]  # type: ignore[index]
            else:
                self.steps.append(self.step(node, name, prefix))
        return None

    def inlined(self, inner: torch.fx.GraphModule, given: Iterable[Argument], name: str) -> Argument:
        """Record a graph in the place of one operation, on what that one is given."""
        inputs = [node for node in inner.graph.nodes if node.op == "placeholder"]
        self.named |= {f"{name}.{node.name}": value for node, value in zip(inputs, given, strict=True)}
        return self.record(inner, f"{name}.")

    def constant(self, name: str, value: object) -> None:
        """A tensor that a graph holds itself; what else it holds is nothing that is read as a value."""
        if not isinstance(value, torch.Tensor):
            self.named[name] = None
        else:
            self.constants.append(constant(name, name, value, held=False))

    def step(self, node: torch.fx.Node, name: str, prefix: str) -> Step:
        """One operation."""
        stack = list((node.meta.get("nn_module_stack") or {}).values())
        options = tuple((key, self.argument(value, prefix)) for key, value in node.kwargs.items())
        value = node.meta.get("val")
        if share_memory(value, _value(node.args[0]) if node.args else None):
            self.shared.add(name)
        shape = tuple(map(tensor_shape, value)) if isinstance(value, list | tuple) else tensor_shape(value)
        module = stack[-1][0] if stack else ""
        return Step(name, _operation(node.target), self.arguments(node.args, prefix), options, shape, module)

    def arguments(self, values: Iterable[Any], prefix: str) -> tuple[Argument, ...]:
        """Arguments as plain data."""
        return tuple(self.argument(value, prefix) for value in values)

    def argument(self, value: Any, prefix: str) -> Argument:
        """An argument as plain data; a dtype, device or layout becomes None, the operation's default."""
        match value:
            case torch.fx.Node():
                name = f"{prefix}{value.name}"
                return self.named.get(name, Ref(name))
            case bool() | int() | float() | str():
                return value
            case list() | tuple():
                return self.arguments(value, prefix)
            case _:
                return None


def _operation(target: object) -> str:
    """The name of an operation, of a function of Python without its place in memory."""
    is_function = isinstance(target, types.FunctionType)
    return f"{target.__module__}.{target.__qualname__}" if is_function else str(target)  # type: ignore[attr-defined]


def _simpler(node: torch.fx.Node) -> tuple[torch.fx.GraphModule, list[torch.fx.Node]] | None:
    """The graph of what an operation without a rule consists of, and the tensors that it reads; None if it stays."""
    if not isinstance(node.target, OpOverload) or has_rule(str(node.target), node.args):
        return None
    read = [leaf for leaf in pytree.tree_leaves((node.args, node.kwargs)) if _is_tensor(leaf)]
    arguments, options = pytree.tree_map(
        lambda leaf: leaf.meta.get("val") if isinstance(leaf, torch.fx.Node) else leaf, (node.args, node.kwargs)
    )
    graph = taken_apart(node.target, arguments, options)
    return (graph, read) if graph is not None else None


def _is_tensor(leaf: object) -> bool:
    return isinstance(leaf, torch.fx.Node) and isinstance(leaf.meta.get("val"), torch.Tensor)


def _source(node: torch.fx.Node, spec: object, held: Mapping[str, object]) -> Source:
    kind = getattr(spec, "kind", None)
    value = node.meta.get("val")
    shape = tensor_shape(value)
    integer = isinstance(value, torch.Tensor) and not value.is_floating_point()
    if kind is InputKind.USER_INPUT:
        return Source(node.name, "input", node.name, shape, integer)
    target = str(getattr(spec, "target", None) or node.name)
    if kind is InputKind.PARAMETER:
        return Source(node.name, "parameter", target, shape)
    in_checkpoints = kind is InputKind.BUFFER and getattr(spec, "persistent", True) is not False
    return constant(node.name, target, held.get(target, value), held=in_checkpoints)


def constant(name: str, target: str, tensor: object, *, held: bool) -> Source:
    """A buffer or constant, with its numbers if they are few and are integers, or are in no checkpoint.

    Args:
        name: Its name in the program.
        target: Its name in the model.
        tensor: It.
        held: Whether checkpoints hold it.
    """
    integer = isinstance(tensor, torch.Tensor) and not tensor.is_floating_point() and not tensor.is_complex()
    return Source(name, "buffer", target, tensor_shape(tensor), integer, _numbers(tensor, held=held and not integer))


def names_in_checkpoints(model: nn.Module) -> set[str]:
    """The names of the tensors that a state dict of a model has."""
    found = {name for name, _ in model.named_parameters(remove_duplicate=False)}
    for prefix, module in model.named_modules(remove_duplicate=False):
        passing = getattr(module, "_non_persistent_buffers_set", ())  # TorchScript does not tell
        lasting = (
            name for name, _ in module.named_buffers(recurse=False, remove_duplicate=False) if name not in passing
        )
        found |= {f"{prefix}.{name}" if prefix else name for name in lasting}
    return found


def _numbers(tensor: object, *, held: bool) -> tuple[Number, ...] | None:
    """The numbers of a small constant, if they are there and are asked for."""
    if isinstance(tensor, FakeTensor):
        tensor = tensor.constant
    if held or not isinstance(tensor, torch.Tensor) or tensor.is_meta or tensor.is_complex():
        return None
    with unset_fake_temporarily():
        return tuple(tensor.flatten().tolist()) if tensor.numel() <= MOST_VALUES else None


def _lies(tensor: object) -> tuple[object, ...] | None:
    """What tells the memory of a tensor from that of others, and how it lies there; None if it has none."""
    try:
        if not isinstance(tensor, torch.Tensor):
            return None
        memory = tensor.untyped_storage()._cdata  # noqa: SLF001 - no other name for it
        return memory, tensor.storage_offset(), tuple(tensor.shape), tensor.stride()
    except (NotImplementedError, RuntimeError):  # a sparse tensor, for one, has none
        return None


def _value(argument: object) -> object:
    return argument.meta.get("val") if isinstance(argument, torch.fx.Node) else None


def share_memory(result: object, operand: object) -> bool:
    """Whether the result of an operation, or the first of several, lies in the memory of an operand."""
    first, second = (value[0] if isinstance(value, list | tuple) and value else value for value in (result, operand))
    memory = memory_of(first)
    return memory is not None and memory == memory_of(second)


def memory_of(value: object) -> int | None:
    """What tells the memory of a tensor from that of others; None where it has none, as a sparse one."""
    try:
        return int(value.untyped_storage()._cdata) if isinstance(value, torch.Tensor) else None  # noqa: SLF001 - no other name for it
    except (NotImplementedError, RuntimeError):
        return None


def tensor_shape(value: object) -> Shape:
    """Shape of a tensor, as plain numbers; of anything else, and of rows of different length, none."""
    plain = isinstance(value, torch.Tensor) and not value.is_nested
    return tuple(int(n) for n in value.shape) if plain else ()  # type: ignore[attr-defined]
