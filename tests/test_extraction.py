from dataclasses import replace

import numpy as np
import pytest
import torch

from epochgraph.errors import SettingError
from epochgraph.extraction import Extraction, extraction
from epochgraph.graph import rolled_graph
from epochgraph.signature import Signature, signature
from epochgraph.topology import chain

EVERYTHING = Extraction(
    measures=("degree",),
    scopes=("graph", "part"),
    change=("initial",),
    smoothing="linear",
    alpha=0.25,
    fold_batch_norm=True,
)


@pytest.mark.parametrize("how", [Extraction(), EVERYTHING])
def test_settings_are_read_back(how):
    assert extraction({"learning_rate": 0.1} | how.settings()) == how
    assert all(name.startswith("extraction.") for name in how.settings())


def test_settings_that_do_not_tell_are_refused():
    with pytest.raises(SettingError, match=r"extraction\.measures"):
        extraction({"learning_rate": 0.1})


@pytest.mark.parametrize("alpha", ["x", "", None])
def test_a_weight_of_the_present_that_is_no_number_is_refused(alpha):
    with pytest.raises(SettingError, match=rf"extraction\.alpha is {alpha!r}, but must be a number"):
        extraction(Extraction().settings() | {"extraction.alpha": alpha})


def test_a_signature_is_taken_as_the_settings_say():
    snapshots = [{"fc.weight": factor * torch.ones(2, 3)} for factor in (1.0, 3.0, torch.nan)]
    taken = EVERYTHING.signature(snapshots, chain(snapshots[0]), times=[0, 0.5, 1])
    expected = signature(
        [rolled_graph(snapshot) for snapshot in snapshots[:2]],
        measures=["degree"],
        scopes=["graph", "part"],
        change=["initial"],
        smoothing="linear",
    )
    np.testing.assert_array_equal(taken.values[:2], expected.values)
    assert taken.diverged.tolist() == [False, False, True]
    assert taken.times.tolist() == [0, 0.5, 1]


@pytest.mark.parametrize(
    "how",
    [
        Extraction(),
        EVERYTHING,
        Extraction(scopes=("depth",), change=("previous",)),
        Extraction(measures=("eigenvector_centrality",), scopes=("part",), change=("initial", "previous")),
    ],
)
def test_features_are_selected_from_a_signature_that_has_more(how):
    generator = torch.Generator().manual_seed(0)
    graphs = [rolled_graph({"fc.weight": torch.rand(2, 3, generator=generator)}) for _ in range(2)]
    whole = signature(graphs, scopes=["graph", "part", "depth"], change=["initial", "previous"])
    more = Signature(
        whole.times,
        (*whole.names, *(f"folded/{name}" for name in whole.names), "last_layer/mean", "unrolled_degree/graph/mean"),
        np.hstack([whole.values, whole.values, whole.values[:, :2]]),
        whole.diverged,
    )
    expected = signature(graphs, measures=how.measures, scopes=how.scopes, change=how.change)
    assert how.selected(more).names == expected.names
    np.testing.assert_array_equal(how.selected(more).values, expected.values)


def test_measures_of_parts_and_of_the_whole_graph_are_selected():
    measures = ("degree", "neural_persistence", "spectral_gap")
    snapshots = [{"fc.weight": torch.rand(3, 4)} for _ in range(2)]
    whole = Extraction(measures=measures, scopes=("graph", "part"), change=("initial",))
    taken = whole.signature(snapshots, chain(snapshots[0]), times=[0, 1])
    for narrow in (replace(whole, scopes=("part",)), replace(whole, measures=measures[1:]), replace(whole, change=())):
        assert extraction(narrow.settings()) == narrow
        assert whole.covers(narrow)
        expected = narrow.signature(snapshots, chain(snapshots[0]), times=[0, 1])
        assert narrow.selected(taken).names == expected.names
        np.testing.assert_array_equal(narrow.selected(taken).values, expected.values)


USUAL = Extraction(scopes=("graph", "depth"), change=("initial",))


@pytest.mark.parametrize(
    ("changes", "covers", "covered"),
    [
        ({}, True, True),
        ({"scopes": ("depth", "graph")}, True, True),  # in another order
        ({"scopes": ("graph",)}, True, False),
        ({"measures": ("degree",)}, True, False),
        ({"change": ()}, True, False),
        ({"change": ("initial", "previous")}, False, True),
        ({"measures": ("degree",), "change": ("initial", "previous")}, False, False),
        ({"scopes": ("graph", "part")}, False, False),
        ({"alpha": 0.25}, True, True),  # says nothing without exponential smoothing
        ({"smoothing": "linear"}, False, False),
        ({"smoothing": "exponential"}, False, False),
        ({"fold_batch_norm": True}, False, False),
        ({"scopes": ("graph",), "fold_batch_norm": True}, False, False),
    ],
    ids=str,
)
def test_an_extraction_covers_another_that_takes_less_in_the_same_way(changes, covers, covered):
    other = replace(USUAL, **changes)
    assert USUAL.covers(other) is covers
    assert other.covers(USUAL) is covered


@pytest.mark.parametrize(("smoothing", "covers"), [("none", True), ("linear", True), ("exponential", False)])
def test_the_weight_of_the_present_matters_to_exponential_smoothing_only(smoothing, covers):
    first, second = (Extraction(smoothing=smoothing, alpha=alpha) for alpha in (0.5, 0.25))
    assert first.covers(second) is second.covers(first) is covers
    assert first.covers(replace(first, measures=("degree",)))


def test_what_is_covered_can_be_selected():
    """The features that a narrower extraction takes are among those of the wider one, with the same values."""
    snapshots = [{"fc.weight": factor * torch.ones(2, 3)} for factor in (1.0, 2.0)]
    narrow = Extraction(measures=("degree",), change=("initial",))
    wide = replace(EVERYTHING, smoothing="none", measures=("degree", "eigenvector_centrality"), fold_batch_norm=False)
    assert wide.covers(narrow)
    selected = narrow.selected(wide.signature(snapshots, chain(snapshots[0])))
    expected = narrow.signature(snapshots, chain(snapshots[0]))
    assert selected.names == expected.names
    np.testing.assert_array_equal(selected.values, expected.values)
