import numpy as np
import pytest
import torch
from torch import nn

from epochgraph.errors import (
    MissingParameterError,
    NonFiniteWeightsError,
    SettingError,
    ShapeMismatchError,
    WeightDtypeError,
)
from epochgraph.graph import rolled_graph
from epochgraph.topology import chain, trace


def test_edges_are_frobenius_norms():
    kernel = torch.tensor([[[[3.0, 4.0]], [[0.0, -2.0]]]])  # one filter over two channels, of one row of two
    graph = rolled_graph({"conv.weight": kernel})
    np.testing.assert_allclose(graph.to_scipy().toarray(), [[0, 0, 5], [0, 0, 2], [5, 2, 0]])


def test_after_a_flatten_all_positions_of_a_channel_are_one_edge():
    tensors = {"conv.weight": torch.ones(2, 1, 1, 1), "fc.weight": torch.tensor([[3.0, 4.0, 6.0, 8.0]])}
    edges = rolled_graph(tensors).to_scipy().toarray()
    np.testing.assert_allclose(edges[3, 1:3], [5, 10])


def test_a_module_its_parameters_and_its_chain_are_one_graph():
    model = nn.Sequential(nn.Linear(4, 5), nn.ReLU(), nn.Linear(5, 3))
    expected = rolled_graph(model).row_sums
    np.testing.assert_array_equal(rolled_graph(model.state_dict(), chain(model)).row_sums, expected)
    np.testing.assert_array_equal(rolled_graph(model, trace(model, torch.zeros(1, 4))).row_sums, expected)


def test_a_graph_keeps_its_weights_while_training_goes_on():
    model = nn.Linear(4, 3)
    graph = rolled_graph(model)
    edges = graph.to_scipy().toarray()
    with torch.no_grad():
        model.weight.mul_(2)
    np.testing.assert_array_equal(graph.to_scipy().toarray(), edges)


def test_reading_in_place_gives_the_same_numbers():
    model = nn.Sequential(nn.Conv2d(3, 8, 1), nn.Conv2d(8, 8, 3, groups=2), nn.Flatten(), nn.Linear(8, 5))
    np.testing.assert_allclose(rolled_graph(model, copy=False).row_sums, rolled_graph(model).row_sums, rtol=1e-6)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_weights_of_any_floating_dtype(dtype):
    weight = torch.arange(1.0, 7.0).reshape(2, 3)
    graph = rolled_graph({"fc.weight": weight.to(dtype)})
    np.testing.assert_array_equal(graph.row_sums, rolled_graph({"fc.weight": weight}).row_sums)


def test_nan_and_infinite_weights_are_counted_by_parameter():
    tensors = {"a.weight": torch.ones(2, 3), "b.weight": torch.tensor([[torch.nan, torch.inf]])}
    with pytest.raises(NonFiniteWeightsError, match=r"'b\.weight' has 2 NaN or infinite values"):
        rolled_graph(tensors)
    assert rolled_graph(tensors, nonfinite="record").nonfinite == {"b.weight": 2}


def test_weights_whose_squares_overflow_are_still_finite():
    graph = rolled_graph({"conv.weight": torch.full((1, 1, 2, 2), 1e30)})
    np.testing.assert_allclose(graph.row_sums, [2e30, 2e30], rtol=1e-6)


def test_a_negative_variance_is_a_diverged_batch_norm():
    model = nn.Sequential(nn.Conv2d(1, 2, 1), nn.BatchNorm2d(2))
    model[1].running_var.fill_(torch.nan)
    assert rolled_graph(model).nonfinite == {}
    for variance in (torch.nan, -1.0):
        model[1].running_var.fill_(variance)
        with pytest.raises(NonFiniteWeightsError, match=r"'1\.running_var' has 2"):
            rolled_graph(model, fold_batch_norm=True)
        assert rolled_graph(model, fold_batch_norm=True, nonfinite="record").nonfinite == {"1.running_var": 2}


@pytest.mark.usefixtures("unchecked")
def test_the_wrong_weights_say_what_is_wrong():
    topology = chain({"fc.weight": torch.ones(2, 3)})
    with pytest.raises(MissingParameterError, match=r"'fc\.weight' of the topology is not among the 1 tensors"):
        rolled_graph({"other": torch.ones(2, 3)}, topology)
    with pytest.raises(ShapeMismatchError, match=r"'fc\.weight' has shape \(2, 4\)"):
        rolled_graph({"fc.weight": torch.ones(2, 4)}, topology)
    with pytest.raises(WeightDtypeError, match=r"holds torch\.int8"):
        rolled_graph({"fc.weight": torch.ones(2, 3, dtype=torch.int8)}, topology)
    with pytest.raises(SettingError, match="nonfinite"):
        rolled_graph({"fc.weight": torch.ones(2, 3)}, topology, nonfinite="ignore")


def test_a_vector_of_another_length_is_refused():
    graph = rolled_graph({"fc.weight": torch.ones(2, 3)})
    with pytest.raises(ShapeMismatchError, match="the vector has shape"):
        graph.matvec(np.ones(4))


def test_the_product_of_each_layer_by_hand():
    """3 * 1 + 1 * 2 = 5 and 5 * (3, 1); 4 * 5 = 20 and 4 * 7 = 28; together the product with the adjacency."""
    graph = rolled_graph({"a.weight": torch.tensor([[3.0, 1.0]]), "b.weight": torch.tensor([[4.0]])})
    vector = np.array([1.0, 2.0, 5.0, 7.0])
    first, second = graph.products(vector)
    assert (first.target, first.sources, second.target, second.sources) == (1, (0,), 2, (1,))
    np.testing.assert_allclose(first.forward, [5])
    np.testing.assert_allclose(first.backward, [15, 5])
    np.testing.assert_allclose(second.forward, [20])
    np.testing.assert_allclose(second.backward, [28])
    np.testing.assert_allclose(graph.matvec(vector), [15, 5, 33, 20])


def test_tied_weights_are_found_under_either_name():
    first, second = nn.Linear(3, 3, bias=False), nn.Linear(3, 3, bias=False)
    second.weight = first.weight
    topology = trace(nn.Sequential(first, second), torch.zeros(1, 3))
    for name in ("0.weight", "1.weight"):
        assert rolled_graph({name: first.weight}, topology).sizes == (3, 3)


def test_node_features_are_biases_and_filter_maps():
    kernel = torch.tensor([[[[3.0, 0.0]], [[4.0, 1.0]]]])
    tensors = {"conv.weight": kernel, "conv.bias": torch.tensor([0.5]), "fc.weight": torch.ones(2, 1)}
    graph = rolled_graph(tensors, features=["bias", "filter_map"])
    assert graph.features["bias"][0] is None
    np.testing.assert_array_equal(graph.features["bias"][1], [0.5])
    np.testing.assert_array_equal(graph.features["filter_map"][1], [[[5.0, 1.0]]])
    assert graph.features["filter_map"][2] is None
    with pytest.raises(SettingError, match="gradient"):
        rolled_graph(tensors, features=["gradient"])


def test_networkx_knows_parts_and_features():
    tensors = {"conv.weight": torch.ones(2, 1, 1, 1), "conv.bias": torch.tensor([0.5, 0.25])}
    graph = rolled_graph(tensors, features=["bias"]).to_networkx()
    assert graph.nodes[2] == {"part": "conv", "layer": 1, "index": 1, "bias": 0.25}
    assert graph.nodes[0]["bias"] is None
    assert graph.edges[0, 2]["weight"] == 1.0
