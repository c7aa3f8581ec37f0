"""Recorded operations that are run again, to compute a weight from parameters, or to follow where values go."""

import re
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode

from epochgraph.topology import operations as ops
from epochgraph.topology.program import Argument, Program, Ref, Source, Step
from epochgraph.topology.quieting import quiet
from epochgraph.topology.table import is_listed, operator, takes_code, takes_text

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
"""The operations that may compute a weight: functions of their operands without side effects, the size of whose result
follows from the sizes of the operands. The exact overloads are in `table.py`."""

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
"""Only memory, dtype or device changes."""


INDEXING = frozenset(["embedding", "gather", "index", "index_select", "take_along_dim"])
"""All tensors but the first that they take are indices."""

FAULTS = (ArithmeticError, AttributeError, LookupError, MemoryError, RuntimeError, TypeError, ValueError)
"""The errors that operations may raise on operands that they are not made for."""

LEAST_ROOM = 1 << 31
"""The bytes that any computation may take."""

MOST_TIMES = 64
"""How many times the bytes of its operands a computation may take, if that is more."""

MOST_RESULTS = 1 << 16
"""The most tensors that one operation may return."""

NARROWEST = 2.0**-20
"""The largest factor by which an interpolation may shrink: beyond it, torch's own arithmetic leaves the tensor."""


def call(operation: str, arguments: list[Any], options: dict[str, Any]) -> Any:
    """Run an ATen operation, out of place.

    Args:
        operation: Full name, such as "aten.slice.Tensor".
        arguments: Positional arguments.
        options: Keyword arguments.

    Raises:
        ValueError: The operation may not be run, or not with such arguments.
    """
    run = operator(operation)
    if ops.base(operation).lstrip("_").startswith("upsample"):
        scales = [one for one in (*arguments, *options.values()) if isinstance(one, float) and 0 < one < NARROWEST]
        if scales:
            raise ValueError(f"{operation} is not run with the factor {scales[0]}")
    if any(
        isinstance(value, int) and key in takes_code(operation)
        for key, value in (*enumerate(arguments), *options.items())
    ):
        raise ValueError(f"{operation} is not run with a number for a dtype, layout or memory format")
    return run(*arguments, **options)


def constant(source: Source) -> Tensor:
    """The numbers of a constant that a program holds.

    Raises:
        ValueError: It holds none.
    """
    if source.values is None:
        raise ValueError(f"{source.target} is no constant")
    truths = bool(source.values) and all(isinstance(value, bool) for value in source.values)
    dtype = torch.bool if truths else torch.int64 if source.integer else torch.float32
    return torch.tensor(source.values, dtype=dtype).reshape(source.shape)


def result_of(program: Program, sources: Mapping[str, Tensor]) -> Tensor:
    """Run operations on tensors to compute a weight from parameters.

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
            found = found.double()  # no dtype is recorded: new numbers get the dtype of what they are combined with
        values[step.name] = found
    if not isinstance(found, Tensor):
        raise ValueError("a computation without result")  # noqa: TRY004 - the program is at fault, not an argument
    return found


def is_computable(step: Step) -> bool:
    """Whether an operation may compute a weight."""
    if step.operation == ops.ITEM:
        return True
    if ops.base(step.operation) not in COMPUTABLE or not is_listed(step.operation):
        return False
    words = takes_text(step.operation)
    given = (*enumerate(step.arguments), *step.options)
    return all(place in words or not _has_text(value) for place, value in given) and not _keeps_statistics(step)


def refusal(program: Program) -> str:
    """Why a computation is refused, found on tensors without data; empty if it can be run.

    Files are untrusted: their sizes may exceed any memory, or take hours.
    """
    found = _refusal(program, torch.float32)
    return found and _refusal(program, torch.complex64) and found  # a program does not say which numbers are complex


def _refusal(program: Program, dtype: torch.dtype) -> str:
    try:
        with quiet():  # torch logs what does not fit
            return _excess(program, dtype)
    except FAULTS as error:
        return first_line(error)


def first_line(error: Exception) -> str:
    """What is wrong, without the stack that torch appends, and without places in memory, which tell nobody anything."""
    line = next(iter(str(error).strip().splitlines()), type(error).__name__)
    return re.sub(r"( object)? at 0x[0-9a-fA-F]+", "", line)


def _excess(program: Program, dtype: torch.dtype) -> str:
    """The part of a computation that exceeds its memory; found by running it on tensors without data."""
    with FakeTensorMode():
        values: dict[str, Any] = {
            source.name: _empty(source, dtype) if source.values is None else constant(source)
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


def _empty(source: Source, dtype: torch.dtype) -> Tensor:
    return torch.empty(source.shape, dtype=torch.int64 if source.integer else dtype)


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
    if ops.base(step.operation) in INDEXING:  # no dtype is recorded: that they were made whole is not, either
        arguments[1:] = map(_whole, arguments[1:])
    return call(step.operation, arguments, {k: filled(v) for k, v in step.options if v is not None})


def _whole(argument: Any) -> Any:
    """An argument with its indices as whole numbers."""
    if isinstance(argument, list):
        return [_whole(item) for item in argument]
    return argument.long() if isinstance(argument, Tensor) and argument.is_floating_point() else argument


def _item(several: object, position: object) -> Any:
    """One of several results."""
    if not isinstance(several, list | tuple) or not isinstance(position, int):
        raise ValueError("an operation has one result, not several")  # noqa: TRY004 - the program is at fault
    return several[position]


def _results(name: str, arguments: list[Any]) -> int:
    """The most tensors that an operation returns, if that depends on its arguments."""
    longest = max(getattr(arguments[0], "shape", ()), default=1) if arguments else 1
    number = next((one for one in arguments[1:2] if isinstance(one, int)), 1)
    if name.startswith("unbind"):
        return int(longest)
    if name in ("split", "split_copy", "unsafe_split"):
        return int(longest) // max(1, number)
    return number if name.endswith(("chunk", "_split", "dsplit", "hsplit", "vsplit")) else 1
