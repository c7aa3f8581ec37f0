"""Forward passes of unusual kinds: a topology, or one clear line."""

import re
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - its usual name

from epochgraph import rolled_graph, trace
from epochgraph.errors import TracingError
from epochgraph.topology import Topology

X = torch.randn(4, 6, generator=torch.Generator().manual_seed(0))


class Network(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.c = nn.Linear(6, 8), nn.Linear(8, 1), nn.Linear(6, 3)

    def energy(self, x: Tensor) -> Tensor:
        return self.b(self.a(x).tanh()).sum()


def joined(topology: Topology) -> set[tuple[str, str]]:
    names = [part.name for part in topology.parts]
    return {(names[join.source], names[join.target]) for join in topology.joins}


def reasons(topology: Topology) -> dict[str, str]:
    return {entry.name: entry.reason for entry in topology.coverage.left_out}


# What the pass is called with.


class Named(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a = nn.Linear(6, 8)

    def forward(self, x: Tensor, model: str = "small", self_: int = 0) -> Tensor:
        return self.a(x) if model == "small" else self.a(x).relu()


def test_an_argument_may_be_called_model():
    assert trace(Named(), X, model="large").coverage.share == 1.0
    assert trace(Named(), x=X, model="large").coverage.share == 1.0


class Starting(nn.Module):
    """What enters the network are parameters of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.start, self.a = nn.Parameter(torch.randn(2, 6)), nn.Linear(6, 8)

    def forward(self, x: Tensor | None = None) -> Tensor:
        return self.a(self.start if x is None else x)


def test_a_pass_that_needs_no_input_is_traced_without_one():
    topology = trace(Starting())
    assert topology.coverage.share == 1.0
    assert joined(topology) == {("start.index", "start"), ("start", "a")}


def test_an_input_that_is_missing_is_named():
    with pytest.raises(TracingError, match="no example input was given for x"):
        trace(Named())


# TorchScript.


class Loops(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Linear(6, 6), nn.Linear(6, 3)

    def forward(self, x: Tensor, rounds: int = 2) -> Tensor:
        for _ in range(rounds):
            x = self.a(x).relu()
        return self.b(x)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("scripted", [True, False])
def test_a_scripted_or_traced_module_has_the_wiring_of_the_module_that_it_was_made_of(scripted):
    plain = Loops()
    model = torch.jit.script(plain) if scripted else torch.jit.trace(plain, X)
    model.train()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    topology = trace(model, X)
    expected = trace(plain, X)
    assert (topology.parts, topology.coverage) == (expected.parts, expected.coverage)
    assert joined(topology) == joined(expected)
    assert (rolled_graph(model, topology).row_sums == rolled_graph(plain, expected).row_sums).all()
    assert all(module.training for module in model.modules())
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())


@pytest.mark.filterwarnings("ignore")
def test_a_module_may_have_scripted_parts():
    topology = trace(nn.Sequential(torch.jit.script(Loops()), nn.Linear(3, 2)), X)
    assert topology.coverage.share == 1.0
    assert ("0.b", "1") in joined(topology)


# Gradients within the pass.


class Forces(Network):
    def forward(self, x: Tensor) -> dict[str, Tensor]:
        with torch.enable_grad():
            x = x.detach().requires_grad_()
            energy = self.energy(x)
            return {"energy": energy, "forces": -torch.autograd.grad(energy, x)[0]}


class ReadGradients(Network):
    def forward(self, x: Tensor) -> Tensor:
        with torch.enable_grad():
            x = x.detach().requires_grad_()
            return self.c(torch.autograd.grad(self.energy(x), x, create_graph=True)[0])


class Functional(Network):
    def forward(self, x: Tensor) -> Tensor:
        return self.c(torch.func.grad(self.energy)(x))


def test_gradients_that_a_pass_gives_out_leave_the_network_as_it_is():
    topology = trace(Forces(), X)
    assert joined(topology) == {("input", "a"), ("a", "b")}
    assert reasons(topology).keys() == {"c.weight", "c.bias"}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", [ReadGradients, Functional])
def test_a_layer_that_reads_gradients_is_left_out_with_this_reason(kind):
    topology = trace(kind(), X)
    assert re.fullmatch(
        r".* cannot be followed: torch.autograd.grad( in c)? is not understood", reasons(topology)["c.weight"]
    )


class Backwards(Network):
    def forward(self, x: Tensor) -> Tensor:
        with torch.enable_grad():
            x = x.detach().requires_grad_()
            self.energy(x).backward()
        return self.c(x.grad)


def test_a_pass_that_goes_backwards_is_one_clear_line():
    with pytest.raises(TracingError, match=r"a forward pass that calls backward\(\) is not followed") as raised:
        trace(Backwards(), X)
    assert "\n" not in str(raised.value)


# Parameters in plain lists.


class Listed(nn.Module):
    def __init__(self, *, registered: bool, by_values: bool) -> None:
        super().__init__()
        self.list = [nn.Parameter(torch.randn(8, 6)), nn.Parameter(torch.randn(3, 8))]
        self.unused = [nn.Linear(2, 2)]
        self.c, self.by_values = nn.Linear(3, 2), by_values
        if registered:
            self.w, self.v = self.list

    def forward(self, x: Tensor) -> Tensor:
        y = F.linear(F.linear(x, self.list[0]).relu(), self.list[1])
        return self.c(y + 1 if self.by_values and y.sum() > 1e9 else y)


@pytest.mark.parametrize("by_values", [False, True])
def test_a_parameter_that_is_read_through_a_list_is_the_one_that_is_registered(by_values):
    topology = trace(Listed(registered=True, by_values=by_values), X)
    assert topology.coverage.share == 1.0
    assert {("w", "v"), ("v", "c")} < joined(topology)


@pytest.mark.parametrize("by_values", [False, True])
def test_a_parameter_that_is_in_a_list_alone_is_left_out_with_this_reason(by_values):
    topology = trace(Listed(registered=False, by_values=by_values), X)
    assert reasons(topology).keys() == {"list.0", "list.1"}
    assert all("it lies where no checkpoint finds it" in reason for reason in reasons(topology).values())
    assert topology.coverage.share == pytest.approx(8 / (8 + 48 + 24))


# Reasons.


class Failing(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a = nn.Linear(6, 6)

    def forward(self, x: Tensor) -> Any:
        raise RuntimeError(f"{object()} is of no use, {self.forward}")


class Dual(Network):
    def forward(self, x: Tensor) -> Tensor:
        return torch.func.jvp(self.energy, (x,), (torch.ones_like(x),))[1]


@pytest.mark.filterwarnings("ignore")
def test_no_reason_names_a_place_in_memory():
    with pytest.raises(TracingError) as raised:
        trace(Failing(), X)
    found = [str(raised.value), *reasons(trace(Dual(), X)).values(), trace(Forces(), X).rung]
    assert not any(re.search("0x[0-9a-f]+", text) for text in found)


def test_rows_of_different_length_are_a_reason_and_no_error():
    class Nested(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.c = nn.Linear(6, 8), nn.Linear(8, 3)

        def forward(self, x: Tensor) -> Tensor:
            y = self.a(x)
            return self.c(torch.nested.nested_tensor([y[0], y[1]]).to_padded_tensor(0.0))

    assert "to_padded_tensor.default is not understood" in reasons(trace(Nested(), X))["c.weight"]
