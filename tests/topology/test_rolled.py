"""How what a layer reads is split into lines, one a part and range."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from epochgraph.topology.bundles import Bundle
from epochgraph.topology.rolled import RolledWiring
from epochgraph.topology.spans import NO_NODE

SIZES = (5, 7, 1, 9)

bundles = st.lists(st.lists(st.integers(0, sum(SIZES) - 1), min_size=2, max_size=9, unique=True), max_size=5)


@given(bundles=bundles, choices=st.lists(st.integers(NO_NODE, sum(SIZES) + 4), max_size=12))
def test_the_lines_hold_at_each_position_just_what_stands_there(bundles, choices):
    wiring = RolledWiring({}, {})
    for size in SIZES:
        wiring.add_part("part", size, None)
    marks = [wiring.bundles.number(Bundle("choice", tuple(members))) for members in bundles]
    known = [NO_NODE, *range(sum(SIZES)), *marks]
    nodes = np.array([known[(choice + 1) % len(known)] for choice in choices], dtype=np.int64)
    found: list[set[int]] = [set() for _ in nodes]
    for part, (first, width) in wiring.lines(nodes):
        for position in np.flatnonzero(first != NO_NODE).tolist():
            held = set(range(int(first[position]), int(first[position] + width[position])))
            assert max(held) < SIZES[part]
            begin = wiring.offsets[part]
            assert not found[position] & {begin + node for node in held}
            found[position] |= {begin + node for node in held}
    assert found == [set(wiring.bundles.members(mark)) for mark in nodes.tolist()]
