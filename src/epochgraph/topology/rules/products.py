"""Products that sum over shared dimensions: of values with a weight, which is a layer, or of values with each other.

All of them, from a matrix product to an Einstein sum, are written in one way: a letter for each dimension of each
operand, and the letters that stay.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

from torch import Tensor

from epochgraph.topology import operations as ops
from epochgraph.topology.flow import Flow, Geometry, Layer, Weight
from epochgraph.topology.program import Shape, Source, Step, layout
from epochgraph.topology.rules.dimensions import same_along, without
from epochgraph.topology.rules.lookups import fed
from epochgraph.topology.rules.places import combined
from epochgraph.topology.walk import Chosen, Computed, Value, Walk, is_weight, parameters_of, plain, shape_of

Letter = str | int
Letters = tuple[Letter, ...]
Operand = tuple[Value, Letters]

ALTERNATIVE = "alternative"
"""The letter of the weights of which the data choose one."""


def matrix_product(walk: Walk, step: Step) -> Value:
    """Every product of the matrix family by its operands, the last two of them; what comes before is added."""
    name = ops.base(step.operation)
    operands = walk.operands(step)
    if name == "einsum":
        return _einstein(walk, step)
    if name == "bilinear":
        batch = tuple(range(len(operands[0].shape) - 1))
        left, right, weight, bias = operands
        factors: list[Operand] = [(left, (*batch, "i")), (right, (*batch, "j")), (weight, ("o", "i", "j"))]
        return product(walk, step, factors, (*batch, "o"), bias)
    if name == "_trilinear":
        return _trilinear(walk, step)
    added = operands.pop(0) if name.startswith(("add", "badd", "_sparse_add")) else None
    left, right = operands[:2]
    a, b, out = _letters(name, len(left.shape), len(right.shape))
    return product(walk, step, [(left, a), (right, b)], out, added)


def grouped_product(walk: Walk, step: Step) -> Value:
    """Groups of rows, each multiplied by its own weight: the ends of the groups show which weight a row gets."""
    rows, weights = walk.operands(step)[:2]
    if not is_weight(weights) or len(weights.shape) != 3 or len(rows.shape) != 2:
        return walk.unknown(step, "is called in a way that is not followed")
    chosen = Chosen(weights, (rows.shape[0], *weights.shape[1:]), str(step.arguments[2]))
    return product(walk, step, [(rows, ("s", "k")), (chosen, ("s", "k", "n"))], ("s", "n"))


def _trilinear(walk: Walk, step: Step) -> Value:
    """Three operands, each with new dimensions at given positions, multiplied and summed over some dimensions."""
    *three, first, second, third, summed = walk.operands(step)[:7]
    rank = len(three[0].shape) + len(first)
    factors = [
        (value, tuple(d for d in range(rank) if d not in new))
        for value, new in zip(three, (first, second, third), strict=True)
    ]
    return product(walk, step, factors, tuple(d for d in range(rank) if d not in summed))


def distances(walk: Walk, step: Step) -> Value:
    """The distance of each row of one operand to each of another has met both rows."""
    left, right = (walk.value(argument) for argument in step.arguments[:2])
    if is_weight(left) or is_weight(right):
        walk.leave_out(step, f"{step.operation} holds values against each row of it, which is no product")
        left, right = walk.flow(left), walk.flow(right)
    a, b, out = _letters("matmul", len(left.shape), len(right.shape))
    return product(walk, step, [(left, a), (right, (*b[:-2], b[-1], b[-2]))], out)


def _letters(name: str, left: int, right: int) -> tuple[Letters, Letters, Letters]:
    """The letters of both operands and of the result, by the number of their dimensions."""
    if name in ("outer", "ger"):
        return ("m",), ("n",), ("m", "n")
    if name == "inner":
        a: Letters = tuple(f"a{d}" for d in range(left - 1))
        b: Letters = tuple(f"b{d}" for d in range(right - 1))
        return (*a, "k"), (*b, "k"), a + b
    if name == "linalg_vecdot":
        both: Letters = tuple(range(max(left, right) - 1))
        return (*both[len(both) - left + 1 :], "k"), (*both[len(both) - right + 1 :], "k"), both
    rows: Letters = ("m",) * (left > 1)
    columns: Letters = ("n",) * (right > 1)
    batch: Letters = tuple(range(max(left, right, 2) - 2))
    a = (*batch[len(batch) - max(0, left - 2) :], *rows, "k")
    b = (*batch[len(batch) - max(0, right - 2) :], "k", *columns)
    return a, b, (*(() if name == "addbmm" else batch), *rows, *columns)


def _einstein(walk: Walk, step: Step) -> Value:
    equation, operands = walk.operands(step)
    left, arrow, right = equation.replace(" ", "").partition("->")
    terms = left.split(",")
    most = max(len(value.shape) - len(term.replace("...", "")) for term, value in zip(terms, operands, strict=True))

    def spelled(term: str, dots: int) -> Letters:
        before, dotted, after = term.partition("...")
        return (*before, *(range(most - dots, most) if dotted else ()), *after)

    dots = [len(value.shape) - len(term.replace("...", "")) for term, value in zip(terms, operands, strict=True)]
    letters = [spelled(term, n) for term, n in zip(terms, dots, strict=True)]
    if arrow:
        out = spelled(right, most)
    else:
        every = [letter for term in letters for letter in term]
        out = (*range(most), *sorted({x for x in every if isinstance(x, str) and every.count(x) == 1}))
    if any(len(set(term)) < len(term) for term in letters):
        return walk.unknown(step, "has a letter twice in one operand")
    return product(walk, step, list(zip(operands, letters, strict=True)), out)


def product(
    walk: Walk, step: Step, operands: Sequence[Operand], out: Letters, added: Value | None = None
) -> Flow | Value:
    """What comes of a product of some values, each with a letter for each dimension.

    Args:
        walk: Where it takes place.
        step: The operation.
        operands: The values; at most one is made of parameters, and then the product is a layer.
        out: The letters of the result.
        added: What is added to the product: a bias, if the product is a layer.
    """
    sizes: dict[Letter, int] = {}
    for value, letters in operands:
        for letter, size in zip(letters, shape_of(value), strict=True):
            sizes[letter] = max(size, sizes.get(letter, 1))
    weights = [(value, found) for value, found in operands if is_weight(value) or isinstance(value, Chosen)]
    flows = [(value, letters) for value, letters in operands if isinstance(value, Flow)]
    unknown = next((value.unknown for value, _ in flows if value.unknown), "")
    if len(weights) > 1 or (weights and not flows):
        return walk.unknown(step, "multiplies several weights with each other and a value")
    contraction = _Contraction(walk, step, sizes, out)
    if not weights:
        result = Flow(contraction.shape, unknown=unknown) if unknown else contraction.of_values(flows)
        return result if added is None else _sum(walk, step, result, added)
    return contraction.of_layer(*weights[0], flows, added)


def _sum(walk: Walk, step: Step, flow: Flow, added: Value) -> Flow:
    walk.wiring.fold(parameters_of(added))
    other = walk.flow(added)
    return (
        Flow(flow.shape, unknown=flow.unknown or other.unknown)
        if flow.unknown or other.unknown
        else combined(walk, step, [flow, other], flow.shape)
    )


@dataclass(frozen=True, slots=True)
class _Contraction:
    """One product.

    Attributes:
        walk: Where it takes place.
        step: The operation.
        sizes: Size of each letter.
        out: Letters of the result.
    """

    walk: Walk
    step: Step
    sizes: dict[Letter, int]
    out: Letters

    @property
    def shape(self) -> Shape:
        """Shape of the result."""
        return self.size(self.out)

    def size(self, letters: Letters) -> Shape:
        """The shape that some letters make."""
        return tuple(self.sizes[letter] for letter in letters)

    def arranged(self, nodes: Tensor, letters: Letters, wanted: Letters) -> Tensor:
        """Indices with their dimensions in another order; new ones are the same at all places."""
        for dimension, letter in reversed([*enumerate(letters)]):
            if nodes.shape[dimension] == 1 and letter not in wanted:
                nodes = nodes.squeeze(dimension)
        left = [letter for letter in letters if letter in wanted]
        nodes = nodes.permute([left.index(letter) for letter in wanted if letter in left])
        for dimension, letter in enumerate(wanted):
            if letter not in left:
                nodes = nodes.unsqueeze(dimension)
        return nodes.expand(self.size(wanted))

    def brought(self, flow: Flow, letters: Letters, wanted: Letters) -> Flow:
        """A flow in the order of some letters; the values along all others meet."""
        gone = tuple(d for d, letter in enumerate(letters) if letter not in wanted and flow.shape[d] > 1)
        met = self.walk.wiring.met(self.step, flow, gone) if gone else flow
        shape = self.size(wanted)
        return Flow(shape, tuple(self.arranged(n, letters, wanted) for n in met.terms), unknown=met.unknown)

    def of_values(self, flows: Sequence[tuple[Flow, Letters]]) -> Flow:
        """Values multiply each other: each place has met all that went into it."""
        brought = [self.brought(flow, letters, self.out) for flow, letters in flows]
        unknown = next((flow.unknown for flow in brought if flow.unknown), "")
        return Flow(self.shape, unknown=unknown) if unknown else combined(self.walk, self.step, brought, self.shape)

    def of_layer(
        self,
        weight: Source | Computed | Chosen,
        letters: Letters,
        flows: Sequence[tuple[Flow, Letters]],
        added: Value | None,
    ) -> Value:
        """Values are multiplied by a weight."""
        choice = ""
        if isinstance(weight, Chosen):
            rank = len(weight.shape) - len(weight.weight.shape) + 1
            choice, letters, weight = weight.choice, (ALTERNATIVE, *letters[rank:]), weight.weight
            self.sizes[ALTERNATIVE] = weight.shape[0]
        read = {letter for _, found in flows for letter in found}
        if not choice:  # along what is read and stays, a weight that does not vary is one weight for all
            same = [d for d in same_along(self.walk, weight) if letters[d] in self.out and letters[d] in read]
            weight = without(self.walk, weight, same)
            letters = tuple(letter for d, letter in enumerate(letters) if d not in same)
        grouped = tuple(x for x in letters if x in self.out and x in read)
        outputs = tuple(x for x in letters if x in self.out and x not in read)
        if choice and grouped:
            return self.walk.unknown(self.step, "chooses weights in a way that is not followed")
        results = [self.read(weight, letters, flow, found, (grouped, outputs), added, choice) for flow, found in flows]
        return results[-1]

    def read(
        self,
        weight: Source | Computed,
        letters: Letters,
        flow: Flow,
        found: Letters,
        staying: tuple[Letters, Letters],
        added: Value | None,
        choice: str,
    ) -> Flow:
        """One of the values that a weight multiplies."""
        grouped, outputs = staying
        summed = tuple(x for x in letters if x in found and x not in self.out)
        if not summed and not outputs and not choice:
            self.walk.wiring.fold(parameters_of(weight))
            return self.brought(flow, found, self.out)
        places = tuple(x for x in self.out if x in found and x not in letters)
        inputs = self.brought(flow, found, (*places, *grouped, *summed))
        groups, width = prod(self.size(grouped)), prod(self.size(summed))
        if choice:
            inputs = self.walk.wiring.chosen(_joined(inputs, len(places), (width,)), self.sizes[ALTERNATIVE], choice)
            grouped, groups = (ALTERNATIVE,), self.sizes[ALTERNATIVE]
        inputs = _joined(inputs, len(places), (groups * width,))
        count = prod(self.size(outputs))
        kernel = self.kernel(weight, letters, (grouped, outputs, summed))
        bias = self.walk.bias(added) if added is not None and len(shape_of(added)) == 1 else None
        if bias is None and added is not None:
            self.walk.wiring.fold(parameters_of(added))
        shape = (*self.size(places), groups * count)
        key = f"{self.walk.words(weight)} in {self.step.name}" if len(self.walk.tensors(self.step)) > 2 else ""
        made = self.walk.wiring.layer(Layer(self.step, kernel, bias, Geometry(groups=groups), shape, nodes=key), inputs)
        if choice:
            made = self.walk.wiring.choosing(_joined(made, len(places), (groups, count)), choice)
            grouped = ()
        made = _joined(made, len(places), self.size((*grouped, *outputs)))
        if plain(made.shape) == self.shape and (*places, *grouped, *outputs) == self.out:
            return made
        return self.brought(made, (*places, *grouped, *outputs), self.out)

    def kernel(self, weight: Source | Computed, letters: Letters, parts: tuple[Letters, Letters, Letters]) -> Weight:
        """The weight in the form of a layer's: groups and outputs, inputs, and what is read beside them."""
        grouped, outputs, summed = parts
        others = tuple(x for x in letters if x not in (*grouped, *outputs, *summed))
        wanted = (*grouped, *outputs, *summed, *others)
        size = dict(zip(letters, self.size(letters), strict=True))
        steps = []
        if weight.shape != self.size(letters):  # one weight for all groups
            steps.append(layout("expand.default", (self.size(letters),), self.size(letters)))
        if wanted != letters:
            order = tuple(letters.index(letter) for letter in wanted)
            steps.append(layout("permute.default", (order,), self.size(wanted)))
        shape: Shape = (
            prod(size[x] for x in (*grouped, *outputs)),
            prod(size[x] for x in summed),
            *(size[x] for x in others),
        )
        if shape != tuple(size[x] for x in wanted):
            steps.append(layout("reshape.default", (shape,), shape))
        return self.walk.weight(weight, tuple(steps))


def _joined(flow: Flow, places: int, shape: Shape) -> Flow:
    """A flow whose dimensions after its places are laid out in another shape."""
    whole = (*flow.shape[:places], *shape)
    return Flow(whole, tuple(nodes.reshape(whole) for nodes in flow.terms), flow.part, flow.unknown)


def attention(walk: Walk, step: Step) -> Value:
    """Scaled dot products of queries and keys weigh the values: each head's result has met the whole head's three."""
    operands = walk.operands(step)
    query, key, value = (walk.flow(fed(walk, step, operand)) for operand in operands[:3])
    masks = [mask for mask in (*operands[3:], *(walk.value(given) for _, given in step.options)) if _is_mask(mask)]
    shapes = walk.shape(step)
    several = isinstance(shapes[0], tuple)
    shape = shapes[0] if several else shapes
    unknown = query.unknown or key.unknown or value.unknown
    result = Flow(shape, unknown=unknown) if unknown else _heads(walk, step, (query, key, value), masks)
    return (result, *map(Flow, shapes[1:])) if several else result


def _is_mask(value: object) -> bool:
    return isinstance(value, Flow) or is_weight(value)


def _heads(walk: Walk, step: Step, triple: tuple[Flow, Flow, Flow], masks: list[Value]) -> Flow:
    query, key, value = triple[0], _shared(triple[1], triple[0]), _shared(triple[2], triple[0])
    batch = tuple(range(len(query.shape) - 2))
    sizes: dict[Letter, int] = dict(zip((*batch, "l", "e"), query.shape, strict=True))
    sizes |= {"s": key.shape[-2], "f": value.shape[-1]}
    scores = _Contraction(walk, step, sizes, (*batch, "l", "s"))
    weighed = scores.of_values([(query, (*batch, "l", "e")), (key, (*batch, "s", "e"))])
    for mask in masks:
        weighed = _sum(walk, step, weighed, mask)
    result = _Contraction(walk, step, sizes, (*batch, "l", "f"))
    return result.of_values([(weighed, (*batch, "l", "s")), (value, (*batch, "s", "f"))])


def _shared(flow: Flow, query: Flow) -> Flow:
    """Keys or values that several heads of queries share, one for each head."""
    heads = query.shape[-3] // max(1, flow.shape[-3]) if len(query.shape) > 2 else 1
    if heads == 1:
        return flow
    shape = (*flow.shape[:-3], query.shape[-3], *flow.shape[-2:])
    return Flow(shape, tuple(nodes.repeat_interleave(heads, -3) for nodes in flow.terms))
