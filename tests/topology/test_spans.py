import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from epochgraph.topology.spans import NO_NODE, Span, nodes, spans


@given(hnp.arrays(np.int64, st.integers(0, 40), elements=st.integers(-1, 6)), st.data())
def test_spans_are_decoded_to_what_was_encoded(read, data):
    drawn = hnp.arrays(np.int64, len(read), elements=st.integers(1, 3))
    widths = np.where(read == NO_NODE, 1, data.draw(drawn))
    decoded, wide = nodes(spans(read, widths))
    np.testing.assert_array_equal(decoded, read)
    np.testing.assert_array_equal(wide, widths)


def test_regular_readings_are_one_span():
    assert spans(np.arange(6)) == (Span(0, 6, 1),)
    assert spans(np.repeat(np.arange(3), 4)) == (Span(0, 3, 4),)
    assert spans(np.array([2, 3, NO_NODE, NO_NODE, 0])) == (Span(2, 2, 1), Span(NO_NODE, 1, 2), Span(0, 1, 1))


def test_heads_of_an_attention_are_one_span():
    assert spans(np.repeat([0, 4, 8], 4), np.full(12, 4)) == (Span(0, 3, 4, 4),)
