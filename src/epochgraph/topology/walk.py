"""The state of one run through a program on node indices, for its rules."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from hashlib import sha256
from math import inf
from typing import Any, TypeGuard

import torch
from torch import Tensor
from torch.nn import functional

from epochgraph.topology import operations as ops
from epochgraph.topology.computing import call
from epochgraph.topology.flow import Flow, Weight, Wiring
from epochgraph.topology.program import Argument, Program, Ref, Shape, Source, Step
from epochgraph.topology.spans import NO_NODE

RESHAPES = frozenset(["_reshape_alias", "_unsafe_view", "reshape", "view"])
"""Another shape for the same values in the same order."""

LONGEST = 1000
"""Characters of a computation that are written out."""

SHOWN = 100
"""Characters that are shown of a longer one."""


@dataclass(frozen=True, slots=True)
class Computed:
    """A value computed from parameters, buffers and constants only.

    Attributes:
        name: The step that made it.
        shape: Its shape.
        words: The computation, written out.
        parameters: Names of the parameters that it is made of, none for a constant.
        zero: Whether it is known to be nothing but zeros.
    """

    name: str
    shape: Shape
    words: str
    parameters: tuple[str, ...]
    zero: bool = False


@dataclass(frozen=True, slots=True)
class Chosen:
    """Weights chosen by the data from several that are stacked along the first dimension of one.

    Attributes:
        weight: All of them: a parameter or what is computed of parameters.
        shape: Shape of the value: of the choice, then of one weight.
        choice: Name of the value that chooses.
    """

    weight: Source | Computed
    shape: Shape
    choice: str


@dataclass(frozen=True, slots=True)
class Unsummed:
    """An elementwise product of values and a weight, of which only a sum is read.

    Attributes:
        flow: The values, without the dimensions along which the weight alone changes.
        read: The dimensions of the product that they have.
        weight: It, without the dimensions along which it is the same.
        own: The dimensions of the product that it has.
        shape: Shape of the product.
    """

    flow: Flow
    read: Shape
    weight: Source | Computed
    own: Shape
    shape: Shape


Value = Flow | Source | Computed | Chosen | Unsummed | tuple["Value", ...]


class Walk:
    """One run through a program; its state is the values that later steps still read.

    Args:
        program: What to run.
        wiring: What its operations mean.
        resized: Whether the inputs have other sizes than when the program was recorded.
    """

    def __init__(self, program: Program, wiring: Wiring, *, resized: bool) -> None:
        self.program = program
        self.wiring = wiring
        self.resized = resized
        self.steps = {
            step.name: step for step in program.steps
        }  # noise is replaced in those that a weight is computed with
        self.order = {step.name: number for number, step in enumerate(program.steps)}
        self.read_by: dict[str, list[Step]] = {}
        for step in program.steps:
            for ref in set(step.refs):
                self.read_by.setdefault(ref, []).append(step)
        self.readers = Counter({name: len(steps) for name, steps in self.read_by.items()})
        self.values: dict[str, Value] = {}

    # What a step reads.

    def operands(self, step: Step) -> list[Any]:
        """Its positional arguments, values in place of their names."""
        return [self.value(argument) for argument in step.arguments]

    def option(self, step: Step, position: int, name: str, default: Any = None) -> Any:
        """An argument that may be given by its position or name."""
        if position < len(step.arguments):
            return self.value(step.arguments[position])
        return next((self.value(value) for key, value in step.options if key == name), default)

    def value(self, argument: Argument) -> Any:
        """An argument, the value in place of its name."""
        if isinstance(argument, Ref):
            return self.values[argument.name]
        if isinstance(argument, tuple):
            return [self.value(item) for item in argument]
        return argument

    def tensors(self, step: Step) -> list[Value]:
        """All values that it reads."""
        return [self.values[ref] for ref in step.refs]

    def flow(self, value: object) -> Flow:
        """The value as a flow: parameters and constants carry no node, a bundle of results cannot be followed."""
        if isinstance(value, Flow):
            return value
        if isinstance(value, Source | Computed | Chosen):
            return Flow(value.shape)
        if isinstance(value, int | float | None):
            return Flow(())
        return Flow((), unknown="several results are read as one")

    def only_reader(self, step: Step) -> Step | None:
        """The step that reads the result of one, if it is the only one."""
        steps = self.read_by.get(step.name, [])
        return steps[0] if len(steps) == 1 else None

    # Parameters.

    def bias(self, value: object) -> Weight | None:
        """A value made of parameters, as the bias of a layer; None if it is no such value."""
        return self.weight(value) if is_weight(value) else None

    def weight(self, value: Source | Computed, steps: tuple[Step, ...] = ()) -> Weight:
        """A value made of parameters, as the weight of a layer.

        Args:
            value: It.
            steps: Operations that bring it into the form of a layer's weight, each on the result of the one before.
        """
        words = self.words(value)
        if not steps and isinstance(value, Source):
            return Weight(words, value.shape, (value.target,))
        program = self.derivation(value.name)
        made, shape, last = list(program.steps), value.shape, value.name
        for number, step in enumerate(steps):
            made.append(replace(step, name=f"layout{number}", arguments=(Ref(last), *step.arguments)))
            words = written(step.operation, [words, *map(str, step.arguments)])
            last, shape = f"layout{number}", plain(step.shape)
        return Weight(words, shape, parameters_of(value), Program(program.sources, tuple(made)))

    def derived(
        self, value: Source | Computed, operation: str, arguments: tuple[Argument, ...], shape: Shape
    ) -> Computed:
        """What an operation makes of a value made of parameters, where the program has no such operation."""
        name = f"{value.name}.{ops.base(operation)}{len(self.order)}"
        self.steps[name] = Step(name, operation, (Ref(value.name), *arguments), (), shape, "")
        self.order[name] = len(self.order)
        words = written(operation, [self.words(value), *map(str, arguments)])
        return Computed(name, shape, words, parameters_of(value))

    def words(self, value: Source | Computed) -> str:
        """How a value came about, in words."""
        return value.target if isinstance(value, Source) else value.words

    def derivation(self, name: str) -> Program:
        """The part of the program that computes one value."""
        needed, waiting = set[str](), [name]
        while waiting:
            current = waiting.pop()
            if current not in needed:
                needed.add(current)
                waiting += self.steps[current].refs if current in self.steps else ()
        sources = tuple(source for source in self.program.sources if source.name in needed)
        return Program(
            sources, tuple(self.steps[name] for name in sorted(needed & self.order.keys(), key=self.order.__getitem__))
        )

    def fold(self, step: Step) -> None:
        """Parameters that a step combines with values place by place belong to nodes."""
        for value in self.tensors(step):
            self.wiring.fold(parameters_of(value))

    def leave_out(self, step: Step, reason: str) -> None:
        """Parameters that a step reads are no part of the graph."""
        for value in self.tensors(step):
            if parameters_of(value):
                self.wiring.leave_out(parameters_of(value), reason)

    def unknown(self, step: Step, found: str = "is not understood") -> Value:
        """The result of a step that cannot be followed, with the reason."""
        where = f" in {step.module}" if step.module else ""
        reason = f"{step.operation}{where} {found}"
        self.leave_out(step, reason)
        return shaped(step.shape, lambda shape: Flow(shape, unknown=reason))

    # Running a step on stand-ins for its values.

    def shape(self, step: Step) -> Any:
        """Shape of the step's result, from the operation itself on tensors without data."""
        if not self.resized:
            return step.shape
        result = self.call(step, lambda value: torch.empty(value.shape, device="meta"))
        return tuple(result.shape) if isinstance(result, Tensor) else tuple(tuple(item.shape) for item in result)

    def call(self, step: Step, stand_in: Callable[[Any], Tensor]) -> Any:
        """The result of a step on stand-ins for its operands.

        Args:
            step: The operation.
            stand_in: Makes a tensor of a flow, weight or constant.
        """

        def filled(argument: object) -> Any:
            if isinstance(argument, list):
                return [filled(item) for item in argument]
            return stand_in(argument) if isinstance(argument, Flow | Source | Computed | Chosen) else argument

        arguments = [filled(value) for value in self.operands(step)]
        options = {key: filled(self.value(value)) for key, value in step.options if value is not None}
        if self.wiring.most_bytes < inf:
            _check_room(step.operation, arguments, options, self.wiring.most_bytes)
        if any(isinstance(a, Tensor) and a.dtype == torch.int64 for a in flat(arguments)):
            return _on_indices(step.operation, arguments, options)
        return call(step.operation, arguments, options)


def written(operation: str, operands: list[str]) -> str:
    """A computation in words; a long one as its digest, for what is read twice would be written out twice each time."""
    inner = ", ".join(operands)
    if len(inner) > LONGEST:
        inner = f"{inner[:SHOWN]}... {sha256(inner.encode(errors='surrogatepass')).hexdigest()[:16]}"
    return f"{ops.base(operation)}({inner})"


def is_weight(value: object) -> TypeGuard[Source | Computed]:
    """Whether a value is made of parameters."""
    return isinstance(value, Source | Computed) and bool(parameters_of(value))


def is_constant(value: Value) -> bool:
    """Whether a value is made of neither nodes nor parameters."""
    if isinstance(value, Flow):
        return not value.terms and not value.unknown
    return not parameters_of(value)


def parameters_of(value: object) -> tuple[str, ...]:
    """Names of the parameters that a value is made of."""
    if isinstance(value, Source):
        return (value.target,) if value.kind == "parameter" else ()
    if isinstance(value, Chosen | Unsummed):
        return parameters_of(value.weight)
    return value.parameters if isinstance(value, Computed) else ()


def shape_of(value: Value) -> Shape:
    """Shape of a value; of several together, none."""
    return () if isinstance(value, tuple) else value.shape


def shaped(shapes: Shape | tuple[Shape, ...], made: Callable[[Shape], Value]) -> Value:
    """A value of one shape, or several of several."""
    if shapes and isinstance(shapes[0], tuple):
        return tuple(made(shape) for shape in shapes if isinstance(shape, tuple))
    return made(plain(shapes))


def plain(shape: Shape | tuple[Shape, ...]) -> Shape:
    """One shape, of an operation with one result."""
    return tuple(n for n in shape if isinstance(n, int))


def flat(arguments: list[Any]) -> Iterator[Any]:
    """Arguments, those within lists too."""
    for argument in arguments:
        if isinstance(argument, list | tuple):
            yield from flat(list(argument))
        else:
            yield argument


def _check_room(operation: str, arguments: list[Any], options: dict[str, Any], most: float) -> None:
    """See on tensors without data that an operation takes no more memory than it may.

    Raises:
        ValueError: It takes more.
    """

    def bare(value: Any) -> Any:
        if isinstance(value, list | tuple):
            return [bare(item) for item in value]
        if not isinstance(value, Tensor):
            return value
        return torch.empty_strided(value.shape, value.stride(), dtype=value.dtype, device="meta")

    if ops.base(operation) in RESHAPES:  # they may be views where the same indices are not, and grow no further
        if arguments[0].numel() > most:
            raise ValueError(f"{operation} reads {tuple(arguments[0].shape)}, more than can be followed")
        return
    result = call(operation, bare(arguments), {key: bare(value) for key, value in options.items()})
    for tensor in result if isinstance(result, list | tuple) else [result]:
        if isinstance(tensor, Tensor) and tensor.untyped_storage().nbytes() > most:
            raise ValueError(f"{operation} gives {tuple(tensor.shape)}, more than can be followed")


def _on_indices(operation: str, arguments: list[Any], options: dict[str, Any]) -> Any:
    """Run a move on node indices: what it pads with is no node, and what interpolates wants floating point."""
    match ops.base(operation):
        case "constant_pad_nd":
            return _padded(*arguments[:2])
        case "pad" if [*arguments[2:], options.get("mode", "constant")][0] == "constant":
            return _padded(*arguments[:2])
        case name if name in RESHAPES:  # indices need not lie in memory as the values do
            return _reshaped(*arguments[:2])
        case "im2col":  # its padding is zero, which is a node: count from one
            return call(operation, [(arguments[0] + 1).double(), *arguments[1:]], options).long() - 1
        case name if name.startswith(("pad", "reflection_pad", "replication_pad", "upsample", "_upsample")):
            result = call(operation, [arguments[0].double(), *arguments[1:]], options)  # exact up to 2 ** 53 nodes
            return result.long()
        case _:
            return call(operation, arguments, options)


def _padded(nodes: Tensor, amounts: list[int]) -> Tensor:
    """Indices with places without a node around them; a view where there is nothing to pad."""
    return functional.pad(nodes, amounts, value=NO_NODE) if any(amounts) else nodes


def _reshaped(nodes: Tensor, wanted: list[int]) -> Tensor:
    """Indices in another shape, first dimensions along which they do not change not written out."""
    shape = torch.empty(nodes.shape, device="meta").reshape(wanted).shape
    same = 0
    while same < min(nodes.dim(), len(shape)) and nodes.stride(same) == 0 and nodes.shape[same] == shape[same]:
        same += 1
    return nodes[(0,) * same].reshape(shape[same:]).expand(shape)
