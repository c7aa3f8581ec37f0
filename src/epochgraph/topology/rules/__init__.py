"""What each kind of operation does to the nodes at the positions of its operands: one rule each."""

from collections.abc import Callable, Iterable

from epochgraph.errors import EpochgraphError
from epochgraph.topology import operations as ops
from epochgraph.topology.computing import CONVOLVING, first_line, is_computable
from epochgraph.topology.program import Source, Step
from epochgraph.topology.rules.choices import chosen, counted, one_hot, rows, searched, sparse, whole
from epochgraph.topology.rules.fixed import at_mean, of_constants
from epochgraph.topology.rules.layers import any_convolution, batch_norm, convolution, linear, norm, time_first
from epochgraph.topology.rules.lookups import (
    embedding,
    embedding_bag,
    folded_back,
    indexed,
    masked,
    narrowed,
    renormed,
    repeated,
    sampled,
    scattered,
)
from epochgraph.topology.rules.matrices import factorised, solved
from epochgraph.topology.rules.places import compared, constant, copied, gated, item, moved, pointwise
from epochgraph.topology.rules.products import attention, distances, grouped_product, matrix_product
from epochgraph.topology.rules.recurrent import cell, packed, recurrent, unpacked
from epochgraph.topology.rules.reductions import (
    complex_of,
    ordered,
    pooled,
    real_of,
    relaid,
    scanned,
    transformed,
    waves,
)
from epochgraph.topology.rules.scaling import DIVISIONS, SUMS, scaled, summed
from epochgraph.topology.walk import Computed, Value, Walk, is_weight

Rule = Callable[[Walk, Step], Value]

KINDS: tuple[tuple[Iterable[str], Rule], ...] = (
    ({"linear"}, linear),
    ({**ops.CONVOLUTIONS, **ops.TRANSPOSED}, convolution),
    ({"convolution", "_convolution"}, any_convolution),
    (ops.BATCH_NORMS, batch_norm),
    (ops.NORMS, norm),
    (ops.PRODUCTS, matrix_product),
    ({"_grouped_mm", "transformers.grouped_mm_fallback.default"}, grouped_product),
    (ops.ATTENTIONS, attention),
    (ops.POINTWISE, pointwise),
    ({"mul", "multiply", *DIVISIONS}, scaled),
    (ops.COMPARISONS, compared),
    (ops.CONSTANTS, constant),
    (ops.CHOICES, chosen),
    (ops.SEARCHES, searched),
    (ops.COUNTS, counted),
    ({"one_hot"}, one_hot),
    (ops.WHOLE, whole),
    (ops.SPARSE, sparse),
    (ops.BY_ROWS, rows),
    (ops.FACTORISATIONS | ops.PAIRED, factorised),
    (ops.SOLUTIONS, solved),
    ({"_cdist_forward"}, distances),
    ({"conv_tbc"}, time_first),
    (ops.WAVES, waves),
    (ops.MOVES, moved),
    ({"repeat_interleave"}, repeated),
    ({"narrow"}, narrowed),
    ({"copy"}, copied),
    ({"glu"}, gated),
    ({*ops.WINDOWS, *ops.ADAPTIVE, *ops.INTERPOLATIONS, *ops.REDUCTIONS}, pooled),
    (SUMS, summed),
    (ops.SCANS, scanned),
    (ops.FOURIER_1D | ops.FOURIER | ops.FOURIER_GIVEN, transformed),
    (ops.ORDERS, ordered),
    (ops.RELAID, relaid),
    ({"view_as_complex"}, complex_of),
    ({"view_as_real"}, real_of),
    ({ops.ITEM}, item),
    ({"embedding"}, embedding),
    ({"embedding_renorm"}, renormed),
    ({"embedding_bag", "_embedding_bag"}, embedding_bag),
    ({"index", "index_select", "gather", "take_along_dim"}, indexed),
    (ops.SCATTERS, scattered),
    ({"masked_select"}, masked),
    ({"col2im"}, folded_back),
    ({"grid_sampler", "grid_sampler_2d", "grid_sampler_3d"}, sampled),
    (ops.GATES, recurrent),
    ({"_pack_padded_sequence"}, packed),
    ({"_pad_packed_sequence"}, unpacked),
    ({f"{name}_cell" for name in ops.GATES}, cell),
)

RULES: dict[str, Rule] = {name: rule for names, rule in KINDS for name in names}


def _is_layer(walk: Walk, step: Step, name: str) -> bool:
    """Whether a weight is applied to what are no values: it is a layer all the same."""
    return name in CONVOLVING and is_weight(walk.operands(step)[1])


def result(walk: Walk, step: Step) -> Value:
    """The value of one step."""
    name = ops.base(step.operation)
    if (made := at_mean(walk, step)) is not None:
        return made
    fixed = all(isinstance(value, Source | Computed) for value in walk.tensors(step))
    if fixed and is_computable(step) and not _is_layer(walk, step, name):
        return of_constants(walk, step)
    rule = RULES.get(name)
    if rule is None:
        return walk.unknown(step)
    try:
        return rule(walk, step)
    except EpochgraphError:
        raise
    except (AttributeError, IndexError, KeyError, RuntimeError, TypeError, ValueError) as error:
        if walk.resized:  # then the error tells that the model does not take such an input
            raise
        return walk.unknown(step, f"is called in a way that is not understood ({first_line(error)})")
