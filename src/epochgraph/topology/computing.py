"""Recorded operations that are run again: how a weight is computed of parameters, or where values come to lie."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from epochgraph.topology import operations as ops
from epochgraph.topology.program import Argument, Program, Ref, Step

COMPUTABLE = (
    ops.POINTWISE
    | ops.COMPARISONS
    | ops.MOVES
    | ops.REDUCTIONS
    | ops.CONSTANTS
    | ops.SCANS
    | ops.PRODUCTS
    | ops.NORMS
    | ops.FOURIER_1D
    | ops.FOURIER
    | {"view_as_complex", "view_as_real"}
    | ops.WINDOWS.keys()
    | ops.ADAPTIVE.keys()
    | ops.INTERPOLATIONS.keys()
    | {"_weight_norm", "_weight_norm_interface", "batch_norm", "gather", "index", "index_select"}
) - {
    "bernoulli",
    "empty",
    "empty_like",
    "exponential",
    "normal",
    "rand",
    "rand_like",
    "randint",
    "randint_like",
    "randn",
    "randn_like",
    "randperm",
    "uniform",
    "multinomial",
    "new_empty",
    "rrelu",
    "log_normal",
    "cauchy",
    "geometric",
    "empty_strided",
    "new_empty_strided",
    "empty_permuted",
    "nonzero",
}
"""What a weight may be computed with: functions of their operands alone, with no effect but their result."""

UNCHANGED = frozenset(
    [
        "_to_copy",
        "alias",
        "clone",
        "contiguous",
        "detach",
        "dropout",
        "lift_fresh",
        "lift_fresh_copy",
        "to",
        "type_as",
    ]
)
"""Nothing but memory, dtype or device changes."""


def call(operation: str, arguments: list[Any], options: dict[str, Any]) -> Any:
    """Run an ATen operation, out of place.

    Args:
        operation: Full name, such as "aten.slice.Tensor".
        arguments: Positional arguments.
        options: Keyword arguments.
    """
    overload = operation.split(".")[2]
    packet = getattr(torch.ops.aten, ops.base(operation))
    return getattr(packet, overload)(*arguments, **options)


def computed(program: Program, sources: Mapping[str, Tensor]) -> Tensor:
    """Run operations on tensors: how a weight is computed of parameters.

    Args:
        program: The operations, of which the last one is asked for.
        sources: Value of each source, by its name in the program.

    Raises:
        ValueError: There is an operation that a weight is not to be computed with, or none at all.
    """
    values: dict[str, Any] = dict(sources)
    found: Any = None
    for step in program.steps:
        found = values[step.name] = _computed(step, values)
    if not isinstance(found, Tensor):
        raise ValueError("a computation without result")  # noqa: TRY004 - the program is at fault, not an argument
    return found


def is_computable(step: Step) -> bool:
    """Whether a weight may be computed with an operation."""
    return step.operation == ops.ITEM or ops.base(step.operation) in COMPUTABLE


def _computed(step: Step, values: Mapping[str, Any]) -> Any:
    def filled(argument: Argument) -> Any:
        if isinstance(argument, Ref):
            return values[argument.name]
        return [filled(item) for item in argument] if isinstance(argument, tuple) else argument

    if not is_computable(step):
        raise ValueError(f"a weight is not computed with {step.operation}")
    arguments = [filled(argument) for argument in step.arguments]
    if step.operation == ops.ITEM:
        return arguments[0][arguments[1]]
    if ops.base(step.operation) in UNCHANGED:
        return arguments[0]
    return call(step.operation, arguments, {k: filled(v) for k, v in step.options if v is not None})
