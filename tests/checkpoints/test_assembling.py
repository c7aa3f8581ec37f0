"""Weights in pieces: scaled, masked, normalised; each against the weight that the library itself makes of them."""

import pytest
import torch
from safetensors.torch import save_file
from torch import nn
from torch.nn.utils import parametrizations, prune, spectral_norm, weight_norm

from epochgraph import chain, degree, rolled_graph, trace
from epochgraph.checkpoints import load_checkpoint
from epochgraph.checkpoints.assembling import is_piece
from epochgraph.errors import WeightDtypeError

X = torch.zeros(2, 8)
FP8 = torch.float8_e4m3fn


def total(source, topology, **options) -> float:
    return float(degree(rolled_graph(source, topology, **options)).sum())


def by_hand(*weights: torch.Tensor) -> float:
    return 2 * sum(weight.abs().sum().item() for weight in weights)


def everywhere(tmp_path, state, names=("fc1", "fc2")):
    """A state dict as it is and from files, each with its chain, in memory and read anew from disk."""
    save_file({name: tensor.contiguous() for name, tensor in state.items()}, tmp_path / "m.safetensors")
    torch.save(state, tmp_path / "m.pt")
    for source in (state, load_checkpoint(tmp_path / "m.safetensors"), load_checkpoint(tmp_path / "m.pt")):
        topology = chain(source)
        assert [part.name for part in topology.parts] == ["input", *names]
        assert topology.coverage.share == 1.0
        yield total(source, topology)
        if source is not state:
            yield total(source, topology, memory=0)


@pytest.fixture
def weights() -> tuple[torch.Tensor, torch.Tensor]:
    torch.manual_seed(0)
    return torch.randn(16, 8), torch.randn(4, 16)


@pytest.mark.parametrize("name", ["weight_scale", "weight_scale_inv", "scale_weight"])
@pytest.mark.parametrize("shape", [(), (1,), (16, 1), (16,), (2, 2)])
@pytest.mark.parametrize("dtype", [FP8, torch.float8_e5m2, torch.int8])
def test_a_scale_is_multiplied_in(tmp_path, weights, name, shape, dtype):
    w1, w2 = weights
    scale = torch.rand(shape) + 0.5
    values = (w1 * 9).round().to(dtype)
    full = scale.repeat_interleave(8, 0).repeat_interleave(4, 1) if shape == (2, 2) else scale
    full = full[:, None] if shape == (16,) else full
    expected = by_hand(values.float() * full, w2)
    state = {"fc1.weight": values, f"fc1.{name}": scale, "fc2.weight": w2}
    for found in everywhere(tmp_path, state):
        assert found == pytest.approx(expected, rel=1e-5)


def test_blocks_of_128_need_not_divide_the_weight():
    values, scale = torch.randn(200, 150).to(FP8), torch.tensor([[1.0, 2.0], [3.0, 4.0]])
    rows, columns = torch.arange(200) // 128, torch.arange(150) // 128
    state = {"a.weight": values, "a.weight_scale_inv": scale}
    expected = by_hand(values.float() * scale[rows][:, columns])
    assert total(state, chain(state)) == pytest.approx(expected, rel=1e-5)


def test_rows_of_bitsandbytes(weights):
    w1, _ = weights
    largest = w1.abs().amax(1)
    values = (w1 / largest[:, None] * 127).round().to(torch.int8)
    state = {"a.weight": values, "a.SCB": largest}
    assert total(state, chain(state)) == pytest.approx(by_hand(values.float() * largest[:, None] / 127), rel=1e-5)


def test_a_traced_topology_reads_scaled_weights(tmp_path, weights):
    w1, w2 = weights
    model = nn.Sequential(nn.Linear(8, 16, bias=False), nn.ReLU(), nn.Linear(16, 4, bias=False))
    state = {"0.weight": w1.to(FP8), "0.weight_scale": torch.tensor(0.5), "2.weight": w2}
    save_file(state, tmp_path / "m.safetensors")
    for source in (state, load_checkpoint(tmp_path / "m.safetensors")):
        assert total(source, trace(model, X)) == pytest.approx(by_hand(w1.to(FP8).float() / 2, w2), rel=1e-5)


def packed(**tensors: torch.Tensor) -> dict[str, torch.Tensor]:
    return {**{name.replace("__", "."): tensor for name, tensor in tensors.items()}, "head.weight": torch.ones(4, 16)}


I32, U8 = torch.ones(2, 16, dtype=torch.int32), torch.ones(2, 16, dtype=torch.uint8)


@pytest.mark.parametrize(
    ("state", "how"),
    [
        (packed(fc__qweight=I32, fc__qzeros=I32, fc__scales=torch.ones(1, 16), fc__g_idx=I32[0]), "GPTQ or AWQ"),
        (packed(fc__up_blocks=U8, fc__up_scales=U8), "MXFP4"),
        (
            packed(fc__weight=U8, **{"fc__weight.absmax": torch.ones(2), "fc__weight.quant_map": torch.ones(16)}),
            "bitsand",
        ),
        (packed(fc__weight_packed=I32, fc__weight_scale=torch.ones(16, 1)), "compressed-tensors"),
        (packed(fc__weight=U8, fc__weight_scale=torch.ones(2, 1), fc__weight_scale_2=torch.ones(1)), "NVFP4"),
        (packed(fc__W_q=U8, fc__scale=torch.ones(1), fc__zero=torch.ones(1)), "HQQ"),
        (packed(fc__weight=torch.ones(16, 8).to(FP8), fc__weight_scale=torch.ones(5, 3)), "no plain factor"),
        (
            packed(
                fc__weight=torch.ones(16, 8, dtype=torch.int8),
                fc__weight_scale=torch.ones(16, 1),
                fc__weight_zero_point=torch.ones(16, 1, dtype=torch.int8),
            ),
            "no plain factor",
        ),
    ],
)
def test_packed_weights_are_refused_with_the_tool_that_unpacks_them(tmp_path, state, how):
    save_file({name: tensor.clone() for name, tensor in state.items()}, tmp_path / "m.safetensors")
    model = nn.ModuleDict({"fc": nn.Linear(8, 16, bias=False), "head": nn.Linear(16, 4, bias=False)})
    topology = trace(nn.Sequential(*model.values()), X)
    named = {"0.weight": "fc.weight", "1.weight": "head.weight"}
    from dataclasses import replace

    topology = replace(topology, joins=tuple(replace(j, parameter=named[j.parameter]) for j in topology.joins))
    for source in (state, load_checkpoint(tmp_path / "m.safetensors")):
        with pytest.raises(WeightDtypeError, match=how):
            chain(source)
        with pytest.raises(WeightDtypeError):
            rolled_graph(source, topology)


def test_a_weight_of_queries_is_no_packed_one():
    state = {"a.qweight": torch.ones(4, 3)}
    assert chain(state).sizes == (3, 4)


def mlp() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 4))


def pruned(layer: nn.Module) -> None:
    prune.l1_unstructured(layer, "weight", 0.5)


def pruned_by_rows(layer: nn.Module) -> None:
    prune.ln_structured(layer, "weight", 0.5, n=2, dim=0)


def doubled(layer: nn.Module) -> None:
    """Weight normalisation whose lengths are no longer those of the directions."""
    parametrizations.weight_norm(layer)
    layer.parametrizations.weight.original0.data.mul_(2)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    "change",
    [
        pruned,
        pruned_by_rows,
        weight_norm,
        lambda layer: weight_norm(layer, dim=None),
        lambda layer: weight_norm(layer, dim=1),
        doubled,
        spectral_norm,
        parametrizations.spectral_norm,
    ],
)
def test_pruned_and_normalised_weights_are_those_of_the_model(tmp_path, change):
    model = mlp()
    for index in (0, 2):
        change(model[index])
    for _ in range(3):
        model(torch.randn(5, 8))
    model.eval()
    model(X)
    expected = by_hand(model[0].weight.detach(), model[2].weight.detach())
    state = model.state_dict()
    for found in everywhere(tmp_path, state, names=("0", "2")):
        assert found == pytest.approx(expected, rel=1e-5)
    assert total(state, trace(model, X)) == pytest.approx(expected, rel=1e-5)
    assert total(state, trace(mlp(), X)) == pytest.approx(expected, rel=1e-5)  # the topology of the bare network


def test_a_mask_without_its_weight_is_no_layer():
    state = {"a.weight": torch.ones(4, 3), "b.weight_mask": torch.ones(4, 4), "c.weight": torch.ones(2, 4)}
    topology = chain(state)
    assert [part.name for part in topology.parts] == ["input", "a", "c"]
    (entry,) = topology.coverage.left_out
    assert (entry.name, "--model" in entry.reason) == ("b.weight_mask", True)


@pytest.mark.parametrize("name", ["weight", "0.bias", "in_proj_weight", "weight_ih_l0", "scaler.weight", "embedding"])
def test_names_of_weights_are_no_pieces(name):
    assert not is_piece(name)
