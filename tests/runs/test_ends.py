"""Which runs have come to their end."""

from dataclasses import replace

import pytest

from epochgraph.runs.ends import unfinished
from populations import population


def runs(*lasts, **settings):
    return [
        replace(run, metrics=run.metrics.loc[:last], settings=settings)
        for run, last in zip(population(len(lasts), epochs=12), lasts, strict=True)
    ]


def test_runs_that_end_before_the_others_are_named():
    assert unfinished(runs(12, 12, 12)) == {}
    assert unfinished(runs(12, 4, 12)) == {"run1": "ends at epoch 4, others at 12"}
    assert unfinished(runs(12, 0, 12))["run1"] == "ends at epoch 0, others at 12"


@pytest.mark.parametrize("name", ["epochs", "max_epochs", "num_train_epochs", "maxEpochs"])
def test_what_the_settings_name_counts_and_not_what_others_did(name):
    assert unfinished(runs(4, 4, 12, **{name: 4})) == {}
    assert unfinished(runs(4, 4, **{name: 12})) == {f"run{n}": "ends at epoch 4 of 12" for n in (0, 1)}
    short, long = runs(4, **{name: 4}), runs(12, **{name: 12})
    assert unfinished([*short, *long]) == {}


@pytest.mark.parametrize(
    "said",
    [
        {"stopped": True},
        {"stopped_early": True},
        {"pruned": True},
        {"finished": False},
        {"status": "killed"},
        {"state": "PRUNED"},
        {"status": "running"},
    ],
)
def test_what_the_settings_say_of_the_end_counts(said):
    assert list(unfinished(runs(12, **said))) == ["run0"]


@pytest.mark.parametrize(
    "said",
    [{"stopped": False}, {"finished": True}, {"status": "COMPLETED"}, {"early_stopping": True}, {"epochs": "12"}],
)
def test_other_settings_say_nothing_of_the_end(said):
    assert unfinished(runs(12, **said)) == {}
