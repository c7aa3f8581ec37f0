"""What is known about ATen operations: which move values, which combine them place by place, which pool them.

An operation that is in none of these sets is not understood, and is reported. Names come without overload and without
the underscore of the in-place form.
"""

from typing import Any

import torch

POINTWISE = frozenset(
    [
        "abs",
        "add",
        "addcdiv",
        "addcmul",
        "alias",
        "alpha_dropout",
        "bernoulli",
        "ceil",
        "celu",
        "clamp",
        "clamp_max",
        "clamp_min",
        "clone",
        "contiguous",
        "cos",
        "detach",
        "detach",
        "div",
        "dropout",
        "elu",
        "eq",
        "erf",
        "exp",
        "feature_alpha_dropout",
        "feature_dropout",
        "floor",
        "gelu",
        "hardshrink",
        "hardsigmoid",
        "hardswish",
        "hardtanh",
        "leaky_relu",
        "lift_fresh_copy",
        "log",
        "log1p",
        "log_sigmoid",
        "maximum",
        "minimum",
        "mish",
        "mul",
        "neg",
        "nan_to_num",
        "pow",
        "prelu",
        "reciprocal",
        "relu",
        "relu6",
        "round",
        "rrelu",
        "rsqrt",
        "rsub",
        "selu",
        "sigmoid",
        "sign",
        "silu",
        "sin",
        "softplus",
        "softshrink",
        "softsign",
        "sqrt",
        "square",
        "sub",
        "tanh",
        "threshold",
        "to",
        "true_divide",
        "type_as",
        "where",
        "xlogy",
        "_to_copy",
    ]
)
"""The result at a place depends on the operands at that place alone; operands are broadcast."""

MOVES = frozenset(
    [
        "cat",
        "channel_shuffle",
        "chunk",
        "concat",
        "concatenate",
        "constant_pad_nd",
        "diagonal",
        "expand",
        "flatten",
        "flip",
        "hstack",
        "movedim",
        "moveaxis",
        "narrow",
        "pad",
        "permute",
        "pixel_shuffle",
        "pixel_unshuffle",
        "ravel",
        "repeat",
        "reshape",
        "roll",
        "rot90",
        "select",
        "slice",
        "split",
        "split_with_sizes",
        "squeeze",
        "stack",
        "swapaxes",
        "t",
        "tile",
        "transpose",
        "unbind",
        "unflatten",
        "unsqueeze",
        "unsafe_chunk",
        "unsafe_split",
        "upsample_nearest1d",
        "upsample_nearest2d",
        "upsample_nearest3d",
        "view",
        "view_as",
        "vstack",
        "_unsafe_view",
    ]
)
"""Values change their place only: run on node indices, the operation itself tells which node is where."""

VIEWS = frozenset(
    [
        "alias",
        "chunk",
        "contiguous",
        "detach",
        "diagonal",
        "expand",
        "flatten",
        "movedim",
        "moveaxis",
        "narrow",
        "permute",
        "ravel",
        "reshape",
        "select",
        "slice",
        "split",
        "split_with_sizes",
        "squeeze",
        "swapaxes",
        "t",
        "transpose",
        "unbind",
        "unflatten",
        "unsqueeze",
        "view",
        "view_as",
    ]
)
"""The result may share memory with the operand, so changing it in place may change the operand."""

WINDOWS = {
    name: int(name[-2]) for name in ["max_pool1d", "max_pool2d", "max_pool3d", "avg_pool1d", "avg_pool2d", "avg_pool3d"]
}
"""Pools over sliding windows -> number of spatial dimensions."""

ADAPTIVE = {
    name: int(name[-2])
    for name in [
        "adaptive_avg_pool1d",
        "adaptive_avg_pool2d",
        "adaptive_avg_pool3d",
        "adaptive_max_pool1d",
        "adaptive_max_pool2d",
        "adaptive_max_pool3d",
    ]
}
"""Pools over as many windows as the result has places -> number of spatial dimensions."""

INTERPOLATIONS = {
    "upsample_linear1d": 1,
    "upsample_bilinear2d": 2,
    "upsample_bicubic2d": 2,
    "upsample_trilinear3d": 3,
}
"""Resizing that mixes neighbouring places -> number of spatial dimensions."""

REDUCTIONS = frozenset({"amax", "amin", "mean", "sum"})
"""Pools over whole dimensions."""

CONVOLUTIONS = {"conv1d": 1, "conv2d": 2, "conv3d": 3}
"""Convolutions -> number of spatial dimensions."""

NORMS = {"group_norm": 2, "instance_norm": 1, "layer_norm": 2, "rms_norm": 2}
"""Normalisations by statistics of the data itself -> position of the scale among the arguments."""

CONSTANTS = frozenset(
    [
        "arange",
        "empty",
        "full",
        "full_like",
        "new_full",
        "new_ones",
        "new_zeros",
        "ones",
        "ones_like",
        "rand",
        "randn",
        "scalar_tensor",
        "zeros",
        "zeros_like",
    ]
)
"""The result depends on no value of the network."""


def base(operation: str) -> str:
    """The operation's name without namespace, overload and in-place underscore: "aten.add_.Tensor" -> "add"."""
    parts = operation.split(".")
    name = parts[1] if len(parts) == 3 and parts[0] == "aten" else operation
    return name if name.startswith("_") else name.removesuffix("_")


def in_place(operation: str) -> bool:
    """Whether the operation changes its first operand."""
    parts = operation.split(".")
    return len(parts) == 3 and parts[1].endswith("_") and not parts[1].startswith("_")


def call(operation: str, arguments: list[Any], options: dict[str, Any]) -> Any:
    """Run one of the operations listed above, out of place.

    Args:
        operation: Full name, such as "aten.slice.Tensor".
        arguments: Positional arguments.
        options: Keyword arguments.
    """
    overload = operation.split(".")[2]
    packet = getattr(torch.ops.aten, base(operation))
    return getattr(packet, overload)(*arguments, **options)
