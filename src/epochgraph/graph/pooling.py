"""Pooling as edges: which positions a pooled position is joined to."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from epochgraph.errors import TracingError
from epochgraph.topology import operations as ops
from epochgraph.topology.program import Shape, Step

CONVOLUTIONS = {1: functional.conv1d, 2: functional.conv2d, 3: functional.conv3d}
MAXIMA = {1: functional.max_pool1d, 2: functional.max_pool2d, 3: functional.max_pool3d}
ADAPTIVE_MEANS = {
    1: functional.adaptive_avg_pool1d,
    2: functional.adaptive_avg_pool2d,
    3: functional.adaptive_avg_pool3d,
}
ADAPTIVE_MAXIMA = {
    1: functional.adaptive_max_pool1d,
    2: functional.adaptive_max_pool2d,
    3: functional.adaptive_max_pool3d,
}


@dataclass(frozen=True, slots=True)
class Pooling:
    """One pooling operation, as functions of a value without batch dimension.

    Attributes:
        total: The sum over each window.
        largest: The largest non-negative value in each window.
    """

    total: Callable[[Tensor], Tensor]
    largest: Callable[[Tensor], Tensor]


def pooling(step: Step, dimensions: Shape, before: Shape, after: Shape) -> Pooling:
    """Read how an operation pools.

    Args:
        step: The pooling.
        dimensions: The dimensions that it pools over, of the value without batch.
        before: Shape of the value that is pooled, without batch.
        after: Shape of the result.

    Raises:
        TracingError: It is a resizing whose windows overlap partially, or does not give such a result.
    """
    name = ops.base(step.operation)
    if name in ops.REDUCTIONS:
        return Pooling(
            lambda x: x.sum(dimensions).reshape(after),
            lambda x: x.amax(dimensions).reshape(after),
        )
    if name in ops.ADAPTIVE:
        return _adaptive(before, after, len(dimensions))
    if name in ops.WINDOWS:
        return _windows(step, before, after, len(dimensions))
    raise TracingError(f"{step.operation} is no pooling over windows", "Use the rolled graph.")


def _adaptive(before: Shape, after: Shape, n: int) -> Pooling:
    sizes = torch.ones(())
    for length, places in zip(before[-n:], after[-n:], strict=True):
        i = torch.arange(places)
        window = -((-(i + 1) * length) // places) - (i * length) // places  # end (rounded up) minus begin
        sizes = sizes[..., None] * window
    mean: Callable[..., Tensor] = ADAPTIVE_MEANS[n]
    largest: Callable[..., Tensor] = ADAPTIVE_MAXIMA[n]
    return Pooling(
        lambda x: mean(x[None], after[-n:])[0] * sizes.to(x),
        lambda x: largest(x[None], after[-n:])[0],
    )


def _windows(step: Step, before: Shape, after: Shape, n: int) -> Pooling:
    """Windows that slide with a stride: summed by a convolution with ones, each channel separately.

    Beyond the border the value is padded with zeros, and parts that no window reaches are cut off, so that rounding the
    number of windows up or down needs no special case.
    """
    positional = dict(zip(("kernel_size", "stride", "padding", "dilation"), step.arguments[1:], strict=False))
    if ops.base(step.operation).startswith("avg"):
        positional.pop("dilation", None)  # the fourth argument of an average is whether windows are rounded up
    options = positional | dict(step.options)

    def each(name: str, default: Shape) -> Shape:
        value = options.get(name)
        numbers = tuple(value) if isinstance(value, tuple) else () if value is None else (value,)
        given = tuple(int(number) for number in numbers if isinstance(number, int))
        return given * n if len(given) == 1 else given or default

    kernel = each("kernel_size", ())
    stride, padding, dilation = each("stride", kernel), each("padding", (0,) * n), each("dilation", (1,) * n)
    sides: list[int] = []
    for d in reversed(range(n)):
        if (after[d - n] - 1) * stride[d] >= before[d - n] + padding[d]:  # every window begins before the border
            found = f"{step.operation} with stride {stride} does not make {after} of {before}"
            raise TracingError(found, "The topology is damaged: trace the model again.")
        reach = (after[d - n] - 1) * stride[d] + dilation[d] * (kernel[d] - 1) + 1
        sides += [padding[d], reach - padding[d] - before[d - n]]
    ones = torch.ones(1, 1, *kernel)
    convolution: Callable[..., Tensor] = CONVOLUTIONS[n]
    maximum: Callable[..., Tensor] = MAXIMA[n]
    channels = before[:-n]

    def total(x: Tensor) -> Tensor:
        padded = functional.pad(x, sides).reshape(-1, 1, *_padded(before[-n:], sides))
        return convolution(padded, ones.to(x), None, stride, 0, dilation).reshape(*channels, *after[-n:])

    def largest(x: Tensor) -> Tensor:
        padded = functional.pad(x, sides).reshape(-1, 1, *_padded(before[-n:], sides))
        return maximum(padded, kernel, stride, 0, dilation).reshape(*channels, *after[-n:])

    return Pooling(total, largest)


def _padded(lengths: Shape, sides: list[int]) -> Shape:
    return tuple(
        length + before + behind for length, before, behind in zip(lengths, sides[-2::-2], sides[-1::-2], strict=True)
    )
