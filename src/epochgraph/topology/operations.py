"""What is known about ATen operations: which move values, which combine them place by place, which pool them.

An operation that is in none of these sets is not understood, and is reported. Names come without overload and without
the underscore of the in-place form.
"""

from epochgraph.topology.program import Step

POINTWISE = frozenset(
    [
        "_conj",
        "_log_softmax",
        "_safe_softmax",
        "_softmax",
        "_to_copy",
        "abs",
        "absolute",
        "acos",
        "acosh",
        "add",
        "addcdiv",
        "addcmul",
        "alias",
        "alpha_dropout",
        "angle",
        "arccos",
        "asin",
        "asinh",
        "atan",
        "atan2",
        "bernoulli",
        "cauchy",
        "ceil",
        "celu",
        "clamp",
        "clamp_max",
        "clamp_min",
        "clip",
        "clone",
        "complex",
        "conj",
        "contiguous",
        "copysign",
        "cos",
        "cosh",
        "deg2rad",
        "detach",
        "digamma",
        "div",
        "divide",
        "dropout",
        "elu",
        "erf",
        "erfc",
        "erfinv",
        "exp",
        "exp2",
        "expm1",
        "exponential",
        "feature_alpha_dropout",
        "feature_dropout",
        "float_power",
        "floor",
        "floor_divide",
        "fmax",
        "fmin",
        "fmod",
        "frac",
        "gelu",
        "geometric",
        "hardshrink",
        "hardsigmoid",
        "hardswish",
        "hardtanh",
        "heaviside",
        "hypot",
        "imag",
        "leaky_relu",
        "lerp",
        "lgamma",
        "lift_fresh",
        "lift_fresh_copy",
        "log",
        "log10",
        "log1p",
        "log2",
        "log_normal",
        "log_sigmoid",
        "log_softmax",
        "logaddexp",
        "logaddexp2",
        "logit",
        "masked_fill",
        "maximum",
        "minimum",
        "mish",
        "mul",
        "multiply",
        "mvlgamma",
        "nan_to_num",
        "native_dropout",
        "neg",
        "normal",
        "polar",
        "positive",
        "pow",
        "prelu",
        "real",
        "reciprocal",
        "relu",
        "relu6",
        "remainder",
        "resolve_conj",
        "resolve_neg",
        "round",
        "rrelu",
        "rsqrt",
        "rsub",
        "selu",
        "sgn",
        "sigmoid",
        "sign",
        "silu",
        "sin",
        "sinc",
        "sinh",
        "softmax",
        "softplus",
        "softshrink",
        "special_erf",
        "special_expit",
        "special_gammaln",
        "sqrt",
        "square",
        "sub",
        "subtract",
        "tan",
        "tanh",
        "threshold",
        "to",
        "tril",
        "triu",
        "true_divide",
        "trunc",
        "type_as",
        "uniform",
        "where",
        "xlogy",
    ]
)
"""Place by place: the result carries the nodes of all operands. A softmax counts as one of them: an edge
is a weight, and it has none."""

COMPARISONS = frozenset(
    [
        "__and__",
        "__or__",
        "bitwise_and",
        "bitwise_left_shift",
        "bitwise_not",
        "bitwise_or",
        "bitwise_right_shift",
        "bitwise_xor",
        "eq",
        "ge",
        "gt",
        "isfinite",
        "isin",
        "isinf",
        "isnan",
        "isneginf",
        "isposinf",
        "le",
        "logical_and",
        "logical_not",
        "logical_or",
        "logical_xor",
        "lt",
        "ne",
        "signbit",
    ]
)
"""Place by place, but what comes of it is a truth, no value of a node."""

MOVES = frozenset(
    [
        "_reshape_alias",
        "_unsafe_view",
        "adjoint",
        "atleast_1d",
        "atleast_2d",
        "atleast_3d",
        "broadcast_to",
        "cat",
        "channel_shuffle",
        "chunk",
        "column_stack",
        "concat",
        "concatenate",
        "constant_pad_nd",
        "diagonal",
        "diagonal_scatter",
        "dsplit",
        "dstack",
        "expand",
        "expand_as",
        "expand_copy",
        "flatten",
        "flip",
        "hsplit",
        "hstack",
        "meshgrid",
        "im2col",
        "mT",
        "matrix_H",
        "moveaxis",
        "movedim",
        "narrow",
        "native_channel_shuffle",
        "numpy_T",
        "pad",
        "permute",
        "permute_copy",
        "pixel_shuffle",
        "pixel_unshuffle",
        "ravel",
        "reflection_pad1d",
        "reflection_pad2d",
        "reflection_pad3d",
        "broadcast_tensors",
        "repeat",
        "repeat_interleave",
        "replication_pad1d",
        "replication_pad2d",
        "replication_pad3d",
        "reshape",
        "reshape_as",
        "roll",
        "rot90",
        "select",
        "select_scatter",
        "slice",
        "slice_copy",
        "slice_scatter",
        "split",
        "split_copy",
        "split_with_sizes",
        "squeeze",
        "squeeze_copy",
        "stack",
        "swapaxes",
        "swapdims",
        "t",
        "t_copy",
        "tensor_split",
        "tile",
        "transpose",
        "transpose_copy",
        "unbind",
        "unbind_copy",
        "unflatten",
        "unfold",
        "unsafe_chunk",
        "unsafe_split",
        "unsqueeze",
        "unsqueeze_copy",
        "upsample_nearest1d",
        "upsample_nearest2d",
        "upsample_nearest3d",
        "view",
        "view_as",
        "view_copy",
        "vsplit",
        "vstack",
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
    f"{name}{n}d{suffix}": n
    for n in (1, 2, 3)
    for name, suffix in [("max_pool", ""), ("avg_pool", ""), ("max_pool", "_with_indices"), ("fractional_max_pool", "")]
}
"""Pools over sliding windows -> number of spatial dimensions."""

ADAPTIVE = {
    f"{name}{n}d": n
    for n in (1, 2, 3)
    for name in ["adaptive_avg_pool", "adaptive_max_pool", "_adaptive_avg_pool", "_adaptive_max_pool"]
}
"""Pools over as many windows as the result has places -> number of spatial dimensions."""

INTERPOLATIONS = {
    "upsample_linear1d": 1,
    "upsample_bilinear2d": 2,
    "upsample_bicubic2d": 2,
    "upsample_trilinear3d": 3,
    "_upsample_bilinear2d_aa": 2,
    "_upsample_bicubic2d_aa": 2,
}
"""Resizing that mixes neighbouring places -> number of spatial dimensions."""

REDUCTIONS = frozenset(
    [
        "amax",
        "amin",
        "aminmax",
        "linalg_vector_norm",
        "logsumexp",
        "max",
        "mean",
        "median",
        "min",
        "mode",
        "nanmean",
        "nanmedian",
        "nansum",
        "norm",
        "prod",
        "std",
        "std_mean",
        "sum",
        "var",
        "var_mean",
    ]
)
"""Pools over whole dimensions."""

SCANS = frozenset(
    [
        "cummax",
        "cummin",
        "cumprod",
        "cumsum",
        "logcumsumexp",
    ]
)
"""Running totals along one dimension."""

ORDERS = frozenset(
    [
        "kthvalue",
        "msort",
        "sort",
        "topk",
    ]
)
"""Put values along one dimension into an order of their own, and tell which it is."""

FOURIER_1D = frozenset(["fft_fft", "fft_hfft", "fft_ifft", "fft_ihfft", "fft_irfft", "fft_rfft"])
"""Fourier transforms along one dimension."""

FOURIER = frozenset(
    ["fft_fft2", "fft_fftn", "fft_ifft2", "fft_ifftn", "fft_irfft2", "fft_irfftn", "fft_rfft2", "fft_rfftn"]
)
"""Fourier transforms along several dimensions."""

CONVOLUTIONS = {"conv1d": 1, "conv2d": 2, "conv3d": 3}
"""Convolutions -> number of spatial dimensions."""

TRANSPOSED = {"conv_transpose1d": 1, "conv_transpose2d": 2, "conv_transpose3d": 3}
"""Transposed convolutions -> number of spatial dimensions."""

NORMS = frozenset(
    [
        "_fused_rms_norm",
        "group_norm",
        "instance_norm",
        "layer_norm",
        "native_group_norm",
        "native_layer_norm",
        "rms_norm",
    ]
)
"""Normalisations by statistics of the data itself."""

BATCH_NORMS = {
    "batch_norm": 7,
    "native_batch_norm": 7,
    "_native_batch_norm_legit": 7,
    "_native_batch_norm_legit_no_training": 6,
}
"""Normalisations by recorded statistics -> position of epsilon among the arguments."""

ATTENTIONS = frozenset(
    [
        "_scaled_dot_product_attention_math",
        "_scaled_dot_product_cudnn_attention",
        "_scaled_dot_product_efficient_attention",
        "_scaled_dot_product_flash_attention",
        "_scaled_dot_product_flash_attention_for_cpu",
        "scaled_dot_product_attention",
    ]
)
"""Scaled dot products of queries, keys and values, the first three arguments."""

CONSTANTS = frozenset(
    [
        "_assert_async",
        "_fused_sdp_choice",
        "_local_scalar_dense",
        "is_nonzero",
        "_assert_scalar",
        "_assert_tensor_metadata",
        "item",
        "sym_constrain_range_for_size",
        "all",
        "any",
        "arange",
        "argmax",
        "argmin",
        "argsort",
        "bincount",
        "bucketize",
        "count_nonzero",
        "empty",
        "empty_like",
        "empty_permuted",
        "empty_strided",
        "eye",
        "fill",
        "fft_fftfreq",
        "fft_rfftfreq",
        "full",
        "full_like",
        "hamming_window",
        "hann_window",
        "histc",
        "linspace",
        "logspace",
        "multinomial",
        "new_empty",
        "new_empty_strided",
        "new_full",
        "new_ones",
        "new_zeros",
        "nonzero",
        "numel",
        "one_hot",
        "ones",
        "ones_like",
        "rand",
        "rand_like",
        "randint",
        "randint_like",
        "randn",
        "randn_like",
        "randperm",
        "scalar_tensor",
        "searchsorted",
        "tril_indices",
        "triu_indices",
        "zero",
        "zeros",
        "zeros_like",
    ]
)
"""The result holds no value of a node: numbers made anew, or the places of values."""

GATES = {"lstm": 4, "gru": 3, "rnn_tanh": 1, "rnn_relu": 1}
"""Recurrent layers -> number of gates, whose weights lie one after another."""

PRODUCTS = frozenset(
    [
        "addbmm",
        "addmm",
        "addmv",
        "baddbmm",
        "bilinear",
        "bmm",
        "dot",
        "einsum",
        "inner",
        "linalg_vecdot",
        "matmul",
        "mm",
        "mv",
        "outer",
        "vdot",
    ]
)
"""Products of tensors that sum over shared dimensions."""

ZEROS = ("zeros", "new_zeros", "full_like(zeros", "expand(zeros", "clone(zeros")
"""Words that what is nothing but zeros begins with."""

RELAID = frozenset(["as_strided", "as_strided_scatter"])
"""Another reading of the same memory, whose layout is not known: any place may come from any."""

SCATTERS = frozenset(
    [
        "_unsafe_index_put",
        "index_add",
        "index_copy",
        "index_put",
        "masked_scatter",
        "scatter",
        "scatter_add",
        "scatter_reduce",
    ]
)
"""Values are put to places that indices tell."""

ITEM = "<built-in function getitem>"
"""One of several results."""


def base(operation: str) -> str:
    """The operation's name without namespace, overload and in-place underscore: "aten.add_.Tensor" -> "add"."""
    parts = operation.split(".")
    name = parts[1] if len(parts) == 3 and parts[0] == "aten" else operation
    return name if name.startswith("_") else name.removesuffix("_")


def in_place(operation: str) -> bool:
    """Whether the operation changes its first operand."""
    parts = operation.split(".")
    return len(parts) == 3 and parts[1].endswith("_") and not parts[1].startswith("_")


def rewrites(step: Step) -> bool:
    """Whether an operation puts other nodes into the memory of its operand, of which there may be further views.

    An activation in place changes values, but not which nodes they come from.
    """
    return in_place(step.operation) and (base(step.operation) not in POINTWISE or len(step.refs) > 1)
