"""Recorded operations that are run again: how a weight is computed of parameters, or where values come to lie."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode

from epochgraph.topology import operations as ops
from epochgraph.topology.program import Argument, Program, Ref, Step
from epochgraph.topology.table import is_listed, operator, takes_text

CONVOLVING = frozenset([*ops.CONVOLUTIONS, *ops.TRANSPOSED, "_convolution", "convolution"])
"""Convolutions, of which the second operand is the kernel."""

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
    | ops.FACTORISATIONS
    | ops.PAIRED
    | ops.SOLUTIONS.keys()
    | ops.FOURIER_GIVEN
    | ops.WAVES.keys()
    | ops.CHOICES
    | ops.COUNTS
    | ops.SEARCHES.keys()
    | ops.ORDERS
    | ops.SCATTERS
    | CONVOLVING
    | {"_weight_norm", "_weight_norm_interface", "batch_norm", "gather", "index", "index_select", "take_along_dim"}
    | {"_cdist_forward", "_pdist_forward", "col2im", "copy", "one_hot"}
) - {
    "alpha_dropout",
    "bernoulli",
    "bincount",
    "binomial",
    "poisson",
    "rrelu_with_noise",
    "empty",
    "empty_like",
    "exponential",
    "feature_alpha_dropout",
    "feature_dropout",
    "mvlgamma",
    "native_dropout",
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
"""What a weight may be computed with: functions of their operands alone, with no effect but their result, whose size
follows from the sizes of the operands. The exact overloads are those of `table.py`."""

UNCHANGED = frozenset(
    [
        "_coalesce",
        "_to_copy",
        "_to_dense",
        "_to_sparse",
        "_to_sparse_csc",
        "_to_sparse_csr",
        "alias",
        "clone",
        "coalesce",
        "contiguous",
        "detach",
        "dropout",
        "lift_fresh",
        "lift_fresh_copy",
        "to",
        "to_dense",
        "to_sparse",
        "to_sparse_csc",
        "to_sparse_csr",
        "type_as",
    ]
)
"""Nothing but memory, dtype or device changes."""


FAULTS = (ArithmeticError, AttributeError, LookupError, MemoryError, RuntimeError, TypeError, ValueError)
"""What it may end in to run operations on what they are not made for."""

LEAST_ROOM = 1 << 31
"""Bytes that a computation may take whatever it is made of."""

MOST_TIMES = 64
"""How many times the bytes of what it is made of it may take, if that is more."""

MOST_RESULTS = 1 << 16
"""Tensors that one operation may give."""

NARROWEST = 2.0**-20
"""Factor by which an interpolation may shrink at most: beyond, torch's own arithmetic leaves the tensor."""


def call(operation: str, arguments: list[Any], options: dict[str, Any]) -> Any:
    """Run an ATen operation, out of place.

    Args:
        operation: Full name, such as "aten.slice.Tensor".
        arguments: Positional arguments.
        options: Keyword arguments.

    Raises:
        ValueError: It is not one that is run, or not with such arguments.
    """
    run = operator(operation)
    if ops.base(operation).lstrip("_").startswith("upsample"):
        scales = [one for one in (*arguments, *options.values()) if isinstance(one, float) and 0 < one < NARROWEST]
        if scales:
            raise ValueError(f"{operation} is not run with the factor {scales[0]}")
    return run(*arguments, **options)


def computed(program: Program, sources: Mapping[str, Tensor]) -> Tensor:
    """Run operations on tensors: how a weight is computed of parameters.

    Args:
        program: The operations, of which the last one is asked for. `refusal` tells beforehand whether they can be run.
        sources: Value of each source, by its name in the program.

    Raises:
        ValueError: There is an operation that a weight is not to be computed with, or none at all.
    """
    values: dict[str, Any] = dict(sources)
    wide = any(value.dtype in (torch.float64, torch.complex128) for value in sources.values())
    found: Any = None
    for step in program.steps:
        found = _computed(step, values)
        if wide and not step.refs and isinstance(found, Tensor) and found.is_floating_point():
            found = found.double()  # no dtype is recorded: numbers made anew are as wide as what they meet
        values[step.name] = found
    if not isinstance(found, Tensor):
        raise ValueError("a computation without result")  # noqa: TRY004 - the program is at fault, not an argument
    return found


def is_computable(step: Step) -> bool:
    """Whether a weight may be computed with an operation."""
    if step.operation == ops.ITEM:
        return True
    if ops.base(step.operation) not in COMPUTABLE or not is_listed(step.operation):
        return False
    words = takes_text(step.operation)
    given = (*enumerate(step.arguments), *step.options)
    return all(place in words or not _has_text(value) for place, value in given) and not _keeps_statistics(step)


def refusal(program: Program) -> str:
    """Why a computation is not run, found on tensors without data; empty if it can be.

    Files come from strangers: sizes may be such that no machine has the memory, or that hours would pass.
    """
    found = _refusal(program, torch.float32)
    return found and _refusal(program, torch.complex64) and found  # a program does not say which numbers are complex


def _refusal(program: Program, dtype: torch.dtype) -> str:
    try:
        return _excess(program, dtype)
    except FAULTS as error:
        return first_line(error)


def first_line(error: Exception) -> str:
    """What is wrong, without the stack that torch appends."""
    return next(iter(str(error).splitlines()), type(error).__name__)


def _excess(program: Program, dtype: torch.dtype) -> str:
    """What of a computation goes beyond the memory that it may take; it is run on tensors without data."""
    with FakeTensorMode():
        values: dict[str, Any] = {
            source.name: torch.empty(source.shape, dtype=torch.int64 if source.integer else dtype)
            for source in program.sources
        }
        room = max(LEAST_ROOM, MOST_TIMES * sum(_bytes(value) for value in values.values()))
        taken, known = 0, {value.untyped_storage()._cdata for value in values.values()}  # noqa: SLF001 - no other name
        found: Any = None
        for step in program.steps:
            found = values[step.name] = _computed(step, values)
            for tensor in found if isinstance(found, list | tuple) else [found]:
                storage = tensor.untyped_storage()
                taken += 0 if storage._cdata in known else storage.nbytes()  # noqa: SLF001
                known.add(storage._cdata)  # noqa: SLF001
                if max(taken, _bytes(tensor)) > room:
                    return f"{step.operation} gives {tuple(tensor.shape)}, far more than what it is made of"
        return "" if isinstance(found, Tensor) else "it has no result"


def _bytes(tensor: Tensor) -> int:
    return tensor.numel() * tensor.element_size()


def _has_text(argument: Argument) -> bool:
    return any(map(_has_text, argument)) if isinstance(argument, tuple) else isinstance(argument, str)


def _keeps_statistics(step: Step) -> bool:
    """Whether a norm would write into the running statistics that it is given."""
    if ops.base(step.operation) not in ("batch_norm", "instance_norm"):
        return False
    arguments = step.arguments
    return len(arguments) < 6 or (arguments[3] is not None and arguments[5] is not False)


def _computed(step: Step, values: Mapping[str, Any]) -> Any:
    def filled(argument: Argument) -> Any:
        if isinstance(argument, Ref):
            return values[argument.name]
        return [filled(item) for item in argument] if isinstance(argument, tuple) else argument

    if not is_computable(step):
        raise ValueError(f"a weight is not computed with {step.operation}")
    arguments = [filled(argument) for argument in step.arguments]
    if step.operation == ops.ITEM:
        return _item(*arguments)
    if ops.base(step.operation) in UNCHANGED:
        return arguments[0]
    if _results(ops.base(step.operation), arguments) > MOST_RESULTS:
        raise ValueError(f"{step.operation} would give too many tensors")
    return call(step.operation, arguments, {k: filled(v) for k, v in step.options if v is not None})


def _item(several: object, position: object) -> Any:
    """One of several results."""
    if not isinstance(several, list | tuple) or not isinstance(position, int):
        raise ValueError("an operation has one result, not several")  # noqa: TRY004 - the program is at fault
    return several[position]


def _results(name: str, arguments: list[Any]) -> int:
    """How many tensors an operation gives at most, where that is for its arguments to say."""
    longest = max(getattr(arguments[0], "shape", ()), default=1) if arguments else 1
    number = next((one for one in arguments[1:2] if isinstance(one, int)), 1)
    if name.startswith("unbind"):
        return int(longest)
    if name in ("split", "split_copy", "unsafe_split"):
        return int(longest) // max(1, number)
    return number if name.endswith(("chunk", "_split", "dsplit", "hsplit", "vsplit")) else 1
