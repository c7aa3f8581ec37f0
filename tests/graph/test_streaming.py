"""Graphs of weights that stay on disk, against the same graphs in memory."""

import json

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional

from epochgraph.checkpoints import load_checkpoint
from epochgraph.errors import NonFiniteWeightsError, SettingError, UnreadableFileError
from epochgraph.extraction import Extraction
from epochgraph.graph import rolled_graph, streaming
from epochgraph.measures import degree, eigenvector_centrality
from epochgraph.topology import chain, trace
from strategies import networks

PLENTY = 1 << 30


class Tied(nn.Module):
    """A small language model: heads in groups, a sum of readings, a table that is the head as well."""

    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Embedding(300, 32)
        self.queries, self.output = nn.Linear(32, 32, bias=False), nn.Linear(32, 32, bias=False)
        self.both = nn.Linear(32, 32, bias=False)
        self.head = nn.Linear(32, 300, bias=False)
        self.head.weight = self.table.weight

    def forward(self, tokens: Tensor) -> Tensor:
        x = self.table(tokens)
        queries = self.queries(x).unflatten(-1, (4, 8)).transpose(1, 2)
        keys, values = self.both(x).unflatten(-1, (4, 8)).transpose(1, 2).chunk(2, dim=1)
        seen = functional.scaled_dot_product_attention(queries, keys, values, enable_gqa=True)
        return self.head(x + self.output(seen.transpose(1, 2).flatten(2)))


@pytest.fixture
def tied(tmp_path):
    """Its wiring and a checkpoint in bfloat16."""
    torch.manual_seed(0)
    model = Tied()
    topology = trace(model, torch.zeros(1, 5, dtype=torch.long))
    state = {name: tensor.detach().bfloat16() for name, tensor in model.state_dict().items() if name != "head.weight"}
    save_file(state, tmp_path / "model.safetensors")
    return topology, tmp_path / "model.safetensors"


def written(state, folder, kind):
    """A checkpoint in one of the formats; the shards hold every second tensor."""
    if kind == "pt":
        torch.save(state, folder / "model.pt")
        return folder / "model.pt"
    if kind == "safetensors":
        save_file(state, folder / "model.safetensors")
        return folder / "model.safetensors"
    places = {name: f"model-0000{1 + n % 2}-of-00002.safetensors" for n, name in enumerate(state)}
    for file in set(places.values()):
        save_file({name: tensor for name, tensor in state.items() if places[name] == file}, folder / file)
    index = folder / "model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": places}))
    return index


@pytest.mark.parametrize("kind", ["pt", "safetensors", "sharded"])
@settings(max_examples=6, deadline=None)
@given(
    model=networks(),
    dtype=st.sampled_from([torch.float64, torch.float32, torch.bfloat16, torch.float16]),
    memory=st.sampled_from([0, PLENTY]),
    fold=st.booleans(),
)
def test_a_graph_on_disk_is_the_one_in_memory(tmp_path_factory, kind, model, dtype, memory, fold):
    topology = trace(model, torch.zeros(1, 3, 4, 4, dtype=torch.float64))
    state = {name: t.to(dtype) if t.is_floating_point() else t for name, t in model.state_dict().items()}
    checkpoint = load_checkpoint(written(state, tmp_path_factory.mktemp("run"), kind))
    expected = rolled_graph(checkpoint, topology, fold_batch_norm=fold)
    found = rolled_graph(checkpoint, topology, fold_batch_norm=fold, memory=memory)
    exact = not fold and dtype != torch.bfloat16  # the norms of its kernels have a compiled pass of their own
    np.testing.assert_allclose(degree(found), degree(expected), rtol=1e-12 if exact else 1e-6)
    np.testing.assert_allclose(found.to_scipy().toarray(), expected.to_scipy().toarray(), rtol=1e-6)
    x = np.random.default_rng(0).uniform(0.1, 1, found.size)
    for _ in range(2):  # the first product may keep what the second one takes from memory
        np.testing.assert_allclose(found.matvec(x), expected.matvec(x), rtol=1e-5)


@pytest.mark.parametrize("memory", [0, PLENTY])
def test_a_table_and_heads_on_disk_are_those_in_memory(tied, memory):
    topology, path = tied
    expected = rolled_graph(load_checkpoint(path), topology)
    found = rolled_graph(load_checkpoint(path), topology, memory=memory)
    np.testing.assert_allclose(degree(found), degree(expected), rtol=1e-12)
    np.testing.assert_allclose(eigenvector_centrality(found), eigenvector_centrality(expected), rtol=1e-5, atol=1e-8)


def test_the_degree_is_one_reading_of_every_weight(tied):
    topology, path = tied
    checkpoint, read = load_checkpoint(path), []
    degree(rolled_graph(checkpoint, topology, memory=0, watch=read.append))
    assert sum(read) == sum(2 * tensor.numel() for tensor in checkpoint.values())


def test_what_fits_is_read_once_more_and_the_rest_for_every_product(tied, monkeypatch):
    """A budget for the smaller layers only: of every later product, the table alone is read, once each way."""
    monkeypatch.setattr(streaming, "WORKING", 0)
    monkeypatch.setattr(streaming, "VECTORS", 0)
    topology, path = tied
    table, layer = 2 * 300 * 32, 2 * 32 * 32
    lists = 8 * 2 * 8 * 32 * 3  # of the nodes that heads gather, at most

    def of_products(memory):
        read = []
        graph = rolled_graph(load_checkpoint(path), topology, memory=memory, watch=read.append)
        sizes = []
        for _ in range(3):
            read.clear()
            graph.matvec(np.ones(graph.size))
            sizes.append(sum(read))
        return sizes

    none = of_products(0)
    assert none[0] == none[2] >= 2 * table + 3 * layer
    some = of_products(lists + 4 * layer)
    assert some[2] == 2 * table < some[0]
    assert of_products(lists + table + 4 * layer)[1:] == [0, 0]


def test_values_that_are_not_finite_are_found_by_name(tmp_path):
    state = {"a.weight": torch.ones(2, 3), "b.weight": torch.ones(600, 2).bfloat16()}
    state["b.weight"][599, 1] = torch.nan
    path = written(state, tmp_path, "safetensors")
    with pytest.raises(NonFiniteWeightsError, match=r"'b\.weight' has 1 NaN"):
        rolled_graph(load_checkpoint(path), memory=0)
    assert rolled_graph(load_checkpoint(path), memory=0, nonfinite="record").nonfinite == {"b.weight": 1}


def test_weights_whose_squares_overflow_are_finite_on_disk_too(tmp_path):
    path = written({"conv.weight": torch.full((1, 1, 2, 2), 1e30)}, tmp_path, "pt")
    np.testing.assert_allclose(rolled_graph(load_checkpoint(path), memory=0).row_sums, [2e30, 2e30], rtol=1e-6)


@pytest.mark.parametrize("kind", ["pt", "safetensors"])
@pytest.mark.parametrize("damage", ["cut", "written", "removed"])
def test_a_file_that_changes_between_products_is_one_error(tmp_path, kind, damage):
    path = written({"fc.weight": torch.ones(40, 30)}, tmp_path, kind)
    graph = rolled_graph(load_checkpoint(path), memory=0)
    content = path.read_bytes()
    match damage:
        case "cut":
            path.write_bytes(content[:-1000])
        case "written":
            path.write_bytes(content + b"more")
        case _:
            path.unlink()
    with pytest.raises(UnreadableFileError, match=r"model\.(pt|safetensors): it (has changed|cannot be read)"):
        eigenvector_centrality(graph)


def test_a_signature_of_changes_is_the_same_from_disk(tmp_path):
    states = [{"fc.weight": factor * torch.randn(40, 30).bfloat16()} for factor in (1, 2)]
    paths = [written(state, folder, "pt") for state, folder in zip(states, _folders(tmp_path), strict=True)]
    how = Extraction(change=("initial", "previous"))
    topology = chain(states[0])
    expected = how.signature(map(load_checkpoint, paths), topology, times=[0, 1])
    found = how.signature(map(load_checkpoint, paths), topology, times=[0, 1], memory=0)
    np.testing.assert_allclose(found.values, expected.values, rtol=1e-5, atol=1e-7)


def _folders(path):
    for name in ("first", "second"):
        (path / name).mkdir()
        yield path / name


def test_less_than_no_memory_is_refused():
    with pytest.raises(SettingError, match="memory"):
        rolled_graph({"fc.weight": torch.ones(2, 3)}, memory=-1)
