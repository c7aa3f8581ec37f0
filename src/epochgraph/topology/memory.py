"""A program as if no operation wrote to memory that is in use.

PyTorch's views share memory, so that an addition in place to a slice, a chunk or a transposed tensor changes what it
was taken of, and all other views of that. Here each such operation gives a new value; what was changed with it is put
together from this and the rest, and the views that are read later are taken anew.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import Any

from epochgraph.topology import operations as ops
from epochgraph.topology.program import Argument, Program, Ref, Shape, Step

SAME = frozenset(
    ["alias", "contiguous", "detach", "dropout", "lift_fresh", "positive", "resolve_conj", "resolve_neg"]
) | {
    "alpha_dropout",
    "feature_alpha_dropout",
    "feature_dropout",
    "to",
    "type_as",
}
"""What shares all memory of its operand, if any, has the same places."""

IN_ORDER = frozenset(
    [
        "_reshape_alias",
        "_unsafe_view",
        "atleast_1d",
        "atleast_2d",
        "atleast_3d",
        "flatten",
        "ravel",
        "reshape",
        "reshape_as",
        "squeeze",
        "unflatten",
        "unsqueeze",
        "view",
        "view_as",
    ]
)
"""The places of a tensor one after another, in another shape."""

TURNED = frozenset(["adjoint", "mT", "matrix_H", "numpy_T", "swapaxes", "swapdims", "t", "transpose"])
"""What undoes itself."""

PIECES = {"chunk": 2, "split": 2, "split_with_sizes": 2, "tensor_split": 2, "unsafe_chunk": 2, "unsafe_split": 2}
"""Cuts along one dimension -> the position of that dimension among the arguments."""

CUTS = {"hsplit": 1, "vsplit": 0, "dsplit": 2}
"""Cuts along a dimension that the name tells."""

SETTINGS = frozenset(["dropout", "alpha_dropout", "feature_alpha_dropout", "feature_dropout"])
"""What returns its operand unless it is training, although `torch.export` shows a copy."""

Place = tuple[str, tuple[Step, ...]]
"""The value whose memory another shares, and the views that lead to that."""


def without_writes(program: Program, shared: Collection[str]) -> Program:
    """The same operations out of place, and where views of what was written to are read later, further operations.

    Args:
        program: Operations as they ran.
        shared: Names of the steps whose result lies in the memory of what they read first.
    """
    memory = _Memory({source.name: source.shape for source in program.sources})
    for step in program.steps:
        memory.add(step, shares=step.name in shared or _is_idle(step))
    return Program(program.sources, memory.needed())


def _is_idle(step: Step) -> bool:
    return ops.base(step.operation) in SETTINGS and (*step.arguments, None)[2] is False


@dataclass(slots=True)
class _Root:
    """A value with memory of its own.

    Attributes:
        name: The step or source that it is at the moment.
        writes: How often its memory was written to.
    """

    name: str
    writes: int = 0


class _Memory:
    """The operations so far, and what lies in which memory."""

    def __init__(self, shapes: dict[str, Any]) -> None:
        self.shapes = shapes
        self.steps: list[Step] = []
        self.made: set[str] = set()
        self.places: dict[str, Place] = {name: (name, ()) for name in shapes}
        self.roots = {name: _Root(name) for name in shapes}
        self.known: dict[str, tuple[int, str]] = {name: (0, name) for name in shapes}

    def add(self, step: Step, *, shares: bool) -> None:
        """Add an operation, reading what the memory of its operands holds now."""
        changing = ops.in_place(step.operation) and bool(step.arguments) and isinstance(step.arguments[0], Ref)
        here = replace(
            step,
            arguments=tuple(map(self.argument, step.arguments)),
            options=tuple((key, self.argument(value)) for key, value in step.options),
        )
        if changing and ops.base(step.operation) not in ops.VIEWS:
            self.write(here, step.refs[0])
            return
        self.emit(replace(here, operation=_out_of_place(step.operation)) if changing else here)
        first = step.arguments[0] if step.arguments else None
        taken = step.operation == ops.ITEM and isinstance(first, Ref) and bool(self.places[first.name][1])
        if (shares or changing or taken) and isinstance(first, Ref):
            root, views = self.places[first.name]
            self.places[step.name] = root, (*views, here)
            self.known[step.name] = self.roots[root].writes, step.name
        else:
            self.own(step.name)

    def own(self, name: str) -> None:
        """A value has memory of its own."""
        self.places[name], self.roots[name], self.known[name] = (name, ()), _Root(name), (0, name)

    def emit(self, step: Step) -> None:
        """Add an operation as it is."""
        self.steps.append(step)
        self.shapes[step.name] = step.shape

    def more(self, step: Step, operation: str, arguments: tuple[Argument, ...], shape: Any) -> str:
        """Add a further operation, and return its name."""
        name = f"memory_{len(self.made)}"
        self.made.add(name)
        self.emit(Step(name, operation, arguments, (), shape, step.module))
        return name

    def argument(self, value: Argument) -> Argument:
        """An argument as the memory is now."""
        if isinstance(value, Ref):
            return Ref(self.now(value.name))
        return tuple(map(self.argument, value)) if isinstance(value, tuple) else value

    def now(self, name: str) -> str:
        """The value that a name stands for, as its memory is now: its views are taken anew if it was written to."""
        root, views = self.places[name]
        writes, known = self.known[name]
        if writes == self.roots[root].writes:
            return known
        found = self.path(root, views)[-1]
        self.known[name] = self.roots[root].writes, found
        return found

    def path(self, root: str, views: Sequence[Step]) -> list[str]:
        """The values that lead over views to one, each of memory as it is now."""
        names = [self.roots[root].name]
        for view in views:
            if names[-1] == self.now_before(view):
                names.append(view.name)
            else:
                arguments = (Ref(names[-1]), *view.arguments[1:])
                operation = _out_of_place(view.operation)
                names.append(self.more(view, operation, arguments, view.shape))
                self.steps[-1] = replace(self.steps[-1], options=view.options)
        return names

    def now_before(self, view: Step) -> str:
        """What a view was taken of when it was recorded."""
        first = view.arguments[0]
        return first.name if isinstance(first, Ref) else ""

    def write(self, step: Step, target: str) -> None:
        """Add an operation that writes to a value, and put what it is a part of together with it."""
        root, views = self.places[target]
        whole = self.path(root, views)[:-1]
        if any(_undone(pair, "", "", ()) is None for pair in _pairs(views)):  # then what else lies there is not known
            self.emit(step)
            self.places[step.name], self.known[step.name] = self.places[target], (self.roots[root].writes, step.name)
            return
        self.emit(replace(step, operation=_out_of_place(step.operation)))
        name = step.name
        for base, pair in [*zip(_bases(whole, views), _pairs(views), strict=True)][::-1]:
            shape = self.shapes[base]
            found = _undone(pair, base, name, shape)
            name = self.more(step, *found, shape) if found else name
        own = self.roots[root]
        own.name, own.writes = name, own.writes + 1
        self.known[root] = own.writes, name
        self.places[step.name], self.known[step.name] = (root, views), (own.writes, step.name)

    def needed(self) -> tuple[Step, ...]:
        """The operations, those that were made here only if something reads them."""
        read: set[str] = set()
        kept = []
        for step in reversed(self.steps):
            if step.name not in self.made or step.name in read:
                read |= set(step.refs)
                kept.append(step)
        return tuple(reversed(kept))


def _out_of_place(operation: str) -> str:
    """The name of an operation that gives a new value instead of changing one."""
    if not ops.in_place(operation):
        return operation
    namespace, _, overload = operation.split(".")
    return f"{namespace}.{ops.base(operation)}.{overload}"


Pair = tuple[Step, Step | None]
"""A view, and of one that has several results which of them is taken."""


def _pairs(views: Sequence[Step]) -> list[Pair]:
    following = (*views[1:], None)[: len(views)]
    taken = [step if step is not None and step.operation == ops.ITEM else None for step in following]
    return [(view, item) for view, item in zip(views, taken, strict=True) if view.operation != ops.ITEM]


def _bases(values: Sequence[str], views: Sequence[Step]) -> list[str]:
    """Of the values that lead to one, those of which a view is taken, without those that are several results."""
    return [value for value, view in zip(values, views, strict=True) if view.operation != ops.ITEM]


def _undone(pair: Pair, base: str, part: str, shape: Shape) -> tuple[str, tuple[Argument, ...]] | tuple[()] | None:
    """The operation that puts a changed view back, with its arguments; none if it is the whole; None if unknown."""
    view, item = pair
    name = ops.base(view.operation)
    if name in SAME:
        return ()
    if name in IN_ORDER:
        return "aten.reshape.default", (Ref(part), shape)
    if name in TURNED:
        return _out_of_place(view.operation), (Ref(part), *view.arguments[1:])
    if name in REORDERED:
        return REORDERED[name](view, Ref(part))
    found = _scattered(view, item)
    return None if found is None else (found[0], (Ref(base), Ref(part), *found[1]))


def _scattered(view: Step, item: Step | None) -> tuple[str, tuple[Argument, ...]] | None:
    """The operation that puts some places back into a whole, with its arguments after both."""
    name = ops.base(view.operation)
    if name in PARTS:
        operation, taken = PARTS[name]
        return operation, taken(view)
    if item is None:
        return None
    if name == "unbind":
        return "aten.select_scatter.default", (_given(view, 1, "dim", 0), item.arguments[1])
    if name in PIECES or name in CUTS:
        dimension = _given(view, PIECES[name], "dim", 0) if name in PIECES else min(CUTS[name], _rank(view) - 1)
        return "aten.slice_scatter.default", (dimension, *_cut(view, item, int(dimension)))  # type: ignore[arg-type]
    return None


def _given(view: Step, position: int, key: str, default: Argument = None) -> Argument:
    """An argument of a view that may be given by its position or name."""
    found = view.arguments[position] if position < len(view.arguments) else dict(view.options).get(key)
    return default if found is None else found


def _permuted_back(view: Step, part: Ref) -> tuple[str, tuple[Argument, ...]]:
    order = [int(d) % len(view.shape) for d in _given(view, 1, "dims", ())]  # type: ignore[union-attr, arg-type]
    return "aten.permute.default", (part, tuple(order.index(d) for d in range(len(order))))


def _moved_back(view: Step, part: Ref) -> tuple[str, tuple[Argument, ...]]:
    return view.operation, (part, _given(view, 2, "destination"), _given(view, 1, "source"))


def _narrowed(view: Step) -> tuple[Argument, ...]:
    begin = int(_given(view, 2, "start", 0))  # type: ignore[arg-type]
    return _given(view, 1, "dim"), begin, begin + int(_given(view, 3, "length", 0))  # type: ignore[arg-type]


REORDERED: dict[str, Callable[[Step, Ref], tuple[str, tuple[Argument, ...]]]] = {
    "permute": _permuted_back,
    "movedim": _moved_back,
    "moveaxis": _moved_back,
}
"""Dimensions in another order -> what puts them back."""

PARTS: dict[str, tuple[str, Callable[[Step], tuple[Argument, ...]]]] = {
    "slice": (
        "aten.slice_scatter.default",
        lambda view: (
            _given(view, 1, "dim", 0),
            *(_given(view, *one) for one in ((2, "start"), (3, "end"))),
            _given(view, 4, "step", 1),
        ),
    ),
    "narrow": ("aten.slice_scatter.default", _narrowed),
    "select": ("aten.select_scatter.default", lambda view: (_given(view, 1, "dim"), _given(view, 2, "index"))),
    "diagonal": (
        "aten.diagonal_scatter.default",
        lambda view: (_given(view, 1, "offset", 0), _given(view, 2, "dim1", 0), _given(view, 3, "dim2", 1)),
    ),
}
"""Some places of a whole -> the operation that puts them back, and which places they are."""


def _rank(view: Step) -> int:
    """The number of dimensions of the pieces."""
    return len(view.shape[0]) if view.shape and isinstance(view.shape[0], tuple) else len(view.shape)


def _cut(view: Step, item: Step, dimension: int) -> tuple[int, int]:
    """From where to where one of several pieces goes."""
    ends = [0, *accumulate(shape[dimension] for shape in view.shape if isinstance(shape, tuple))]
    position = int(item.arguments[1])  # type: ignore[arg-type]
    return ends[position], ends[position + 1]
