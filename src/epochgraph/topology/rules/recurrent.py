"""Recurrent layers: the gates are weights from the input to one set of hidden units, and from these to themselves."""

from dataclasses import dataclass
from typing import Any

import torch

from epochgraph.topology import operations as ops
from epochgraph.topology.flow import Flow, Geometry, Layer
from epochgraph.topology.program import Shape, Step, layout
from epochgraph.topology.rules.places import combined
from epochgraph.topology.spans import NO_NODE
from epochgraph.topology.walk import Value, Walk, is_weight, parameters_of


def recurrent(walk: Walk, step: Step) -> Value:
    """All layers and directions of a recurrent network, for padded or packed sequences."""
    operands = walk.operands(step)
    packed = step.operation.endswith(".data")
    if packed:
        operands.pop(1)
    read, states, parameters, biased, depth, _, _, both = operands[:8]
    states = states if isinstance(states, list) else [states]
    for state in states:
        walk.wiring.fold(parameters_of(state))
    gates = ops.GATES[ops.base(step.operation)]
    directions = 2 if both else 1
    shapes = step.shape
    each = len(parameters) // (int(depth) * directions)
    flow, hidden = walk.flow(read), []
    for number in range(int(depth)):
        found = []
        for direction in range(directions):
            position = number * directions + direction
            own = parameters[position * each : (position + 1) * each]
            carried = [_row(walk.flow(state), position) for state in states]
            units = _Units(walk, step, gates, own[0], own[1], own[2:], biased=bool(biased))
            found.append(units.run(flow, carried))
        hidden += found
        flow = _beside(found)
    ends = [Flow(shape, *_stacked(hidden, shape)) for shape in shapes[1:] if isinstance(shape, tuple)]
    return (flow, *ends)


def cell(walk: Walk, step: Step) -> Value:
    """One step of a recurrent network in time."""
    read, states, inputs, recurrent_, *biases = walk.operands(step)
    several = isinstance(states, list)
    for state in states if several else [states]:
        walk.wiring.fold(parameters_of(state))
    gates = ops.GATES[ops.base(step.operation).removesuffix("_cell")]
    units = _Units(walk, step, gates, inputs, recurrent_, [b for b in biases if b is not None], biased=True)
    result = units.run(walk.flow(read), [walk.flow(state) for state in (states if several else [states])])
    return (result, result) if several else result


def packed(walk: Walk, step: Step) -> Value:
    """Sequences of several lengths as one of moments: each moment may be any of any sequence."""
    shapes = [shape for shape in step.shape if isinstance(shape, tuple)]
    return _of_any_moment(walk, step, 2, shapes[0]), *map(Flow, shapes[1:])


def unpacked(walk: Walk, step: Step) -> Value:
    """The reverse."""
    shapes = [shape for shape in step.shape if isinstance(shape, tuple)]
    return _of_any_moment(walk, step, 1, shapes[0]), *map(Flow, shapes[1:])


def _of_any_moment(walk: Walk, step: Step, leading: int, shape: Shape) -> Flow:
    flow = walk.flow(walk.operands(step)[0])
    met = walk.wiring.met(step, flow, tuple(range(leading)))
    features = (nodes[(0,) * leading] for nodes in met.terms)
    return Flow(shape, tuple(nodes.expand(shape) for nodes in features), unknown=met.unknown)


@dataclass(frozen=True, slots=True)
class _Units:
    """The hidden units of one layer in one direction.

    Attributes:
        walk: Where they are.
        step: The operation.
        gates: Number of gates.
        inputs: Weight from the input to all gates, shaped (gates * units, inputs).
        recurrent: Weight from the units to all gates.
        others: Biases, and the weight of a projection if there is one.
        biased: Whether there are biases among them.
    """

    walk: Walk
    step: Step
    gates: int
    inputs: Any
    recurrent: Any
    others: list[Any]
    biased: bool

    def run(self, flow: Flow, states: list[Flow]) -> Flow:
        """The units read the input, then what they and the states that they begin with hold."""
        for value in self.others:
            if len(value.shape) == 1:
                self.walk.wiring.fold(parameters_of(value))
        units = self.layer(self.inputs, flow)
        carried = tuple(states[-1:]) if self.gates > 1 else ()  # a gate may let the state pass as it is
        if len(states) == 1 or self.inputs.shape[0] == self.gates * self.recurrent.shape[1]:
            hidden = units
        else:
            hidden = self.projected(units)
        for state in (hidden, *states[:1]):
            if state.terms:
                self.layer(self.recurrent, state)
        passing = [_last(state, hidden) for state in carried if state.terms and state.shape[-1] == hidden.shape[-1]]
        return combined(self.walk, self.step, [hidden, *passing], hidden.shape) if not hidden.unknown else hidden

    def layer(self, value: Any, flow: Flow) -> Flow:
        """All gates of a unit together read one input: the gates are as the places of a kernel."""
        units, read = value.shape[0] // self.gates, value.shape[1]
        steps = (
            layout("reshape.default", ((self.gates, units, read),), (self.gates, units, read)),
            layout("permute.default", ((1, 2, 0),), (units, read, self.gates)),
        )
        if not is_weight(value):
            return Flow((*flow.shape[:-1], units), unknown=f"{self.step.operation} has weights computed from values")
        weight = self.walk.weight(value, steps if self.gates > 1 else ())
        own = self.walk.words(self.inputs)
        layer = Layer(self.step, weight, None, Geometry(), (*flow.shape[:-1], units), nodes=own)
        return self.walk.wiring.layer(layer, flow)

    def projected(self, units: Flow) -> Flow:
        """The units as a smaller layer gives them on."""
        if not is_weight(self.others[-1]):
            return Flow((*units.shape[:-1], self.recurrent.shape[1]), unknown="its projection is computed")
        projection = self.walk.weight(self.others[-1])
        shape: Shape = (*units.shape[:-1], projection.shape[0])
        return self.walk.wiring.layer(Layer(self.step, projection, None, Geometry(), shape), units)


def _row(state: Flow, position: int) -> Flow:
    """The state of one layer and direction."""
    if state.unknown or not state.terms:
        return Flow(state.shape[1:], unknown=state.unknown)
    return Flow(state.shape[1:], tuple(nodes[position] for nodes in state.terms))


def _last(state: Flow, like: Flow) -> Flow:
    """A state at all places of a sequence: its first row stands for all where they agree."""
    terms = tuple(nodes.reshape(-1, nodes.shape[-1]) for nodes in state.terms)
    return Flow(
        like.shape, tuple(nodes[:1].reshape(*[1] * (len(like.shape) - 1), -1).expand(like.shape) for nodes in terms)
    )


def _beside(flows: list[Flow]) -> Flow:
    """Both directions, one after the other in the last dimension."""
    if len(flows) == 1:
        return flows[0]
    shape = (*flows[0].shape[:-1], sum(flow.shape[-1] for flow in flows))
    unknown = next((flow.unknown for flow in flows if flow.unknown), "")
    count = 0 if unknown else max(len(flow.terms) for flow in flows)
    terms = tuple(torch.cat([_padded(flow, n) for flow in flows], -1) for n in range(count))
    return Flow(shape, terms, unknown=unknown)


def _padded(flow: Flow, number: int) -> torch.Tensor:
    return flow.terms[number] if number < len(flow.terms) else torch.full((), NO_NODE).expand(flow.shape)


def _stacked(hidden: list[Flow], shape: Shape) -> tuple[tuple[torch.Tensor, ...], None, str]:
    """The last hidden values of all layers and directions."""
    unknown = next((flow.unknown for flow in hidden if flow.unknown), "")
    if unknown or any(flow.shape[-1] != shape[-1] for flow in hidden):
        return (), None, unknown or "its cells are not given on"
    count = max(len(flow.terms) for flow in hidden)
    rows = [[_padded(flow, n).reshape(-1, shape[-1])[0].expand(shape[1:]) for flow in hidden] for n in range(count)]
    return tuple(torch.stack(row) for row in rows), None, ""
