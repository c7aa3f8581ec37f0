"""Features of the measures that are not of nodes."""

import numpy as np
import pytest
import torch
from torch import nn

from epochgraph.errors import EmptyGraphError
from epochgraph.graph import Graph, rolled_graph
from epochgraph.measures import SUMMARIES, degree, layer_fluctuation, neural_persistence, spectral_gap
from epochgraph.signature import signature
from epochgraph.signature.summaries import summary_changes

NAMES = [summary.__name__ for summary in SUMMARIES]


def run_of(length: int) -> list[Graph]:
    """Snapshots of a small network whose weights walk at random."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 5), nn.Linear(5, 4), nn.Linear(4, 3)).double()
    graphs = []
    for _ in range(length):
        graphs.append(rolled_graph(model))
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.add_(0.1 * torch.randn_like(parameter))
    return graphs


def test_each_has_its_features_by_scope_and_their_changes():
    graphs = run_of(2)
    options = {"measures": ["layer_fluctuation", "spectral_gap"], "scopes": ["graph", "depth"], "change": ["initial"]}
    found = signature(graphs, **options)
    assert found.names == (
        *(f"layer_fluctuation/{scope}/mean" for scope in ("graph", "depth:early", "depth:middle", "depth:late")),
        "spectral_gap/graph/value",
        *(
            f"weights/{scope}/relative_change_since_initial"
            for scope in ("graph", "depth:early", "depth:middle", "depth:late")
        ),
        *(
            f"layer_fluctuation/{scope}/log_ratio_since_initial"
            for scope in ("graph", "depth:early", "depth:middle", "depth:late")
        ),
        "spectral_gap/graph/log_ratio_since_initial",
    )
    values = [dict(zip(found.names, row, strict=True)) for row in found.values]
    for graph, row in zip(graphs, values, strict=True):
        assert row["layer_fluctuation/graph/mean"] == layer_fluctuation(graph).mean()
        assert row["layer_fluctuation/depth:early/mean"] == layer_fluctuation(graph)[:1].mean()
        assert row["spectral_gap/graph/value"] == spectral_gap(graph)
    ratio = spectral_gap(graphs[1]) / spectral_gap(graphs[0])
    np.testing.assert_allclose(values[1]["spectral_gap/graph/log_ratio_since_initial"], np.log(ratio))
    assert values[0]["layer_fluctuation/depth:late/log_ratio_since_initial"] == 0


def test_of_the_input_there_is_no_persistence_and_the_mean_is_of_the_others():
    (graph,) = run_of(1)
    found = signature([graph], measures=["neural_persistence"], scopes=["graph", "part"])
    values = dict(zip(found.names, found.values[0], strict=True))
    assert np.isnan(values["neural_persistence/part:input/mean"])
    np.testing.assert_allclose(values["neural_persistence/graph/mean"], neural_persistence(graph)[1:].mean())


def test_others_are_the_same_beside_them():
    graphs = run_of(3)
    options = {"scopes": ["graph", "part"], "change": ["initial", "previous"]}
    alone, beside = signature(graphs, **options), signature(graphs, measures=[degree, *SUMMARIES], **options)
    for column, name in enumerate(alone.names):
        if not name.startswith("eigen"):
            np.testing.assert_array_equal(beside.values[:, beside.names.index(name)], alone.values[:, column])


@pytest.mark.parametrize("change", [[], ["initial"], ["previous"], ["initial", "previous"]])
def test_one_graph_at_a_time_equals_all_together(change):
    graphs = run_of(4)
    options = {"measures": NAMES, "scopes": ["graph", "part"], "change": change}
    together = signature(graphs, **options)
    assert together.values.shape == (4, len(together.names))
    for length in range(1, 4):
        np.testing.assert_array_equal(signature(graphs[:length], **options).values, together.values[:length])


def test_a_diverged_snapshot_has_the_same_names_and_no_values():
    weights = [{"fc.weight": torch.rand(2, 3)}, {"fc.weight": torch.full((2, 3), torch.nan)}]
    found = signature([rolled_graph(w, nonfinite="record") for w in weights], measures=NAMES, change=["initial"])
    assert found.diverged.tolist() == [False, True]
    assert np.isfinite(found.values[0]).all()
    assert np.isnan(found.values[1]).all()


def test_of_zero_weights_a_signature_says_so():
    with pytest.raises(EmptyGraphError):
        signature([rolled_graph({"fc.weight": torch.zeros(2, 3)})], measures=NAMES)


def test_a_number_of_zero_has_no_ratio():
    now, then = np.array([2.0, 0.0, 1.0, np.nan]), np.array([1.0, 1.0, 0.0, 1.0])
    np.testing.assert_array_equal(summary_changes(now, then), [np.log(2), np.nan, np.nan, np.nan])
