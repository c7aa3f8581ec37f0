from dataclasses import replace

import pytest

from epochgraph.errors import SettingError
from epochgraph.runs import values_of
from populations import population


def test_a_setting_is_known_of_each_run_in_their_order():
    runs = [replace(run, settings={"rate": rate}) for run, rate in zip(population(3), (0.1, None, "high"), strict=True)]
    assert values_of(runs, "rate") == [0.1, None, "high"]
    assert values_of([], "rate") == []


def test_a_setting_that_a_run_lacks_is_named_with_those_it_has():
    first, second, third = population(3)
    with pytest.raises(SettingError, match=r"groups is 'optimizer', .* run 'run0' has learning_rate, dropout"):
        values_of([first, second], "optimizer")
    with pytest.raises(SettingError, match=r"run 'run2' has none"):
        values_of([first, replace(third, settings={})], "dropout")
