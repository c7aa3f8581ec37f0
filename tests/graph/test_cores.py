"""What is shared out to the cores, against the same done in turn."""

import pytest
import torch

from epochgraph.graph import cores


@pytest.fixture
def two_threads(monkeypatch):
    monkeypatch.setattr(torch, "get_num_threads", lambda: 2)
    monkeypatch.setattr(cores, "MUCH", 1)


@pytest.mark.usefixtures("two_threads")
@pytest.mark.parametrize("work", [[1] * 20, [0] * 20, list(range(20)), [5] + [0] * 19])
def test_results_come_in_the_order_of_the_items(work):
    assert list(cores.shared_out(lambda n: n * n, range(20), work)) == [n * n for n in range(20)]


@pytest.mark.usefixtures("two_threads")
def test_an_error_of_any_thread_is_the_callers():
    def fails(number: int) -> int:
        if number == 7:
            raise ValueError("seven")
        return number

    with pytest.raises(ValueError, match="seven"):
        list(cores.shared_out(fails, range(20), [1] * 20))
