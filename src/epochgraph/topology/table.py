"""The ATen operations that may be run: a closed table from an operation's full name to the operator itself.

A topology's file names operations, and files are untrusted, so names in files are only ever looked up here. The table
is built from our own lists of names, with the overloads that torch registers, that return tensors, and that it declares
to change none of their operands. Any other name is refused, whatever it would mean to Python.

To run another operation, add its name to the list of its kind in `operations.py`. If weights may be computed
with it, it must also be in `computing.COMPUTABLE`, which contains most kinds as a whole.
"""

from collections.abc import Callable, Iterable, Mapping
from functools import cache
from typing import Any

import torch

from epochgraph.topology import operations as ops

RUN = frozenset[str]().union(
    ops.ADAPTIVE,
    ops.ATTENTIONS,
    ops.BATCH_NORMS,
    ops.CHOICES,
    ops.COMPARISONS,
    ops.CONSTANTS,
    ops.CONVOLUTIONS,
    ops.COUNTS,
    ops.FACTORISATIONS,
    ops.FOURIER,
    ops.FOURIER_1D,
    ops.FOURIER_GIVEN,
    ops.GATES,
    ops.INTERPOLATIONS,
    ops.MOVES,
    ops.NORMS,
    ops.ORDERS,
    ops.PAIRED,
    ops.POINTWISE,
    ops.PRODUCTS,
    ops.REDUCTIONS,
    ops.SCANS,
    ops.SCATTERS,
    ops.SEARCHES,
    ops.SOLUTIONS,
    ops.TRANSPOSED,
    ops.WAVES,
    ops.WINDOWS,
    {f"{name}_cell" for name in ops.GATES},
    {"_convolution", "_weight_norm", "_weight_norm_interface", "col2im", "convolution", "copy", "embedding", "gather"},
    {"embedding_bag", "glu", "grid_sampler", "grid_sampler_2d", "grid_sampler_3d", "index", "index_select", "linear"},
    {"_cdist_forward", "_pdist_forward", "one_hot", "take_along_dim", "view_as_complex", "view_as_real"},
)
"""The names of the operations, without overload."""

UNCHECKED = {"_reshape_alias": "reshape", "_unsafe_view": "view"}
"""Operations that trust what they are told about their operand's memory -> equivalents that check it."""


CODES = ("ScalarType", "Layout", "MemoryFormat")
"""What torch's schemas call the types that it counts."""


def operator(operation: str) -> Any:
    """The operator with a full name, such as "aten.slice.Tensor"; for an in-place form the one that returns its result.

    Raises:
        ValueError: The table has no operator with this name.
    """
    name = ops.base(operation)
    found = _overloads(name).get(operation) if name in RUN else None
    if found is None:
        raise ValueError(f"{operation} is not among the operations that are run")
    return found


def is_listed(operation: str) -> bool:
    """Whether the table has an operator with this full name."""
    name = ops.base(operation)
    return name in RUN and operation in _overloads(name)


def takes_text(operation: str) -> frozenset[int | str]:
    """The positions and names of an operator's string arguments, such as the mode of a padding."""
    arguments = operator(operation)._schema.arguments  # noqa: SLF001 - torch has no other name for it
    return _placed(arguments, lambda one: str(one.type) in ("str", "Optional[str]"))


@cache
def takes_code(operation: str) -> frozenset[int | str]:
    """The positions and names of an operator's dtype, layout and memory format.

    Torch takes numbers for them, too, as it counts them itself, and ends the process at a number that it does not know.
    """
    arguments = operator(operation)._schema.arguments  # noqa: SLF001 - torch has no other name for it
    return _placed(arguments, lambda one: any(word in str(one.real_type) for word in CODES))


@cache
def _overloads(name: str) -> Mapping[str, Any]:
    """The operators of one name of `RUN`, by their full names; none where this version of torch does not have it."""
    checked = UNCHECKED.get(name)
    if checked is not None:
        return {f"aten.{name}.default": getattr(torch.ops.aten, checked).default}
    packet = getattr(torch.ops.aten, name, None)
    every = {overload: getattr(packet, overload) for overload in (packet.overloads() if packet is not None else ())}
    found = {key: one for key, one in every.items() if _gives_tensors(one._schema)}  # noqa: SLF001 - likewise
    in_place = {} if name.startswith("_") else {f"aten.{name}_.{key}": one for key, one in found.items()}
    return {f"aten.{name}.{key}": one for key, one in found.items()} | in_place


def _gives_tensors(schema: Any) -> bool:
    """Whether an operator returns tensors and leaves its operands unchanged."""
    return not schema.is_mutable and any(str(one.type) in ("Tensor", "List[Tensor]") for one in schema.returns)


def _placed(arguments: Iterable[Any], wanted: Callable[[Any], bool]) -> frozenset[int | str]:
    found = [(place, one.name) for place, one in enumerate(arguments) if wanted(one)]
    return frozenset(key for pair in found for key in pair)
