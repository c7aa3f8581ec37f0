"""Run a program on node indices: each operation by its rule; unsupported operations propagate a reason."""

from collections import Counter

from epochgraph.topology import operations as ops
from epochgraph.topology.flow import Flow, Wiring
from epochgraph.topology.program import Program, Step
from epochgraph.topology.rules import result
from epochgraph.topology.walk import Value, Walk, is_constant, shape_of

CHANGED_IN_PLACE = "was changed in place"
"""Why a value is no longer known: memory that it shares was written to."""


def follow(program: Program, wiring: Wiring, *, resized: bool = False) -> None:
    """Run a program on node indices, and call `wiring` for every input, layer, pooling and norm in order.

    Args:
        program: What to run.
        wiring: What its operations mean.
        resized: Whether the inputs have other sizes than when the program was recorded.
    """
    walk = Walk(program, wiring, resized=resized)
    remaining = Counter(walk.readers)
    memory: dict[str, str] = {}
    for source in program.sources:
        walk.values[source.name] = wiring.input(source) if source.kind == "input" else source
    for step in program.steps:
        walk.values[step.name] = result(walk, step)
        _follow_memory(walk, step, memory)
        for ref in set(step.refs):
            remaining[ref] -= 1
            if remaining[ref] == 0:
                del walk.values[ref]


def _follow_memory(walk: Walk, step: Step, memory: dict[str, str]) -> None:
    """After a write to memory, other views of it are no longer known."""
    changing = ops.in_place(step.operation)
    first = step.refs[0] if step.refs else ""
    shared = changing or ops.base(step.operation) in ops.VIEWS
    memory[step.name] = memory.get(first, first) if shared else step.name
    if not ops.rewrites(step):
        return
    written = walk.values[step.name]
    for name, value in walk.values.items():
        if name != step.name and memory.get(name, name) == memory[step.name] and not isinstance(value, tuple):
            walk.values[name] = _overwritten(value, written, step)


def _overwritten(value: Value, written: Value, step: Step) -> Value:
    """A value that shares memory that was written to: a constant stays one, but is no longer known."""
    shape = shape_of(value)
    if all(is_constant(one) for one in (value, written)):
        return Flow(shape)
    return Flow(shape, unknown=f"{CHANGED_IN_PLACE} by {step.operation}")
