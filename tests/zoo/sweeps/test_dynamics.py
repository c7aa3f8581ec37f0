"""What is recorded of parameters, gradients and units, against numbers worked out by hand."""

import math

import numpy as np
import pytest
import torch
from torch import nn

from epochgraph.zoo.sweeps.dynamics import Dynamics, depth_groups, feature_names, unit_shares


class Plain(nn.Module):
    """Two matrices that are set by hand."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(2, 2, bias=False)
        self.second = nn.Linear(2, 2, bias=False)
        with torch.no_grad():
            self.first.weight.copy_(torch.tensor([[3.0, 0.0], [0.0, 4.0]]))
            self.second.weight.copy_(torch.tensor([[0.0, 0.0], [0.0, 12.0]]))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.second(torch.relu(self.first(x)))


def moved(model: Plain, amount: float) -> None:
    with torch.no_grad():
        model.first.weight += amount * torch.eye(2)


def test_norms_and_changes_are_those_worked_out_by_hand():
    model = Plain()
    dynamics = Dynamics(torch.zeros(1, 2))
    start = dynamics.observe(model)
    assert start["parameters/all/norm"] == pytest.approx(13)  # 3, 4, 12
    assert start["parameters/all/mean"] == pytest.approx(19 / 8)
    assert start["parameters/all/relative_change_since_initial"] == 0
    assert math.isnan(start["gradients/all/norm"])
    moved(model, 1)
    first = dynamics.observe(model)
    assert first["parameters/all/relative_change_since_initial"] == pytest.approx(math.sqrt(2) / 13)
    assert first["parameters/depth:early/relative_change_since_initial"] == pytest.approx(math.sqrt(2) / 5)
    assert first["parameters/depth:late/relative_change_since_initial"] == 0
    assert first["parameters/all/straightness"] == pytest.approx(1)
    assert first["parameters/depth:early/effective_rank"] == pytest.approx(1)  # both directions alike
    assert first["parameters/depth:early/evenness"] == pytest.approx(0.5)  # two of four entries moved
    moved(model, -1)
    back = dynamics.observe(model)
    assert back["parameters/all/alignment"] == pytest.approx(-1)
    assert back["parameters/all/straightness"] == pytest.approx(0)
    moved(model, 2)
    last = dynamics.observe(model)
    assert last["parameters/all/straightness"] == pytest.approx(2 / 4)  # 1 + 1 + 2 steps of the same kind, 2 away


def test_one_direction_of_change_has_the_least_effective_rank():
    model = nn.Linear(4, 4, bias=False)
    dynamics = Dynamics(torch.zeros(1, 4))
    dynamics.observe(model)
    with torch.no_grad():
        model.weight += torch.outer(torch.arange(1.0, 5), torch.ones(4))
    assert dynamics.observe(model)["parameters/all/effective_rank"] == pytest.approx(1 / 4)


def test_gradients_are_those_of_the_last_four_steps():
    model = nn.Linear(1, 1, bias=False)
    dynamics = Dynamics(torch.zeros(1, 1))
    dynamics.observe(model)
    gradients = [100.0, 1.0, 3.0, 1.0, 3.0]
    for remaining, gradient in zip(range(4, -1, -1), gradients, strict=True):
        model.weight.grad = torch.tensor([[gradient]])
        dynamics.before_step(model, remaining)
    with torch.no_grad():
        before = model.weight.item()
        model.weight += 0.5 * abs(before)
    found = dynamics.observe(model)
    assert found["gradients/all/norm"] == pytest.approx(2)
    assert found["gradients/all/mean"] == pytest.approx(2)
    assert found["gradients/all/signal_to_noise"] == pytest.approx(2)  # mean 2, deviation 1
    assert found["update/all/to_weights"] == pytest.approx(0.5)
    assert math.isnan(dynamics.observe(model)["gradients/all/norm"])  # no step since


def test_a_diverged_network_has_no_numbers():
    model = nn.Linear(2, 2)
    dynamics = Dynamics(torch.zeros(1, 2))
    names = dynamics.observe(model).keys()
    with torch.no_grad():
        model.weight[0, 0] = math.inf
    found = dynamics.observe(model)
    assert found.keys() == names
    assert all(math.isnan(value) for value in found.values())


def test_the_names_do_not_depend_on_the_network():
    assert feature_names(depth_groups(1)) == feature_names(depth_groups(30))
    found = Dynamics(torch.zeros(3, 2)).observe(nn.Linear(2, 2))
    assert list(found) == feature_names(depth_groups(2))


def test_dead_zero_and_saturated_units_are_counted():
    model = nn.Sequential(nn.Linear(1, 3, bias=False), nn.ReLU(), nn.Linear(3, 2, bias=False), nn.Tanh())
    with torch.no_grad():
        model[0].weight.copy_(torch.tensor([[1.0], [-1.0], [0.0]]))
        model[2].weight.copy_(torch.tensor([[100.0, 0.0, 0.0], [0.0, 0.0, 0.0]]))
    model.train()
    dead, zero, saturated = unit_shares(model, torch.tensor([[1.0], [2.0]]))
    # ReLU gives (1, 0, 0) and (2, 0, 0), tanh (1, 0) twice
    assert dead == pytest.approx(3 / 5)
    assert zero == pytest.approx((4 + 2) / (6 + 4))
    assert saturated == pytest.approx(2 / 4)
    assert model.training
    assert not any(module._forward_hooks for module in model.modules())


def test_observing_changes_nothing():
    model = nn.Sequential(nn.Linear(2, 4), nn.BatchNorm1d(4), nn.ReLU(), nn.Dropout(0.5), nn.Linear(4, 1)).train()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    state = torch.get_rng_state()
    Dynamics(torch.randn(8, 2, generator=torch.Generator().manual_seed(0))).observe(model)
    assert torch.equal(state, torch.get_rng_state())
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
    assert np.all([module.training for module in model.modules()])
