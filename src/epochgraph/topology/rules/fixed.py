"""What comes of parameters and constants alone: a weight that is computed of others, with no noise in it.

Random numbers stand at their mean, so that a weight is the same each time that it is computed: of a Bayesian layer its
mean, of sampled masks how probable each place is. What is multiplied with zeros only has no effect, and is no part of
what comes of it.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from epochgraph.topology import operations as ops
from epochgraph.topology.computing import UNCHANGED
from epochgraph.topology.flow import Flow
from epochgraph.topology.program import Argument, Ref, Source, Step
from epochgraph.topology.walk import Computed, Value, Walk, parameters_of, plain, shaped, written

WITHOUT_EFFECT = "it is multiplied with zeros only, where random numbers count as their mean"

KEEPING_ZEROS = (ops.MOVES | UNCHANGED | {"abs", "conj", "cumsum", "mean", "neg", "sum", "tril", "triu"}) - {
    "constant_pad_nd",
    "pad",
}
"""Operations that give zeros where all that they read is zeros."""

MULTIPLYING = frozenset(["bmm", "ger", "inner", "matmul", "mm", "mul", "multiply", "mv", "outer"])
"""Operations that give zeros where one of two operands is zeros."""

DIVIDING = frozenset(["div", "divide", "true_divide"])
"""Operations that give zeros where the first of two operands is zeros."""


def of_constants(walk: Walk, step: Step) -> Value:
    """Parameters and constants alone give what can be computed when their values are known."""
    if (left := _without_zeros(walk, step)) is not None:
        return left
    if _is_zero(walk, step):
        return zeros(walk, step)
    words = written(step.operation, [_words(walk, argument) for argument in step.arguments])
    parameters = tuple(dict.fromkeys(name for value in walk.tensors(step) for name in parameters_of(value)))
    return shaped(walk.shape(step), lambda shape: Computed(step.name, shape, words, parameters))


def zeros(walk: Walk, step: Step) -> Value:
    """Nothing but zeros, whatever the step reads."""
    for value in walk.tensors(step):
        walk.wiring.unused(parameters_of(value), WITHOUT_EFFECT)
    shape = walk.shape(step)
    if shape and isinstance(shape[0], tuple):
        return shaped(shape, Flow)
    return full(walk, step, 0.0)


def full(walk: Walk, step: Step, number: float) -> Value:
    """The same number at all places."""
    shape = plain(walk.shape(step))
    walk.steps[step.name] = replace(step, operation="aten.full.default", arguments=(shape, number), options=())
    return Computed(step.name, shape, f"full({shape}, {number})", (), zero=number == 0)


def _words(walk: Walk, argument: object) -> str:
    value = walk.value(argument)  # type: ignore[arg-type]
    if isinstance(value, list):
        return f"[{', '.join(_words(walk, item) for item in argument)}]"  # type: ignore[attr-defined]
    return walk.words(value) if isinstance(value, Source | Computed) else str(value)


def _is_zero(walk: Walk, step: Step) -> bool:
    """Whether nothing but zeros comes of a step."""
    name = ops.base(step.operation)
    known = [*map(_is_zeros, walk.tensors(step))]
    if name in MULTIPLYING:
        return any(known)
    if name in DIVIDING:
        return bool(known) and known[0] and isinstance(step.arguments[0], Ref)
    if name in KEEPING_ZEROS:
        return bool(known) and all(known)
    given = dict(enumerate(step.arguments))
    return name in ops.ZEROS or (name in ops.FILLED and given.get(ops.FILLED[name]) == 0)


def _without_zeros(walk: Walk, step: Step) -> Value | None:
    """What is left of a sum with zeros, or with a product with zeros; None if the step is no such sum."""
    name = ops.base(step.operation)
    given = [walk.value(argument) for argument in step.arguments[:3]]
    if name == "add" and _is_zeros(given[0]):
        given = given[1::-1]
    if name not in ("add", "addcmul", "sub") or not any(map(_is_zeros, given[1:])):
        return None
    for value in given[1:]:
        walk.wiring.unused(parameters_of(value), WITHOUT_EFFECT)
    left = given[0]
    if isinstance(left, Source | Computed) and left.shape == plain(step.shape):
        return left
    return None if name == "add" else _expanded(walk, step, step.arguments[0])


def _is_zeros(value: object) -> bool:
    return isinstance(value, Computed) and value.zero


# Random numbers.


def at_mean(walk: Walk, step: Step) -> Value | None:
    """Random numbers as their mean, and memory without values as zeros; None if a step makes none of them.

    Where values of the network decide on the mean, they are no weight, and stay values.
    """
    name = ops.base(step.operation)
    if name not in MEANS:
        return None
    shape_alone = not walk.resized and (name.endswith("_like") or name.startswith("new_"))
    if not shape_alone and not all(isinstance(value, Source | Computed) for value in walk.tensors(step)):
        return None
    known = MEANS[name]
    mean = known if isinstance(known, float) else known(step)
    if not isinstance(mean, Ref):
        return full(walk, step, mean)
    for value in walk.tensors(step):
        if value is not walk.values[mean.name]:
            walk.wiring.unused(parameters_of(value), WITHOUT_EFFECT)
    return _expanded(walk, step, mean)


def _expanded(walk: Walk, step: Step, read: Argument) -> Value:
    """One value, in the shape of a step's result."""
    step = replace(step, operation="aten.expand.default", arguments=(read, plain(walk.shape(step))), options=())
    walk.steps[step.name] = step
    return of_constants(walk, step)


Mean = Callable[[Step], Ref | float]
"""The number that random numbers have on average, or the value that tells it for each place."""


def _given(position: int, key: str, default: float) -> Mean:
    """The mean is an argument."""
    return lambda step: _argument(step, position, key, default)


def _rate(step: Step) -> float:
    """The mean is the reciprocal of an argument."""
    rate = _argument(step, 1, "lambd", 1.0)
    return 1 / rate if isinstance(rate, float) and rate > 0 else 0.0


def _middle(step: Step) -> float:
    """The mean lies between two arguments."""
    ends = _argument(step, 1, "from", 0.0), _argument(step, 2, "to", 1.0)
    return sum(end for end in ends if isinstance(end, float)) / 2


def _argument(step: Step, position: int, key: str, default: float) -> Ref | float:
    found: Any = step.arguments[position] if position < len(step.arguments) else dict(step.options).get(key)
    return found if isinstance(found, Ref) else float(default if found is None else found)


def _normal(step: Step) -> Ref | float:
    written = step.operation in ("aten.normal_.default", "aten.normal.default")  # into the memory of its operand
    return _argument(step, 1 if written else 0, "mean", 0.0)


def _bernoulli(step: Step) -> Ref | float:
    has_own = step.operation in ("aten.bernoulli.default", "aten.bernoulli_.default")
    return _argument(step, 0 if has_own else 1, "p", 0.5)


MEANS: Mapping[str, float | Mean] = {
    **dict.fromkeys(["alpha_dropout", "feature_alpha_dropout", "feature_dropout", "poisson"], _given(0, "input", 0.0)),
    **dict.fromkeys(["empty", "empty_like", "empty_permuted", "empty_strided", "new_empty", "new_empty_strided"], 0.0),
    **dict.fromkeys(["new_zeros", "randn", "randn_like", "zeros_like"], 0.0),
    **dict.fromkeys(["new_ones", "ones_like"], 1.0),
    **dict.fromkeys(["rand", "rand_like"], 0.5),
    "bernoulli": _bernoulli,
    "exponential": _rate,
    "full_like": _given(1, "fill_value", 0.0),
    "new_full": _given(2, "fill_value", 0.0),
    "normal": _normal,
    "normal_functional": _given(1, "mean", 0.0),
    "uniform": _middle,
}
"""Numbers made anew -> their mean."""
