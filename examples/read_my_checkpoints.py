"""Read the checkpoints of a run: what is in them, and how the graph changes from one to the next."""

import sys
from pathlib import Path

import torch
from torch import nn

import epochgraph


def train_something(folder: Path, *, epochs: int = 5) -> None:
    """Train a small network, and write a checkpoint after every epoch, as your own loop does."""
    folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(8, 32), nn.ReLU(), nn.Linear(32, 2))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
    inputs = torch.randn(512, 8)
    classes = (inputs.sum(1) > 0).long()
    log = ["epoch,train_loss"]
    torch.save(model.state_dict(), folder / "epoch_0.pt")  # before the first step
    for epoch in range(1, epochs + 1):
        for batch in torch.randperm(512).split(64):
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(model(inputs[batch]), classes[batch])
            loss.backward()
            optimizer.step()
        torch.save(model.state_dict(), folder / f"epoch_{epoch}.pt")
        log.append(f"{epoch},{loss.item():.4f}")
    (folder / "metrics.csv").write_text("\n".join(log) + "\n")


def main(folder: Path) -> None:
    """Read the checkpoints of a folder; make some if there are none."""
    if not folder.exists():
        train_something(folder)
    print(epochgraph.inspect(folder, top=3))  # the last checkpoint

    run = epochgraph.extract(folder, change=["initial"])[0]
    moved = run.signature.values[:, run.signature.names.index("weights/graph/relative_change_since_initial")]
    print("\nepoch  weights moved by  train_loss")
    for epoch, distance in zip(run.signature.times, moved, strict=True):
        loss = run.metrics["train_loss"].get(epoch) if "train_loss" in run.metrics else None
        print(f"{epoch:>5g}  {distance:>15.0%}  {'' if loss is None else format(loss, '.3f')}")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "out/examples/mine"))
