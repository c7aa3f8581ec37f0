"""What is by definition no edge, kept as it was in the run without a nudge: statistics of norms, and choices."""

import re
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

aten = torch.ops.aten
SOFTMAX, RMS_NORM = getattr(aten, "_softmax"), getattr(aten, "_fused_rms_norm")  # noqa: B009 - they are named so

NORM = re.compile("Norm|GRN|GlobalResponse")
"""What a class is called whose reductions are statistics."""

REDUCTIONS = frozenset([aten.mean, aten.sum, aten.var, aten.var_mean, aten.std, aten.std_mean, aten.amax, aten.norm])
"""Statistics, where a norm computes them."""

PRODUCTS = frozenset([aten.mm, aten.bmm, aten.addmm, aten.baddbmm, aten.convolution, SOFTMAX])

Arguments: TypeAlias = tuple[Any, ...]


class Frozen(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Runs operations as they are, but for those that let channels see each other without a weight.

    - Layer, group and RMS norms, vector norms (`normalize`), and every reduction inside a module that is a norm take
      the statistics of the run that was recorded.
    - A softmax takes the sum of the other channels from there, save over attention scores: those are of the data, and
      queries reach what reads the head.
    - The order of a sort and the choice of the largest few or one (which experts a word asks) stay as they were; the
      values that are chosen are those of this run.

    Args:
        recorded: What an earlier run has put down, in order; None to put it down in this run.
    """

    def __init__(self, recorded: list[Any] | None = None) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.replayed = recorded
        self.recorded: list[Any] = []
        self.kinds: Counter[str] = Counter()
        self.depth = 0

    def kept(self, compute: Callable[[], Any]) -> Any:
        """A statistic of the recorded run, or of this one if there is none."""
        if self.replayed is None:
            self.recorded.append(compute())
        else:
            self.recorded.append(self.replayed[len(self.recorded)])
        return self.recorded[-1]

    def watch(self, model: nn.Module, layers: set[nn.Module]) -> list[Any]:
        """Notice when a norm of the model runs; the handles end it."""
        handles = []
        for module in model.modules():
            if NORM.search(type(module).__name__) and not layers & set(module.modules()):
                handles.append(module.register_forward_pre_hook(self._enter))
                handles.append(module.register_forward_hook(self._leave))
        return handles

    def _enter(self, *_: object) -> None:
        self.depth += 1

    def _leave(self, *_: object) -> None:
        self.depth -= 1

    def __torch_dispatch__(
        self, func: Any, types: object, args: Arguments = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        kwargs = dict(kwargs or {})
        packet = func.overloadpacket
        score = packet not in PRODUCTS and any(_is_score(value) for value in args)
        rule = RULES.get(packet)
        if rule is not None and not (packet is SOFTMAX and _is_score(args[0])):
            self.kinds[KINDS[packet]] += 1
            result = rule(self, func, args, kwargs)
        elif self.depth and packet in REDUCTIONS and args[0].is_floating_point():
            self.kinds["in norms"] += 1
            result = self.kept(lambda: func(*args, **kwargs))
            result = tuple(r.clone() for r in result) if isinstance(result, tuple) else result.clone()
        else:
            result = func(*args, **kwargs)
        if isinstance(result, Tensor) and (score or _scores(packet, args)):
            result.is_score = True  # type: ignore[attr-defined]
        return result


def _is_score(value: object) -> bool:
    return isinstance(value, Tensor) and getattr(value, "is_score", False)


def _scores(packet: object, args: Arguments) -> bool:
    """Whether two values are multiplied with each other, as queries and keys are."""
    if packet not in (aten.bmm, aten.baddbmm):
        return False
    values = [value for value in args if isinstance(value, Tensor)]
    return not any(isinstance(value._base, nn.Parameter) for value in values)  # noqa: SLF001 - what it is a view of


def _layer_norm(run: Frozen, func: Any, args: Arguments, kwargs: Mapping[str, Any]) -> Any:
    mean, scale = run.kept(lambda: func(*args, **kwargs)[1:])
    values, _, weight, bias = args[:4]
    return _affine((values - mean) * scale, weight, bias), mean, scale


def _group_norm(run: Frozen, func: Any, args: Arguments, kwargs: Mapping[str, Any]) -> Any:
    mean, scale = run.kept(lambda: func(*args, **kwargs)[1:])
    values, weight, bias, batch, channels, _, groups = args[:7]
    grouped = (values.reshape(batch, groups, -1) - mean[..., None]) * scale[..., None]
    result = grouped.reshape(values.shape)
    shape = (1, channels, *[1] * (values.dim() - 2))
    weight, bias = (None if v is None else v.reshape(shape) for v in (weight, bias))
    return _affine(result, weight, bias), mean, scale


def _rms_norm(run: Frozen, func: Any, args: Arguments, kwargs: Mapping[str, Any]) -> Any:
    scale = run.kept(lambda: func(*args, **kwargs)[1])
    values, _, weight = args[:3]
    return _affine(values * scale, weight, None), scale


def _affine(values: Tensor, weight: Tensor | None, bias: Tensor | None) -> Tensor:
    scaled = values if weight is None else values * weight
    return scaled if bias is None else scaled + bias


def _softmax(run: Frozen, _: Any, args: Arguments, __: Mapping[str, Any]) -> Any:
    """As if the other channels were what they were: their sum is held, so that the result stays between 0 and 1."""
    values, dimension = args[0].double(), args[1]

    def others() -> Tensor:
        total: Tensor = values.logsumexp(dimension, keepdim=True)
        return total + (-torch.expm1(values - total)).log()

    return (values - run.kept(others)).sigmoid().to(torch.float32 if args[2] else args[0].dtype)


def _vector_norm(run: Frozen, func: Any, args: Arguments, kwargs: Mapping[str, Any]) -> Any:
    return run.kept(lambda: func(*args, **kwargs)).clone()


def _order(run: Frozen, func: Any, args: Arguments, kwargs: Mapping[str, Any]) -> Any:
    chosen = run.kept(lambda: func(*args, **kwargs)[1])
    position, name = (2, "dim") if func.overloadpacket is aten.topk or "stable" in func.name() else (1, "dim")
    dimension = args[position] if len(args) > position else kwargs.get(name, -1)
    return args[0].gather(dimension, chosen), chosen.clone()


def _largest(run: Frozen, func: Any, args: Arguments, kwargs: Mapping[str, Any]) -> Any:
    result = func(*args, **kwargs)
    if not isinstance(result, tuple):
        return result
    return result[0], run.kept(lambda: result[1]).clone()


def _place(run: Frozen, func: Any, args: Arguments, kwargs: Mapping[str, Any]) -> Any:
    return run.kept(lambda: func(*args, **kwargs)).clone()


RULES: dict[Any, Callable[[Frozen, Any, Arguments, Mapping[str, Any]], Any]] = {
    aten.native_layer_norm: _layer_norm,
    aten.native_group_norm: _group_norm,
    RMS_NORM: _rms_norm,
    SOFTMAX: _softmax,
    aten.linalg_vector_norm: _vector_norm,
    aten.topk: _order,
    aten.sort: _order,
    aten.argmax: _place,
    aten.max: _largest,
}

KINDS = {
    aten.native_layer_norm: "layer norm",
    aten.native_group_norm: "group norm",
    RMS_NORM: "RMS norm",
    SOFTMAX: "softmax",
    aten.linalg_vector_norm: "length",
    aten.topk: "choice",
    aten.sort: "order",
    aten.argmax: "choice",
    aten.max: "choice",
}
"""What they are called in a row."""
