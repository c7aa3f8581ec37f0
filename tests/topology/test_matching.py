"""Whether a prefix belongs to the names of weights, the topology decides."""

import pytest
import torch
from safetensors.torch import save_file
from torch import nn
from torch.optim.swa_utils import AveragedModel

from epochgraph import chain, degree, rolled_graph, trace
from epochgraph.checkpoints import load_checkpoint
from epochgraph.errors import MissingParameterError, SeveralModelsError
from epochgraph.monitor import Monitor

X = torch.zeros(1, 4)
LIGHTNING = {"pytorch-lightning_version": "2.5.0", "callbacks": {}}


def net() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3))


class Holder(nn.Module):
    """A network as the attribute of another module, as Lightning's users have it."""

    def __init__(self, name: str, network: nn.Module, loss: nn.Module | None = None) -> None:
        super().__init__()
        self.name = name
        setattr(self, name, network)
        self.loss = loss

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return getattr(self, self.name)(x)


def total(source, topology) -> float:
    return float(degree(rolled_graph(source, topology)).sum())


@pytest.fixture
def true() -> float:
    network = net()
    return 2 * sum(network[i].weight.abs().sum().item() for i in (0, 2))


@pytest.mark.parametrize("attribute", ["model", "module", "net", "encoder"])
@pytest.mark.parametrize("loss", [None, nn.CrossEntropyLoss(weight=torch.ones(3))])
@pytest.mark.parametrize("lightning", [True, False])
def test_a_checkpoint_fits_its_own_module_and_the_bare_network(tmp_path, true, attribute, loss, lightning):
    module = Holder(attribute, net(), loss)
    torch.save({"state_dict": module.state_dict(), **(LIGHTNING if lightning else {})}, tmp_path / "m.ckpt")
    checkpoint = load_checkpoint(tmp_path / "m.ckpt")
    for topology in (trace(module, X), trace(net(), X)):
        assert total(checkpoint, topology) == pytest.approx(true, rel=1e-6)


@pytest.mark.parametrize(
    "content",
    [
        lambda n: AveragedModel(n).state_dict(),
        lambda n: {"model_ema": AveragedModel(n).state_dict()},
        lambda n: {"ema_state_dict": n.state_dict(), "optimizer": {}},
        lambda n: nn.DataParallel(n).state_dict(),
        lambda n: {**nn.DataParallel(n).state_dict(), "loss.weight": torch.ones(3)},
        lambda n: nn.ModuleDict({"net": n, "ema_net": nn.Linear(9, 9)}).state_dict(),
        lambda n: (
            {f"student.{k}": v for k, v in n.state_dict().items()}
            | {f"teacher.{k}": v + 1 for k, v in n.state_dict().items()}
        ),
        lambda n: {f"a.b.{k}": v for k, v in n.state_dict().items()},
        lambda n: {k.replace("0.", "0.module.").replace("2.", "2.module."): v for k, v in n.state_dict().items()},
    ],
)
def test_what_wraps_a_network_leaves_no_trace(tmp_path, true, content):
    state = content(net())
    torch.save(state, tmp_path / "m.pt")
    assert total(load_checkpoint(tmp_path / "m.pt"), trace(net(), X)) == pytest.approx(true, rel=1e-6)


def test_an_averaged_model_is_read_live_and_without_a_topology(tmp_path, true):
    averaged = AveragedModel(net())
    topology = trace(net(), X)
    assert total(averaged, topology) == pytest.approx(true, rel=1e-6)
    assert Monitor(topology).observe(averaged, 0)
    save_file(averaged.state_dict(), tmp_path / "m.safetensors")
    checkpoint = load_checkpoint(tmp_path / "m.safetensors")
    assert set(checkpoint) == set(net().state_dict())
    assert total(checkpoint, chain(checkpoint)) == pytest.approx(true, rel=1e-6)


def test_names_as_they_are_go_before_any_other_way(true):
    state = {**net().state_dict(), **{f"copy.{name}": 2 * tensor for name, tensor in net().state_dict().items()}}
    assert total(state, trace(net(), X)) == pytest.approx(true, rel=1e-6)


def test_shapes_tell_one_network_from_another_under_the_same_names(true):
    other = nn.Sequential(nn.Linear(5, 9), nn.ReLU(), nn.Linear(9, 3))
    state = nn.ModuleDict({"generator": net(), "critic": other}).state_dict()
    assert total(state, trace(net(), X)) == pytest.approx(true, rel=1e-6)


def test_two_networks_alike_are_not_guessed():
    state = nn.ModuleDict({"left": net(), "right": net()}).state_dict()
    with pytest.raises(SeveralModelsError, match=r"2 times, under 'left.', 'right.'"):
        total(state, trace(net(), X))


def test_another_model_stays_an_error():
    with pytest.raises(MissingParameterError, match=r"'0.weight' of the topology"):
        total({"module.0.weight": torch.ones(8, 4)}, trace(net(), X))
