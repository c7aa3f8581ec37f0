"""Sets of nodes at one place, against the plain way to find them."""

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from epochgraph.topology import bundles as bundles_module
from epochgraph.topology.bundles import FIRST, Bundle, Bundles
from epochgraph.topology.spans import NO_NODE


@given(
    hnp.arrays(np.int64, hnp.array_shapes(min_dims=3, max_dims=3, max_side=4), elements=st.integers(-1, 5)), st.data()
)
def test_nodes_along_dimensions_stand_together_at_one_place(nodes, data):
    bundles = Bundles()
    dimensions = tuple(sorted(data.draw(st.sets(st.integers(0, 2), min_size=1))))
    found = bundles.together(torch.from_numpy(nodes), dimensions)
    assert found.shape == tuple(1 if d in dimensions else n for d, n in enumerate(nodes.shape))
    for place in np.ndindex(*found.shape):
        there = nodes[tuple(slice(None) if d in dimensions else i for d, i in enumerate(place))]
        assert set(bundles.members(int(found[place]))) == set(there.flatten().tolist()) - {NO_NODE}


def test_a_bundle_within_a_bundle_is_opened():
    bundles = Bundles()
    inner = bundles.number(Bundle("met", (1, 2)))
    assert inner >= FIRST
    outer = bundles.together(torch.tensor([inner, 5, 2]), (0,))
    assert bundles.members(int(outer)) == (1, 2, 5)
    assert bundles.number(Bundle("met", (7,))) == 7


def test_places_along_which_nothing_changes_are_not_looked_at():
    nodes = torch.arange(3).expand(10**12, 3)
    assert torch.equal(Bundles().together(nodes, (0,)), torch.arange(3)[None])


def test_tokens_that_are_mostly_alike_are_not_too_many_to_look_at(monkeypatch):
    monkeypatch.setattr(bundles_module, "LARGEST", 16)
    nodes = torch.stack([torch.tensor([1, 2]), *[torch.tensor([3, 4])] * 99])
    bundles = Bundles()
    assert [bundles.members(int(n)) for n in bundles.together(nodes, (1,))[[0, 1, 99], 0]] == [(1, 2), (3, 4), (3, 4)]
    assert [bundles.members(int(n)) for n in bundles.together(nodes, (0,))[0]] == [(1, 3), (2, 4)]
    assert bundles.together(torch.arange(100).reshape(10, 10), (1,)) is None
