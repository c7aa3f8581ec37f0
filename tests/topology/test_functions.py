"""Functions of PyTorch between an input and a layer: each place that the layer reads holds whatever it depends on.

Every place of the input is a node of its own here. One place after another is nudged, and what changes is held against
the nodes that the tracer says stand there. Nothing here knows by which rule they got there.
"""

import contextlib
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import DynamicOutputShapeException
from torch.nn import functional as F  # noqa: N812 - its usual name

from epochgraph import rolled_graph, trace
from epochgraph.topology.eager import run_with_values, run_without_data
from epochgraph.topology.following import follow
from epochgraph.topology.recording import exported
from epochgraph.topology.rolled import RolledWiring
from epochgraph.topology.spans import nodes

Function = Callable[[Tensor], Tensor]

NUDGES = (1e-3, -1e-3, 0.4, -0.4, 3.0, -3.0)

INDEX = torch.tensor([2, 0, 1])

FUNCTIONS: dict[str, Function] = {
    "atanh": lambda x: torch.atanh(x.tanh() * 0.5),
    "arctan2": lambda x: torch.arctan2(x, x.flip(1)),
    "bessel": torch.special.bessel_j1,
    "gammaincc": lambda x: torch.special.gammaincc(x.abs() + 0.1, x.abs() + 0.2),
    "frexp": lambda x: torch.frexp(x)[0],
    "ldexp": lambda x: torch.ldexp(x, INDEX[:, None]),
    "polygamma": lambda x: torch.polygamma(2, x.abs() + 0.1),
    "prelu": lambda x: F.prelu(x, torch.tensor(0.3, dtype=x.dtype)),
    "logsigmoid": F.logsigmoid,
    "huber": lambda x: F.huber_loss(x, x.flip(0), reduction="none"),
    "bce_with_logits": lambda x: F.binary_cross_entropy_with_logits(x, x.flip(1).sigmoid(), reduction="none"),
    "kl_div": lambda x: F.kl_div(x, x.flip(1).exp(), reduction="none"),
    "cdist": lambda x: torch.cdist(x, x + 1),
    "pdist": F.pdist,
    "pairwise_distance": lambda x: F.pairwise_distance(x[:, None], x[None] + 1),
    "tensordot": lambda x: torch.tensordot(x, x, ([0], [0])),
    "kron": lambda x: torch.kron(x[:2], x[2:, :2]),
    "block_diag": lambda x: torch.block_diag(x[:2], x[2:]),
    "cartesian_prod": lambda x: torch.cartesian_prod(x[0], x[1]),
    "cross": lambda x: torch.linalg.cross(x[:, :3], x[:, 1:]),
    "diag_embed": torch.diag_embed,
    "diag": lambda x: torch.diag(x[0]),
    "trace": lambda x: torch.trace(x[:, :3])[None],
    "ger": lambda x: torch.ger(x[0], x[2]),
    "addr": lambda x: torch.addr(x, torch.ones(3, dtype=x.dtype), x[0]),
    "multi_dot": lambda x: torch.linalg.multi_dot([x, x.t(), x]),
    "three in an Einstein sum": lambda x: torch.einsum("ij,kj,kl->il", x, x, x),
    "an Einstein sum along a diagonal": lambda x: torch.einsum("ii->i", x[:, :3]),
    "an Einstein trace": lambda x: torch.einsum("bii->b", x.view(3, 2, 2)),
    "a sum without its ends": lambda x: x.sum(1, keepdim=True) - (x[:, :1] + x[:, -1:]) / 2,
    "a sum of more than it scales": lambda x: x[:, :2] * x.sum(1, keepdim=True),
    "vmap": lambda x: torch.vmap(torch.dot)(x, x.flip(0)),
    "inverse": lambda x: torch.linalg.inv(x[:, :3] + 5 * torch.eye(3, dtype=x.dtype)),
    "solve": lambda x: torch.linalg.solve(x[:, :3] + 5 * torch.eye(3, dtype=x.dtype), x),
    "solve from the right": lambda x: torch.linalg.solve(torch.eye(4, dtype=x.dtype) * 5 + x[0], x, left=False),
    "solve for a vector": lambda x: torch.linalg.solve(x[:, :3] + 5 * torch.eye(3, dtype=x.dtype), x[:, 0]),
    "solve_triangular": lambda x: torch.linalg.solve_triangular(
        x[:, :3].tril() + 5 * torch.eye(3, dtype=x.dtype), x, upper=False
    ),
    "solve with a constant matrix": lambda x: torch.linalg.solve(torch.ones(3, 3, dtype=x.dtype).triu(), x),
    "cholesky": lambda x: torch.linalg.cholesky(x @ x.t() + torch.eye(3, dtype=x.dtype)),
    "qr": lambda x: torch.linalg.qr(x)[1],
    "svdvals": torch.linalg.svdvals,
    "eigvalsh": lambda x: torch.linalg.eigvalsh(x @ x.t()),
    "det": lambda x: torch.linalg.det(x.view(3, 2, 2)),
    "slogdet": lambda x: torch.linalg.slogdet(x @ x.t() + torch.eye(3, dtype=x.dtype))[1][None],
    "pinv": torch.linalg.pinv,
    "matrix_exp": lambda x: torch.linalg.matrix_exp(x.view(3, 2, 2)),
    "matrix_power": lambda x: torch.linalg.matrix_power(x[:, :3], 3),
    "lstsq": lambda x: torch.linalg.lstsq(x.t(), x.t().flip(0)[:, :1]).solution,
    "diff": lambda x: x.diff(dim=1),
    "cumulative_trapezoid": lambda x: torch.cumulative_trapezoid(x, dim=1),
    "cumulative sum of a number": lambda x: x[0, 0].cumsum(0)[None],
    "fftshift": torch.fft.fftshift,
    "rfft": lambda x: torch.fft.rfft(x).abs(),
    "hfft": lambda x: torch.fft.hfft(torch.complex(x, x.flip(0))),
    "stft": lambda x: torch.stft(x.repeat(1, 2), 4, 2, return_complex=True, window=torch.ones(4, dtype=x.dtype)).abs(),
    "istft": lambda x: torch.istft(
        torch.complex(x, x)[None], 4, 2, window=torch.hann_window(4, dtype=x.dtype), center=True
    ),
    "conv_tbc": lambda x: torch.conv_tbc(x[:, None], torch.ones(2, 4, 3, dtype=x.dtype), torch.zeros(3, dtype=x.dtype)),
    "a filter of several outputs a channel": lambda x: F.conv1d(
        x[None], torch.tensor([[[1.0, 2.0]]] * 6, dtype=x.dtype), groups=3
    ),
    "a filter over all channels": lambda x: F.conv1d(x[None], torch.ones(2, 3, 2, dtype=x.dtype)),
    "a filter the other way": lambda x: F.conv_transpose1d(x[None], torch.ones(3, 2, 2, dtype=x.dtype)),
    "max_unpool": lambda x: F.max_unpool1d(*F.max_pool1d(x[:, None], 2, return_indices=True), 2),
    "affine_grid": lambda x: F.affine_grid(x.view(2, 2, 3), [2, 1, 2, 2], align_corners=False),
    "nearest-exact": lambda x: F.interpolate(x[:, None], scale_factor=2, mode="nearest-exact"),
    "index_fill": lambda x: x.index_fill(1, INDEX[:1], 0.5),
    "put": lambda x: x.put(INDEX, x[0, :3]),
    "take": lambda x: torch.take(x, INDEX),
    "index_reduce": lambda x: torch.zeros(3, 4, dtype=x.dtype).index_reduce(0, INDEX, x, "mean"),
    "segment_reduce": lambda x: torch.segment_reduce(x, "sum", lengths=torch.tensor([2, 1])),
    "repeated as often as numbers tell": lambda x: torch.repeat_interleave(x, torch.tensor([1, 2, 0]), dim=0),
    "repeated as often as values tell": lambda x: torch.repeat_interleave(
        x, (x[:, 0] > 0).long().cumsum(0).clamp(1, 1), dim=0, output_size=3
    ),
    "a median": lambda x: x.kthvalue(2, 1)[0],
    "quantile": lambda x: x.quantile(0.5, dim=1),
    "fake_quantize": lambda x: torch.fake_quantize_per_tensor_affine(x, 0.1, 0, -128, 127),
    "a sparse product": lambda x: torch.sparse.mm(torch.eye(3, dtype=x.dtype).to_sparse(), x),
    "a sparse matrix before a product": lambda x: torch.eye(3, dtype=x.dtype).to_sparse_csr() @ x,
    "a threshold": lambda x: (x > 0).double(),
    "a threshold as a choice of constants": lambda x: torch.where(x > 0, 1.0, -1.0).double(),
    "a threshold passed straight through": lambda x: (x > 0).double() + x - x.detach(),
    "bits": lambda x: (x.to(torch.int32) & 1).double(),
    "isclose": lambda x: torch.isclose(x, x.flip(0), atol=1.0).double(),
    "logical": lambda x: torch.logical_and(x > 0, x.flip(1) < 1).double(),
    "the largest as a row": lambda x: F.one_hot(x.argmax(1), 4).double(),
    "the order": lambda x: x.argsort(1).double(),
    "values in their order": lambda x: x.gather(1, x.argsort(1)),
    "what lies between bounds": lambda x: torch.bucketize(x, torch.tensor([-0.5, 0.0, 0.5], dtype=x.dtype)).double(),
    "rows of a fixed table": lambda x: torch.arange(8.0, dtype=x.dtype).view(4, 2)[x.argmax(1)],
    "values masked by others": lambda x: torch.where(x.flip(1) > 0, torch.ones_like(x), 0.0),
    "a histogram": lambda x: torch.histc(x, 4),
    "weighted counts": lambda x: torch.bincount(INDEX, x[:, 0]),
    "a loss of sequences": lambda x: F.ctc_loss(
        x[:, None].log_softmax(-1), INDEX[None, :1], torch.tensor([3]), torch.tensor([1]), reduction="none"
    ),
    "a negative log likelihood": lambda x: F.nll_loss(x, INDEX, reduction="none"),
}
"""Functions of values shaped (3, 4)."""

UNNORMALISED = {
    "cosine_similarity": lambda x: F.cosine_similarity(x[:, None], x[None] + 1, dim=-1),
    "renorm": lambda x: torch.renorm(x, 2, 0, 1.0),
    "nanquantile": lambda x: x - x.nanquantile(0.5, dim=1, keepdim=True),
}
"""Functions that scale values by their own statistics, which are no edges."""

RUNGS = (exported, run_without_data, run_with_values)


class Read(nn.Module):
    """A layer reads all places of what a function gives."""

    def __init__(self, function: Function) -> None:
        super().__init__()
        self.function = function
        self.read = nn.Linear(function(values()).numel(), 1, bias=False, dtype=torch.float64)

    def forward(self, x: Tensor) -> Tensor:
        return self.read(self.function(x).flatten())


def values(seed: int = 0) -> Tensor:
    return torch.randn(3, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def depends(function: Function) -> list[set[int]]:
    """For each place of the result, the places of the input that change it."""
    found = [set[int]() for _ in range(function(values()).numel())]
    for seed in range(4):
        x = values(seed)
        before = function(x).flatten()
        for place in range(x.numel()):
            for nudge in NUDGES:
                nudged = x.clone()
                nudged.view(-1)[place] += nudge
                after = function(nudged).flatten()
                for changed in torch.nonzero((after - before).abs() > 1e-10 * (1 + before.abs())).flatten().tolist():
                    found[changed].add(place)
    return found


def held(function: Function, record: Callable) -> list[set[int]] | str:
    """For each place that the layer reads, the places of the input that the tracer says stand there; or why none do."""
    with torch.no_grad():
        program = record(Read(function).eval(), ((values(),), {}))
        wiring = RolledWiring({s.name: (0, 1) for s in program.sources if s.kind == "input"}, {})
        follow(program, wiring)
    if wiring.reasons:
        return wiring.reasons["read.weight"]
    found = [set[int]() for _ in range(function(values()).numel())]
    for join in wiring.joins:
        for place, (first, width) in enumerate(zip(*map(list, nodes(join.inputs)), strict=True)):
            found[place] |= set(range(int(first), int(first + width))) if first >= 0 else set()
    return found


def by_each(function: Function) -> dict[str, list[set[int]] | str]:
    """What stands at each place, by each way of recording in which the function runs."""
    found: dict[str, list[set[int]] | str] = {}
    for record in RUNGS:
        with contextlib.suppress(RuntimeError, NotImplementedError, DynamicOutputShapeException):
            found[record.__name__] = held(function, record)
    return found


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", FUNCTIONS)
def test_what_a_function_depends_on_stands_at_its_places(name):
    needed = depends(FUNCTIONS[name])
    assert any(needed)
    found = by_each(FUNCTIONS[name])
    assert not isinstance(next(iter(found.values())), str), found
    for way, places in found.items():
        if isinstance(places, list):
            missing = [there - given for there, given in zip(needed, places, strict=True)]
            assert not any(missing), way


@pytest.mark.parametrize("name", UNNORMALISED)
def test_statistics_that_scale_values_leave_them_joined(name):
    function = UNNORMALISED[name]
    model = nn.Sequential(nn.Linear(6, 4), _As(function), nn.Linear(function(torch.randn(3, 4)).shape[-1], 2))
    topology = trace(model, torch.randn(3, 6))
    assert topology.coverage.share == 1.0
    joined = {(topology.parts[join.source].name, topology.parts[join.target].name) for join in topology.joins}
    assert joined == {("input", "0"), ("0", "2")}


class _As(nn.Module):
    def __init__(self, function: Function) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        return self.function(x)


def _skew(w: Tensor) -> Tensor:
    z = torch.zeros(4, 4)
    z[tuple(torch.triu_indices(4, 4, 1))] = w.flatten()[:6]
    return z - z.t()


WEIGHTS: dict[str, Function] = {
    "inverse": lambda w: torch.linalg.inv(w + 5 * torch.eye(4)),
    "an orthogonal one": lambda w: torch.matrix_exp(w - w.t()),
    "Cayley's": lambda w: torch.linalg.solve(torch.eye(4) + w - w.t(), torch.eye(4) - w + w.t()),
    "qr": lambda w: torch.linalg.qr(w)[0],
    "a spectral norm": lambda w: w / torch.linalg.matrix_norm(w, 2),
    "pinv": torch.linalg.pinv,
    "cholesky": lambda w: torch.linalg.cholesky(w @ w.t() + torch.eye(4)),
    "kron": lambda w: torch.kron(w[:2, :2], w[2:, :2]),
    "block_diag": lambda w: torch.block_diag(w[:2, :2], w[2:, 2:]),
    "diag_embed": lambda w: torch.diag_embed(w[0]),
    "sorted": lambda w: w.sort(1)[0],
    "the largest alone": lambda w: w * (w.abs() >= w.abs().flatten().topk(5)[0][-1]),
    "put by indices": lambda w: torch.zeros(4, 4).index_put(tuple(torch.tril_indices(4, 4)), w.flatten()[:10]),
    "assigned in place": _skew,
    "scattered": lambda w: torch.zeros(4, 4).scatter(1, torch.arange(4).expand(4, 4), w),
    "cosines": lambda w: F.cosine_similarity(w[:, None], w[None], dim=-1),
    "distances": lambda w: torch.cdist(w, w + 1),
    "renorm": lambda w: torch.renorm(w, 2, 0, 1.0),
    "fake_quantize": lambda w: torch.fake_quantize_per_channel_affine(
        w, torch.full((4,), 0.1), torch.zeros(4, dtype=torch.int32), 0, -128, 127
    ),
    "householder_product": lambda w: torch.linalg.householder_product(w, w[0]),
    "lu": lambda w: torch.linalg.lu(w)[2],
    "filtered": lambda w: F.conv2d(w[None, None], torch.ones(1, 1, 3, 3), padding=1)[0, 0],
    "shared by hashing": lambda w: torch.take(w, torch.arange(16).view(4, 4) % 5),
    "adjoint": lambda w: w.mH,
}
"""Weights computed of a parameter shaped (4, 4)."""


class Weighted(nn.Module):
    def __init__(self, function: Function) -> None:
        super().__init__()
        self.w = nn.Parameter(torch.randn(4, 4, generator=torch.Generator().manual_seed(0)))
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, self.function(self.w))


@pytest.mark.parametrize("name", WEIGHTS)
def test_a_computed_weight_has_the_numbers_that_the_network_computes(name):
    model = Weighted(WEIGHTS[name])
    topology = trace(model, torch.zeros(2, 4))
    assert topology.coverage.share == 1.0
    with torch.no_grad():
        expected = WEIGHTS[name](model.w).abs()
    (block,) = rolled_graph(model, topology).blocks.values()
    rows, columns, entries = block.entries()
    found = torch.zeros(4, 4)
    found[torch.as_tensor(rows), torch.as_tensor(columns)] = torch.as_tensor(entries, dtype=torch.float32)
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-6)
