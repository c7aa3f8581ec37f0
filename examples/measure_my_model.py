"""Measure a model: its graph, the most important nodes, and what is left out."""

import torch
from torch import nn

from epochgraph import degree, eigenvector_centrality, rolled_graph, trace


class MyModel(nn.Module):
    """A small convolutional network with a skip connection."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(1, 8, 3, padding=1)
        self.second = nn.Conv2d(8, 8, 3, padding=1)
        self.head = nn.Linear(8, 10)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Classify images of shape (batch, 1, height, width)."""
        seen = self.first(images).relu()
        seen = seen + self.second(seen).relu()
        return self.head(seen.mean(dim=(2, 3)))


def main() -> None:
    """Print what the graph of the model says."""
    torch.manual_seed(0)
    model = MyModel()
    topology = trace(model, torch.zeros(1, 1, 28, 28))  # the wiring, read from the forward pass
    graph = rolled_graph(model, topology)

    degrees, scores = degree(graph), eigenvector_centrality(graph)
    print("part      nodes  mean degree  share of centrality")
    for part, nodes in zip(graph.parts, graph.ranges, strict=True):
        share = (scores[nodes] ** 2).sum()
        print(f"{part.name:<9} {part.size:>5}  {degrees[nodes].mean():>11.3f}  {share:>18.1%}")

    print(f"\n{topology.coverage.share:.0%} of the parameters are read")
    for entry in topology.coverage.left_out:
        print(f"left out: {entry.name}: {entry.reason}")


if __name__ == "__main__":
    main()
