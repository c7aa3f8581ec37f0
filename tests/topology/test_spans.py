import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from epochgraph.topology.spans import Span, nodes, spans


@given(hnp.arrays(np.int64, st.integers(0, 40), elements=st.integers(-1, 6)))
def test_spans_are_decoded_to_what_was_encoded(read):
    np.testing.assert_array_equal(nodes(spans(read)), read)


@given(first=st.integers(0, 9), count=st.integers(1, 9), repeat=st.integers(1, 9))
def test_consecutive_nodes_equally_repeated_are_one_span(first, count, repeat):
    read = np.repeat(np.arange(first, first + count), repeat)
    assert spans(read) == (Span(first, count, repeat),)


def test_positions_without_a_node_are_a_span_of_their_own():
    assert spans(np.array([-1, -1, 0, 1, 2, -1])) == (Span(-1, 1, 2), Span(0, 3, 1), Span(-1, 1, 1))
