"""The operations of ATen that are ever run: a closed table, from an operation's full name to the operator itself.

A topology's file names operations, and files come from strangers. So what a file says is only ever looked up here.
The table is made of our own lists of names, with those overloads that torch itself registers, that give tensors, and
that it declares to change none of their operands. What is not a key of it is refused, whatever it would mean to Python.

To run another operation, add its name to the list of its kind in `operations.py`: one line. Where weights may be
computed with it, it has to be in `computing.COMPUTABLE`, too, to which most kinds belong as a whole.
"""

from collections.abc import Iterable, Mapping
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
"""Names of the operations, without overload."""

UNCHECKED = {"_reshape_alias": "reshape", "_unsafe_view": "view"}
"""Operations that believe what they are told of their operand's memory -> those that look, and do the same."""


def operator(operation: str) -> Any:
    """The operator of a full name, such as "aten.slice.Tensor"; of an in-place form the one that returns its result.

    Raises:
        ValueError: The table has none of this name.
    """
    name = ops.base(operation)
    found = _overloads(name).get(operation) if name in RUN else None
    if found is None:
        raise ValueError(f"{operation} is not among the operations that are run")
    return found


def is_listed(operation: str) -> bool:
    """Whether the table has an operator of this full name."""
    name = ops.base(operation)
    return name in RUN and operation in _overloads(name)


def takes_text(operation: str) -> frozenset[int | str]:
    """Positions and names of an operator's arguments that are words, such as the mode of a padding."""
    return _worded(operator(operation)._schema.arguments)  # noqa: SLF001 - torch has no other name for it


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
    """Whether an operator returns tensors, and leaves its operands as they are."""
    return not schema.is_mutable and any(str(one.type) in ("Tensor", "List[Tensor]") for one in schema.returns)


def _worded(arguments: Iterable[Any]) -> frozenset[int | str]:
    words = [(place, one.name) for place, one in enumerate(arguments) if str(one.type) in ("str", "Optional[str]")]
    return frozenset(key for pair in words for key in pair)
