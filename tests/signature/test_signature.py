import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import stats
from torch import nn

from epochgraph.errors import SettingError, ShapeMismatchError
from epochgraph.graph import Graph, rolled_graph
from epochgraph.measures import degree, eigenvector_centrality
from epochgraph.signature import signature
from epochgraph.signature.change import node_changes
from epochgraph.signature.smoothing import smoothed
from epochgraph.signature.statistics import STATISTICS, statistics

EVERYTHING = {"scopes": ("graph", "part", "depth"), "change": ("initial", "previous")}


def run_of(length: int, seed: int = 0) -> list[Graph]:
    """Snapshots of a small network whose weights walk at random."""
    torch.manual_seed(seed)
    model = nn.Sequential(nn.Conv2d(1, 3, 3), nn.ReLU(), nn.Flatten(), nn.Linear(12, 4), nn.Linear(4, 2)).double()
    graphs = []
    for _ in range(length):
        graphs.append(rolled_graph(model))
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.add_(0.1 * torch.randn_like(parameter))
    return graphs


@given(hnp.arrays(np.float64, st.integers(3, 50), elements=st.floats(-100, 100, width=32)))
def test_statistics_are_those_of_scipy(values):
    found = dict(zip(STATISTICS, statistics(values), strict=True))
    assert found["median"] == np.median(values)
    np.testing.assert_allclose(found["mean"], values.mean())
    np.testing.assert_allclose(found["std"], values.std(), atol=1e-12)
    if values.std() > 1e-6 * np.abs(values).max():  # nearer to constant, SciPy warns of what is left to rounding
        np.testing.assert_allclose(found["skewness"], stats.skew(values), rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(found["kurtosis"], stats.kurtosis(values), rtol=1e-9, atol=1e-12)


def test_equal_values_have_no_shape():
    assert np.isnan(statistics(np.full(4, 0.1))[3:]).all()


def test_smoothing_by_hand():
    values = np.array([[1.0], [2.0], [4.0]])
    np.testing.assert_allclose(smoothed(values, "none", 0.5), values)
    np.testing.assert_allclose(smoothed(values, "linear", 0.5), [[1], [5 / 3], [17 / 6]])
    np.testing.assert_allclose(smoothed(values, "exponential", 0.25), [[1], [1.25], [1.9375]])


@pytest.mark.parametrize("alpha", [0.0, -1.0, 1.5, float("nan")])
def test_an_impossible_alpha_is_refused(alpha):
    with pytest.raises(SettingError, match="alpha"):
        smoothed(np.ones((2, 1)), "exponential", alpha)


def test_the_papers_signature_is_five_numbers_a_measure_and_time():
    graphs = run_of(3)
    found = signature(graphs)
    assert found.values.shape == (3, 10)
    assert found.names[0] == "degree/graph/median"
    np.testing.assert_array_equal(found.values[1, :5], statistics(degree(graphs[1])))
    names, vector = found.up_to(1).concatenated()
    assert len(vector) == 20
    assert names[10] == "degree/graph/median@1"


def test_one_graph_at_a_time_equals_all_together():
    graphs = run_of(5)
    together = signature(graphs, **EVERYTHING)
    streamed = signature((graph for graph in graphs), **EVERYTHING)
    np.testing.assert_array_equal(together.values, streamed.values)
    for length in range(1, 5):
        np.testing.assert_array_equal(signature(graphs[:length], **EVERYTHING).values, together.values[:length])


def test_scopes_are_the_parts_and_thirds():
    graphs = run_of(1)
    found = signature(graphs, measures=["degree"], scopes=("part", "depth"))
    row = dict(zip(found.names, found.values[0], strict=True))
    scores = degree(graphs[0])
    assert row["degree/part:3/mean"] == scores[4:8].mean()
    assert row["degree/depth:early/mean"] == scores[:1].mean()
    assert row["degree/depth:middle/mean"] == scores[1:4].mean()
    assert row["degree/depth:late/mean"] == scores[4:].mean()


def test_changes_by_hand():
    graphs = run_of(3)
    found = signature(graphs, change=("initial", "previous"))
    row = dict(zip(found.names, found.values[2], strict=True))
    for reference, then in (("initial", graphs[0]), ("previous", graphs[1])):
        now, before = degree(graphs[2]), degree(then)
        cosine = now @ before / np.linalg.norm(now) / np.linalg.norm(before)
        ratio = np.log(np.linalg.norm(now) / np.linalg.norm(before))
        np.testing.assert_allclose(row[f"degree/graph/angle_since_{reference}"], np.arccos(cosine), rtol=1e-6)
        np.testing.assert_allclose(row[f"degree/graph/log_norm_ratio_since_{reference}"], ratio, rtol=1e-9)
        a, b = graphs[2].to_scipy().toarray(), then.to_scipy().toarray()
        np.testing.assert_allclose(
            row[f"weights/graph/relative_change_since_{reference}"],
            np.linalg.norm(a - b) / np.linalg.norm(b),
            rtol=1e-9,
        )
        growth = np.log(np.linalg.eigvalsh(a)[-1] / np.linalg.eigvalsh(b)[-1])
        np.testing.assert_allclose(row[f"eigenvalue/graph/log_ratio_since_{reference}"], growth, rtol=1e-6)


def test_nothing_has_changed_since_itself():
    found = signature(run_of(1), change=("initial", "previous"))
    changes = [value for name, value in zip(found.names, found.values[0], strict=True) if "since" in name]
    np.testing.assert_array_equal(changes, np.zeros(len(changes)))


@given(st.floats(1e-9, 1e-3))
def test_small_angles_are_exact(angle):
    now, then = np.array([np.cos(angle), np.sin(angle)]), np.array([1.0, 0.0])
    np.testing.assert_allclose(node_changes(now, then)[0], angle, rtol=1e-6)


def test_without_a_direction_there_is_no_angle():
    assert np.isnan(node_changes(np.zeros(2), np.ones(2))).all()


def test_a_diverged_snapshot_is_a_row_without_numbers():
    graphs = run_of(2)
    broken = rolled_graph({"fc.weight": torch.full((2, 3), torch.nan)}, nonfinite="record")
    diverged = Graph(graphs[0].parts, graphs[0].blocks, nonfinite=broken.nonfinite)
    found = signature([graphs[0], diverged, graphs[1]], **EVERYTHING)
    np.testing.assert_array_equal(found.diverged, [False, True, False])
    assert np.isnan(found.values[1]).all()
    clean = signature([graphs[0], graphs[1]], **EVERYTHING)
    np.testing.assert_array_equal(found.values[2], clean.values[1])


def test_a_run_that_is_diverged_from_the_start_still_has_features():
    broken = rolled_graph({"fc.weight": torch.full((2, 3), torch.nan)}, nonfinite="record")
    found = signature([broken])
    assert len(found.names) == found.values.shape[1] == 10


def test_times_come_from_the_checkpoints_or_the_caller():
    graphs = run_of(2)
    np.testing.assert_array_equal(signature(graphs).times, [0, 1])
    np.testing.assert_array_equal(signature(graphs, times=[0.5, 3]).times, [0.5, 3])
    with pytest.raises(SettingError, match="strictly increasing"):
        signature(graphs, times=[1, 1])
    with pytest.raises(SettingError, match="one for each of the 2 graphs"):
        signature(graphs, times=[1])


@pytest.mark.usefixtures("unchecked")
def test_what_cannot_be_summarised_says_why():
    with pytest.raises(SettingError, match="at least one graph"):
        signature([])
    with pytest.raises(SettingError, match="one of degree, eigenvector_centrality"):
        signature(run_of(1), measures=["betweenness"])
    with pytest.raises(SettingError, match="one of graph, part, depth"):
        signature(run_of(1), scopes=["layer"])
    with pytest.raises(SettingError, match="one of initial, previous"):
        signature(run_of(1), change=["last"])
    with pytest.raises(SettingError, match="'none', 'linear' or 'exponential'"):
        signature(run_of(1), smoothing="cubic")
    with pytest.raises(SettingError, match="up_to"):
        signature(run_of(2)).up_to(-1)
    with pytest.raises(ShapeMismatchError, match="the graph"):
        signature([run_of(1)[0], rolled_graph({"fc.weight": torch.ones(2, 3)})])


def test_a_measure_of_ones_own_is_a_function():
    def size(graph: Graph) -> np.ndarray:
        return np.full(graph.size, 2.0)

    found = signature(run_of(1), measures=[size, eigenvector_centrality])
    assert found.names[0] == "size/graph/median"
    assert found.values[0, 0] == 2.0
