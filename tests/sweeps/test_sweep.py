"""Finished runs as a sweep."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from epochgraph.errors import SettingError
from epochgraph.runs import Run
from epochgraph.sweeps import recorded
from populations import population

NAN = np.nan


def run(curve: dict[float, float], end: float) -> Run:
    """A run with these validation accuracies by epoch."""
    metrics = pd.DataFrame(
        {"validation_accuracy": curve.values(), "test_accuracy": [*[NAN] * (len(curve) - 1), end]},
        index=pd.Index([*curve], name="epoch", dtype=float),
        dtype=float,
    )
    return replace(population(1)[0], metrics=metrics)


def test_the_curves_have_the_whole_epochs_and_the_first_look_its_own():
    sweep = recorded([run({0.25: 0.1, 1: 0.2, 2: 0.4}, 0.5), run({0.25: 0.3, 1: NAN, 2: 0.6}, 0.7)], first=0.25)
    assert sweep.curves.tolist() == [[0.2, 0.4], [0.0, 0.6]]
    assert sweep.early.tolist() == [0.1, 0.3]
    assert sweep.final.tolist() == [0.5, 0.7]
    assert (sweep.epochs, sweep.first) == (2, 0.25)
    assert not sweep.forecasts


def test_a_run_that_ended_before_the_others_has_no_progress_from_then_on():
    assert recorded([run({1: 0.2}, 0.2), run({1: 0.1, 2: 0.6}, 0.6)], first=1).curves.tolist() == [[0.2, 0], [0.1, 0.6]]


@pytest.mark.parametrize(
    ("runs", "options", "found"),
    [
        ([], {}, "at least one, to make a sweep of"),
        ([run({1: 0.2}, 0.2)], {"first": 0.25}, "measured after epoch 0.25 by run 'run0'"),
        ([run({1: 0.2}, 0.2)], {"progress": "loss"}, "which recorded validation_accuracy, test_accuracy"),
        ([run({1: 0.2}, NAN)], {}, "test_accuracy"),
    ],
    ids=["no runs", "no such epoch", "no such metric", "no end"],
)
def test_what_is_missing_is_named(runs, options, found):
    with pytest.raises(SettingError, match=found):
        recorded(runs, **{"first": 1.0, **options})
