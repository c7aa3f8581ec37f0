"""What is known about ATen operations: which move values, which combine them position by position, which pool them.

An operation in none of these sets is not understood, and is reported. Names are without overload and without the
underscore of the in-place form.
"""

from epochgraph.topology.program import Step


def _names(words: str) -> frozenset[str]:
    """A set of names that are written one after another: a quote around each would hide the list."""
    return frozenset(words.split())


POINTWISE = _names(
    """
    abs absolute acos acosh add addcdiv addcmul alias alpha_dropout angle arccos arccosh arcsinh arctan arctan2
    arctanh asin asinh atan atan2 atanh bernoulli binomial cauchy ceil celu clamp clamp_max clamp_min clip clone
    coalesce _coalesce complex conj _conj conj_physical _conj_physical contiguous copysign cos cosh deg2rad detach
    digamma div divide dropout elu erf erfc erfinv exp exp2 expm1 exponential
    _fake_quantize_learnable_per_channel_affine _fake_quantize_learnable_per_tensor_affine
    fake_quantize_per_channel_affine fake_quantize_per_channel_affine_cachemask fake_quantize_per_tensor_affine
    fake_quantize_per_tensor_affine_cachemask _fake_quantize_per_tensor_affine_cachemask_tensor_qparams
    feature_alpha_dropout feature_dropout fix float_power floor floor_divide fmax fmin fmod frac frexp gcd gelu
    geometric hardshrink hardsigmoid hardswish hardtanh heaviside hypot i0 igamma igammac imag lcm ldexp leaky_relu
    lerp lgamma lift_fresh lift_fresh_copy log log10 log1p log2 log_normal log_sigmoid log_sigmoid_forward
    log_softmax _log_softmax logaddexp logaddexp2 logit masked_fill _masked_softmax maximum minimum mish mul
    multiply mvlgamma nan_to_num native_dropout neg negative nextafter normal poisson polar polygamma positive pow
    prelu _prelu_kernel rad2deg real reciprocal relu relu6 remainder resolve_conj resolve_neg round rrelu
    rrelu_with_noise rsqrt rsub _safe_softmax selu sgn sigmoid sign silu sin sinc sinh softmax _softmax softplus
    softshrink special_airy_ai special_bessel_j0 special_bessel_j1 special_bessel_y0 special_bessel_y1
    special_chebyshev_polynomial_t special_chebyshev_polynomial_u special_chebyshev_polynomial_v
    special_chebyshev_polynomial_w special_digamma special_entr special_erf special_erfc special_erfcx
    special_erfinv special_exp2 special_expit special_expm1 special_gammainc special_gammaincc special_gammaln
    special_hermite_polynomial_h special_hermite_polynomial_he special_i0 special_i0e special_i1 special_i1e
    special_laguerre_polynomial_l special_legendre_polynomial_p special_log1p special_log_ndtr special_log_softmax
    special_logit special_modified_bessel_i0 special_modified_bessel_i1 special_modified_bessel_k0
    special_modified_bessel_k1 special_ndtr special_ndtri special_polygamma special_psi special_round
    special_scaled_modified_bessel_k0 special_scaled_modified_bessel_k1 special_shifted_chebyshev_polynomial_t
    special_shifted_chebyshev_polynomial_u special_shifted_chebyshev_polynomial_v
    special_shifted_chebyshev_polynomial_w special_sinc special_softmax special_spherical_bessel_j0 special_xlog1py
    special_xlogy special_zeta sqrt square sub subtract tan tanh threshold to _to_copy to_dense _to_dense _to_sparse
    to_sparse to_sparse_csc _to_sparse_csc to_sparse_csr _to_sparse_csr tril triu true_divide trunc type_as uniform
    where xlogy
    """
)
"""Place by place: the result carries the nodes of all operands. A softmax counts as one of them: an edge
is a weight, and it has none."""

COMPARISONS = _names(
    """
    __and__ bitwise_and bitwise_left_shift bitwise_not bitwise_or bitwise_right_shift bitwise_xor bucketize eq ge
    greater greater_equal gt isclose isfinite isin isinf isnan isneginf isposinf isreal le less less_equal
    logical_and logical_not logical_or logical_xor __lshift__ lt ne not_equal __or__ __rshift__ signbit __xor__
    """
)
"""Place by place, but what comes of it is a truth: in what it decides, values come before it."""

MOVES = _names(
    """
    adjoint alias_copy atleast_1d atleast_2d atleast_3d broadcast_tensors broadcast_to cat channel_shuffle chunk
    column_stack concat concatenate constant_pad_nd diagonal diagonal_copy diagonal_scatter dsplit dstack expand
    expand_as expand_copy fft_fftshift fft_ifftshift flatten flip fliplr flipud hsplit hstack im2col mH mT matrix_H
    meshgrid moveaxis movedim narrow native_channel_shuffle numpy_T pad permute permute_copy pixel_shuffle
    pixel_unshuffle ravel reflection_pad1d reflection_pad2d reflection_pad3d repeat repeat_interleave
    replication_pad1d replication_pad2d replication_pad3d reshape _reshape_alias reshape_as roll rot90 select
    select_scatter slice slice_copy slice_scatter split split_copy split_with_sizes squeeze squeeze_copy stack
    swapaxes swapdims t t_copy tensor_split tile transpose transpose_copy unbind unbind_copy unflatten unfold
    unfold_copy unsafe_chunk unsafe_split _unsafe_view unsqueeze unsqueeze_copy upsample_nearest1d
    upsample_nearest2d upsample_nearest3d _upsample_nearest_exact1d _upsample_nearest_exact2d
    _upsample_nearest_exact3d view view_as view_copy vsplit vstack
    """
)
"""Values change their place only: run on node indices, the operation itself tells which node is where."""

VIEWS = _names(
    """
    alias chunk contiguous detach diagonal expand flatten moveaxis movedim narrow permute ravel reshape select slice
    split split_with_sizes squeeze swapaxes swapdims t tensor_split transpose unbind unflatten unsqueeze view
    view_as
    """
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

REDUCTIONS = _names(
    """
    amax amin aminmax linalg__powsum linalg_vector_norm logsumexp max mean median min mode nanmean nanmedian nansum
    norm prod std std_mean sum var var_mean
    """
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

FOURIER_GIVEN = frozenset(["_fft_c2c", "_fft_c2r", "_fft_r2c"])
"""Fourier transforms along the dimensions that are their second argument."""

WAVES = {"istft": 2, "stft": 1}
"""Fourier transforms in windows over time -> how many of the last dimensions of their operand hold it."""

CHOICES = frozenset(["argmax", "argmin", "argsort", "multinomial"])
"""Which place along a dimension is chosen."""

SEARCHES = {"bucketize": 0, "searchsorted": 1}
"""Between which bounds each value lies -> position of the values among the arguments."""

COUNTS = frozenset(["bincount", "histc"])
"""How many values there are of each size."""

FACTORISATIONS = _names(
    """
    cholesky_inverse geqrf linalg_cholesky_ex _linalg_det linalg_eig _linalg_eigh _linalg_eigvals linalg_eigvals
    linalg_inv_ex linalg_ldl_factor_ex linalg_lu linalg_lu_factor_ex linalg_matrix_exp linalg_pinv linalg_qr
    _linalg_slogdet _linalg_svd
    """
)
"""Functions of a matrix, each entry of whose results depends on all of it."""

PAIRED = frozenset(["linalg_householder_product", "linalg_lstsq", "linalg_lu_solve", "lu_unpack", "ormqr"])
"""The same of several matrices together."""

SOLUTIONS = {"_linalg_solve_ex": True, "linalg_solve_triangular": True, "cholesky_solve": False}
"""Systems of linear equations -> whether the matrix comes before the right-hand sides."""

OF_SPARSE = frozenset(["_indices", "_values", "ccol_indices", "col_indices", "crow_indices", "indices", "values"])
"""What a sparse tensor is made of."""

WHOLE = OF_SPARSE | _names(
    """
    _convert_indices_from_coo_to_csr _convert_indices_from_csr_to_coo _ctc_loss _pdist_forward _unique2
    unique_consecutive
    """
)
"""Functions any place of whose results may come from any place of their first operand."""

SPARSE = {
    "_sparse_compressed_tensor_unsafe": 2,
    "_sparse_coo_tensor_unsafe": 1,
    "_sparse_coo_tensor_with_dims_and_tensors": 3,
    "sparse_compressed_tensor": 2,
    "sparse_coo_tensor": 1,
}
"""Makers of sparse tensors -> position of the values among the arguments."""

BY_ROWS = frozenset(["segment_reduce", "unique_dim"])
"""Functions any row of whose results may come from any row of their first operand."""

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

CONSTANTS = _names(
    """
    all any arange _assert_async _assert_scalar _assert_tensor_metadata count_nonzero empty empty_like
    empty_permuted empty_strided eye fft_fftfreq fft_rfftfreq fill full full_like _fused_sdp_choice hamming_window
    hann_window _is_all_true _is_any_true is_nonzero item _linalg_check_errors linspace _local_scalar_dense logspace
    new_empty new_empty_strided new_full new_ones new_zeros nonzero numel ones ones_like rand rand_like randint
    randint_like randn randn_like randperm scalar_tensor sym_constrain_range_for_size tril_indices triu_indices zero
    zeros zeros_like
    """
)
"""The result holds no value of a node: numbers made anew, or the places of values."""

GATES = {"lstm": 4, "gru": 3, "rnn_tanh": 1, "rnn_relu": 1}
"""Recurrent layers -> number of gates, whose weights lie one after another."""

PRODUCTS = _names(
    """
    addbmm addmm addmv baddbmm bilinear bmm dot einsum ger inner linalg_vecdot matmul mm mv outer _sparse_addmm
    _sparse_mm _trilinear vdot
    """
)
"""Products of tensors that sum over shared dimensions."""

ZEROS = frozenset(["new_zeros", "zero", "zeros", "zeros_like"])
"""The result is nothing but zeros."""

FILLED = {"fill": 1, "full": 1, "full_like": 1, "new_full": 2}
"""The result is one number at all places -> position of the number among the arguments."""

RELAID = frozenset(["as_strided", "as_strided_scatter"])
"""Another reading of the same memory, whose layout is not known: any place may come from any."""

SCATTERS = _names(
    """
    index_add index_copy index_put index_reduce masked_scatter put scatter scatter_add scatter_reduce
    _unsafe_index_put
    """
)
"""Values are put to places that indices tell."""

ITEM = "<built-in function getitem>"
"""One of several results."""


def base(operation: str) -> str:
    """The operation's name without namespace, overload and in-place underscore: "aten.add_.Tensor" -> "add"."""
    parts = operation.split(".")
    name = parts[1] if len(parts) == 3 and parts[0] in ("aten", "prims") else operation
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
