"""What each kind of operation does to the nodes that stand at the places of its operands: one rule each."""

from collections.abc import Callable, Iterable

from epochgraph.topology import operations as ops
from epochgraph.topology.program import Source, Step
from epochgraph.topology.rules.layers import batch_norm, convolution, linear, norm
from epochgraph.topology.rules.lookups import embedding, embedding_bag, folded_back, indexed, sampled, scattered
from epochgraph.topology.rules.places import computed, constant, copied, item, moved, pointwise
from epochgraph.topology.rules.products import attention, matrix_product
from epochgraph.topology.rules.recurrent import cell, recurrent
from epochgraph.topology.rules.reductions import ordered, pooled, scanned
from epochgraph.topology.walk import Computed, Value, Walk

Rule = Callable[[Walk, Step], Value]

ITEM = "<built-in function getitem>"

KINDS: tuple[tuple[Iterable[str], Rule], ...] = (
    ({"linear"}, linear),
    ({**ops.CONVOLUTIONS, **ops.TRANSPOSED}, convolution),
    ({"batch_norm"}, batch_norm),
    (ops.NORMS, norm),
    (ops.PRODUCTS, matrix_product),
    ({"scaled_dot_product_attention"}, attention),
    (ops.POINTWISE, pointwise),
    (ops.COMPARISONS | ops.CONSTANTS, constant),
    (ops.MOVES, moved),
    ({"copy"}, copied),
    ({*ops.WINDOWS, *ops.ADAPTIVE, *ops.INTERPOLATIONS, *ops.REDUCTIONS}, pooled),
    (ops.SCANS, scanned),
    (ops.ORDERS, ordered),
    ({ITEM}, item),
    ({"embedding"}, embedding),
    ({"embedding_bag", "_embedding_bag"}, embedding_bag),
    ({"index", "index_select", "gather", "take_along_dim"}, indexed),
    (ops.SCATTERS, scattered),
    ({"col2im"}, folded_back),
    ({"grid_sampler", "grid_sampler_2d", "grid_sampler_3d"}, sampled),
    (ops.GATES, recurrent),
    ({f"{name}_cell" for name in ops.GATES}, cell),
)

RULES: dict[str, Rule] = {name: rule for names, rule in KINDS for name in names}


def result(walk: Walk, step: Step) -> Value:
    """The value of one step."""
    name = ops.base(step.operation)
    fixed = all(isinstance(value, Source | Computed) for value in walk.tensors(step))
    if fixed and name in ops.COMPUTABLE:
        return computed(walk, step)
    rule = RULES.get(name)
    return walk.unknown(step) if rule is None else rule(walk, step)
