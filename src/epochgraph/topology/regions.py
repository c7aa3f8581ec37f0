"""Operations of an exported graph that run graphs of their own: settings, branches, loops, attention by a function.

A branch is recorded as a choice between what both sides give, and a loop as its first rounds, one more than the values
that it carries on: what can reach a value in any number of rounds has reached it by then.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol, runtime_checkable

import torch
from torch import fx

from epochgraph.topology.program import Argument, Ref, Shape, Step

MOST_ROUNDS = 64
"""Places of a sequence that a loop over them is recorded for."""


@runtime_checkable
class Recorder(Protocol):
    """What records the operations of a graph."""

    steps: list[Step]

    def argument(self, value: Any, prefix: str) -> Argument:
        """An argument as plain data."""

    def inlined(self, inner: fx.GraphModule, given: Iterable[Argument], name: str) -> Argument:
        """Record a graph in the place of one operation, and return what it puts out."""


class Region:
    """One operation that runs graphs.

    Args:
        recorder: Records them.
        module: Whose graph the operation is in.
        node: The operation.
        prefix: Of the names of that graph's values.
    """

    def __init__(self, recorder: Recorder, module: fx.GraphModule, node: fx.Node, prefix: str) -> None:
        self.recorder, self.module, self.node, self.prefix = recorder, module, node, prefix
        self.name = f"{prefix}{node.name}"

    def graph(self, argument: Any) -> fx.GraphModule:
        """The graph that an argument names."""
        found = getattr(self.module, str(argument.target))
        if not isinstance(found, fx.GraphModule):
            raise TypeError(f"{argument.target} is no graph")
        return found

    def given(self, arguments: Iterable[Any]) -> list[Argument]:
        """Arguments as plain data."""
        return [self.recorder.argument(value, self.prefix) for value in arguments]

    def run(self, graph: Any, given: Sequence[Argument], part: str) -> list[Argument]:
        """Record a graph on what it is given, and return what it puts out."""
        found = self.recorder.inlined(self.graph(graph), given, f"{self.name}.{part}")
        return list(found) if isinstance(found, tuple) else [found]

    def step(self, part: str, operation: str, arguments: Sequence[Argument], shape: Shape) -> Ref:
        """Record an operation that stands for what graphs do together."""
        made = Step(f"{self.name}.{part}", operation, tuple(arguments), (), shape, "")
        self.recorder.steps.append(made)
        return Ref(made.name)

    def either(self, part: str, decision: Argument, values: Iterable[tuple[Argument, Argument]]) -> list[Argument]:
        """Of each two values, the one that a decision takes."""
        return [
            self.step(f"{part}{number}", "aten.where.self", (decision, *pair), self.shape(number))
            if any(isinstance(value, Ref) for value in pair)
            else pair[0]
            for number, pair in enumerate(values)
        ]

    def shape(self, number: int) -> Shape:
        """Shape of one of the results."""
        value = self.node.meta["val"]
        value = value[number] if isinstance(value, list | tuple) else value
        return tuple(map(int, value.shape)) if isinstance(value, torch.Tensor) else ()


def setting(region: Region) -> Argument:
    """A graph that is run as it is, with a setting that is of no account here."""
    arguments = region.node.args
    position = next(n for n, argument in enumerate(arguments) if getattr(argument, "op", "") == "get_attr")
    given = region.given(arguments[position + 1 :])
    return region.recorder.inlined(region.graph(arguments[position]), given, region.name)


def branch(region: Region) -> Argument:
    """One of two graphs, as a value decides."""
    decision, yes, no, operands = region.node.args
    (decided, *given) = region.given([decision, *operands])  # type: ignore[misc]
    sides = zip(region.run(yes, given, "true"), region.run(no, given, "false"), strict=True)
    return tuple(region.either("choice", decided, sides))


def loop(region: Region) -> Argument:
    """A graph that is run on its own results, until a value decides that it is enough."""
    condition, body, carried, others = region.node.args
    values, further = region.given(carried), region.given(others)  # type: ignore[arg-type]
    for number in range(len(values) + 1):
        (decided,) = region.run(condition, [*values, *further], f"condition{number}")
        results = region.run(body, [*values, *further], f"body{number}")
        values = region.either(f"round{number}.", decided, zip(results, values, strict=True))
    return tuple(values)


def sequence(region: Region) -> Argument:
    """A graph that is run on one place of a sequence after another, and on what it carries on."""
    body, carried, read, others = region.node.args
    return _rounds(region, body, region.given(carried), read, region.given(others))  # type: ignore[arg-type]


def mapped(region: Region) -> Argument:
    """A graph that is run on each place of a sequence by itself."""
    body, read, others = region.node.args
    return _rounds(region, body, [], read, region.given(others))  # type: ignore[arg-type]


def _rounds(region: Region, body: Any, carried: list[Argument], read: Any, others: list[Argument]) -> Argument:
    shapes = [tuple(map(int, value.meta["val"].shape)) for value in read]
    count = shapes[0][0]
    if count > MOST_ROUNDS:
        raise ValueError(f"{region.node.name} goes over {count} places, more than can be followed")
    values, given, results = carried, region.given(read), list[list[Argument]]()
    for place in range(count):
        here: list[Argument] = [
            region.step(f"place{place}.{number}", "aten.select.int", (value, 0, place), shapes[number][1:])
            for number, value in enumerate(given)
        ]
        found = region.run(body, [*values, *here, *others], f"round{place}")
        values, rest = found[: len(carried)], found[len(carried) :]
        results.append(rest)
    stacked = [
        region.step(f"stack{number}", "aten.stack.default", (tuple(places), 0), region.shape(len(carried) + number))
        for number, places in enumerate(zip(*results, strict=True))
    ]
    return (*values, *stacked)


def attention(region: Region) -> Argument:
    """Attention whose scores a function changes: queries, keys and values meet as ever."""
    triple, further = region.given(region.node.args[:3]), region.given(region.node.args[7:])
    kept = [ref for several in further if isinstance(several, tuple) for ref in several if isinstance(ref, Ref)]
    if kept:  # what the function reads beside the scores
        region.step("scores", "flex_attention.score_mod", kept, ())
    result = region.step("result", "aten.scaled_dot_product_attention.default", triple, region.shape(0))
    others = [region.step(f"other{n}", "aten.zeros.default", (region.shape(n),), region.shape(n)) for n in (1, 2)]
    return (result, *others)


REGIONS: dict[str, Callable[[Region], Argument]] = {
    "cond": branch,
    "flex_attention": attention,
    "map_impl": mapped,
    "scan": sequence,
    "while_loop": loop,
    "wrap_with_autocast": setting,
    "wrap_with_set_grad_enabled": setting,
}
"""Operations that run graphs, by their names."""
