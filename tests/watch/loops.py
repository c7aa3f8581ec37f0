"""A small training that is watched, and may be killed and gone on with: for tests, in processes of their own, too."""

import os
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from epochgraph import Watch, chain

EPOCHS = 4
SETTINGS = {"learning_rate": 0.1}


def network(seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 2))


EXAMPLE = torch.zeros(1, 4)


@dataclass
class Training:
    """A network and its optimiser; each epoch is decided by its number alone."""

    model: nn.Module
    optimizer: torch.optim.Optimizer

    @classmethod
    def begun(cls, seed: int = 0) -> "Training":
        model = network(seed)
        return cls(model, torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9))

    def epoch(self, number: int) -> float:
        generator = torch.Generator().manual_seed(number)
        for _ in range(5):
            x = torch.randn(16, 4, generator=generator)
            self.optimizer.zero_grad()
            loss = nn.functional.cross_entropy(self.model(x), (x.sum(1) > 0).long())
            loss.backward()
            self.optimizer.step()
        return loss.item()

    def save(self, path: Path, epoch: int, **more: object) -> None:
        state = {"model": self.model.state_dict(), "optimizer": self.optimizer.state_dict(), "epoch": epoch, **more}
        torch.save(state, path.with_suffix(".new"))
        path.with_suffix(".new").replace(path)

    def load(self, path: Path) -> dict:
        state = torch.load(path, weights_only=True)
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        return state


def at_move(number: int, happens: Callable[[], object]) -> Callable[[Path, Path], Path]:
    """`Path.replace`, but something happens before the file of this number is moved into its place."""
    replace, left = Path.replace, iter(range(number, -2, -1))

    def counted(self: Path, target: Path) -> Path:
        if next(left, -1) == 0:
            happens()
        return replace(self, target)

    return counted


def goes_on(folder: Path) -> None:
    """Train with a checkpoint after each epoch, from where the last process was killed."""
    training, checkpoint, first = Training.begun(), folder / "checkpoint.pt", 1
    if checkpoint.exists():
        first = training.load(checkpoint)["epoch"] + 1
    wiring = chain(training.model)
    watch = Watch(training.model, wiring, run="a", store=folder / "store", settings=SETTINGS, budget=EPOCHS)
    for epoch in range(first, EPOCHS + 1):
        loss = training.epoch(epoch)
        watch(epoch, train_loss=loss, validation_accuracy=0.1 * epoch)
        training.save(checkpoint, epoch)


if __name__ == "__main__":
    Path.replace = at_move(int(sys.argv[2]), lambda: os.kill(os.getpid(), signal.SIGKILL))
    goes_on(Path(sys.argv[1]))
