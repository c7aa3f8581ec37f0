"""Topologies: what they say is used for both graphs, from tensors in memory and from a file on disk."""

import json
import tempfile
from functools import cache
from pathlib import Path
from random import Random

import torch
from torch import nn

from benchmarks.fuzz.form import Kind
from benchmarks.fuzz.mutations import changed_bytes, changed_document
from epochgraph.checkpoints import load_checkpoint
from epochgraph.errors import EpochgraphError
from epochgraph.graph import rolled_graph, unrolled_graph
from epochgraph.measures import degree
from epochgraph.topology import Topology, read_topology, trace, write_topology
from epochgraph.topology.table import RUN

IMAGE = (1, 6, 6)

WORDS = (
    *(f"aten.{name}.{overload}" for name in sorted(RUN) for overload in ("default", "Tensor", "int", "dim", "Scalar")),
    *("aten.add.__getattribute__", "aten.mul.__call__", "aten.from_file.default", "<built-in function getitem>"),
    *("input", "parameter", "buffer", "joined", "folded", "left out", "0.weight", "x"),
)


class _Adapted(nn.Module):
    """A low-rank product with constants, a norm that is computed, an embedding, gates and heads."""

    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Embedding(7, 4)
        self.attention = nn.TransformerEncoderLayer(4, 2, 8, batch_first=True)
        self.recurrent = nn.GRU(4, 3, batch_first=True)
        self.down, self.up = nn.Parameter(torch.ones(2, 3)), nn.Parameter(torch.ones(5, 2))
        self.out = nn.utils.parametrizations.weight_norm(nn.Linear(5, 2))

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        inner = self.recurrent(self.attention(self.table(tokens)))[0]
        mask, scales = torch.tensor([True, False, True]), torch.tensor([0.5, -2.0, torch.inf])
        weight = torch.where(mask, self.up @ self.down, torch.tensor(0.25)).minimum(scales)
        result: torch.Tensor = self.out(nn.functional.linear(inner, weight))
        return result


@cache
def models() -> tuple[nn.Module, ...]:
    """Small models of many forms; the first ones take images."""
    torch.manual_seed(0)
    convolutions = nn.Sequential(
        nn.Conv2d(1, 4, 3),
        nn.BatchNorm2d(4),
        nn.ReLU(),
        nn.utils.parametrizations.spectral_norm(nn.Conv2d(4, 4, 1, groups=2)),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(16, 3),
    )
    upwards = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ConvTranspose2d(2, 2, 2, groups=2), nn.Conv2d(2, 1, 1))
    return convolutions.eval(), upwards.eval(), _Adapted().eval()


@cache
def weights() -> dict[str, torch.Tensor]:
    """The parameters of all of them: their names differ but for those of the first two."""
    return {name: tensor.detach() for model in models()[::-1] for name, tensor in model.state_dict().items()}


@cache
def _stored() -> Path:
    path = Path(tempfile.mkdtemp(prefix="fuzz-")) / "weights.pt"
    torch.save(weights(), path)
    return path


def _samples(folder: Path) -> list[bytes]:
    examples = (torch.zeros(1, *IMAGE), torch.zeros(1, *IMAGE), torch.zeros(1, 5, dtype=torch.int64))
    found = []
    for model, example in zip(models(), examples, strict=True):
        write_topology(trace(model, example), folder / "sample.json")
        found.append((folder / "sample.json").read_bytes())
    return found


def _mutated(content: bytes, random: Random) -> bytes:
    if random.random() < 0.05:
        return changed_bytes(content, random)
    return json.dumps(changed_document(json.loads(content), random, WORDS)).encode()


def _use(path: Path) -> None:
    topology = read_topology(path)
    for way in (_in_memory, _on_disk, _unrolled):
        try:
            way(topology)
        except EpochgraphError as error:
            if "\n" in str(error):
                raise ValueError("an error has several lines") from error
    write_topology(topology, path)
    if read_topology(path) != topology:
        raise ValueError("it is not read as it was written")


def _in_memory(topology: Topology) -> None:
    degree(rolled_graph(weights(), topology, fold_batch_norm=True, features=["bias", "filter_map"]))


def _on_disk(topology: Topology) -> None:
    degree(rolled_graph(load_checkpoint(_stored()), topology, memory=0))


def _unrolled(topology: Topology) -> None:
    degree(unrolled_graph(weights(), topology, IMAGE))
    degree(unrolled_graph(weights(), topology, (1, 8, 8)))


KIND = Kind(".json", _samples, _mutated, _use)
