"""Operations that are taken apart."""

import torch
from torch import Tensor, nn

from epochgraph.topology import trace


class Gradient(nn.Module):
    """A network that puts out the gradient of itself."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Linear(3, 8), nn.Linear(8, 1)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        with torch.enable_grad():
            x = x.detach().requires_grad_()
            energy = self.b(torch.tanh(self.a(x))).sum()
            return energy, -torch.autograd.grad(energy, x)[0]


def test_a_gradient_in_the_forward_pass_does_not_end_the_process():
    topology = trace(Gradient(), torch.randn(5, 3))
    assert {entry.name: entry.status for entry in topology.coverage.entries}["a.weight"] == "joined"
