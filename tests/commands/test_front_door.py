"""What the command line does, as one call of the library: of paths and of objects, with results that print."""

import html
import json
import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

import epochgraph
from epochgraph import Signature, chain
from epochgraph.commands.extracting import Extracted
from epochgraph.commands.progress import Progress
from epochgraph.errors import BatchError, SettingError, UnfinishedRunsError, UnreadableFileError
from epochgraph.extraction import Extraction
from epochgraph.predictors import Predictor
from epochgraph.runs import Run, read_stored_runs, write_run
from populations import population

FEATURES = tuple(
    f"{measure}/graph/{name}" for measure in ("degree", "eigenvector_centrality") for name in ("mean", "std")
)
RUNS = [
    replace(
        run,
        signature=replace(run.signature, names=FEATURES),
        settings=dict(run.settings) | Extraction().settings(),
    )
    for run in population(30, signal=0.5, curve=0.5, groups=6)
]


@pytest.fixture(scope="module")
def learned():
    return epochgraph.fit(RUNS, up_to=2, threshold=50, curve=True, groups="learning_rate")


@pytest.fixture
def sweep(tmp_path) -> list[Path]:
    """Three runs of three checkpoints."""
    folders = [tmp_path / "runs" / f"run{number}" for number in range(3)]
    for number, folder in enumerate(folders):
        torch.manual_seed(number)
        network = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))
        folder.mkdir(parents=True)
        for epoch in range(3):
            torch.save({k: v * (1 + epoch) for k, v in network.state_dict().items()}, folder / f"epoch_{epoch}.pt")
        (folder / "metrics.csv").write_text(f"epoch,loss,val_acc,test_accuracy\n1,2,0.{number},\n2,1,0.{number},0.5\n")
        (folder / "settings.json").write_text(json.dumps({"learning_rate": 0.1 * number}))
    return folders


def same(found: Run, expected: Run) -> None:
    assert found.name == expected.name
    assert found.settings == expected.settings
    assert found.metrics.equals(expected.metrics)
    assert found.signature.names == expected.signature.names
    np.testing.assert_array_equal(found.signature.values, expected.signature.values)


def test_runs_are_extracted_to_objects_or_to_a_store(sweep, tmp_path):
    seen: list[Progress] = []
    at_hand = epochgraph.extract([str(sweep[0]), *sweep[1:]], change=["initial"], progress=seen.append)
    assert [run.name for run in at_hand] == ["run0", "run1", "run2"]
    assert (len(at_hand), at_hand.new, at_hand.of, at_hand.out) == (3, 3, 3, None)
    assert at_hand[1].metrics["validation_accuracy"].tolist() == [0.1, 0.1]
    assert at_hand.notes.count("metrics.csv: its val_acc is read as validation_accuracy") == 1
    assert [step.done for step in seen if step.what == "runs"] == [0, 1, 2, 3]
    assert [step.done for step in seen if step.name == "run1"] == [0, 1, 2, 3]
    store = tmp_path / "store"
    stored = epochgraph.extract(sweep, change=["initial"], out=store)
    again = epochgraph.extract(sweep, change=["initial"], out=str(store))
    assert (stored.new, again.new, len(again)) == (3, 0, 3)
    for found, kept, once_more, on_disk in zip(at_hand, stored, again, read_stored_runs(store), strict=True):
        for other in (kept, once_more, on_disk):
            same(found, other)
    with pytest.raises(UnreadableFileError, match="other options"):
        epochgraph.extract(sweep[0], out=store)


def test_the_wiring_is_a_topology_its_file_or_a_function_of_the_weights(sweep, tmp_path):
    topology = chain(nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2)))
    epochgraph.write_topology(topology, tmp_path / "net.json")
    plain = epochgraph.extract(sweep[0])[0]
    for wiring in (topology, tmp_path / "net.json", str(tmp_path / "net.json"), chain):
        same(epochgraph.extract(sweep[0], topology=wiring)[0], plain)
    assert epochgraph.inspect(sweep[0], topology=topology, top=1).nodes == 9


def test_what_read_run_found_is_a_run(sweep):
    same(epochgraph.extract(epochgraph.read_run(sweep[1]))[0], epochgraph.extract(sweep[1])[0])


def test_one_run_that_cannot_be_read_stops_no_other(sweep):
    (sweep[1] / "epoch_2.pt").write_bytes(b"PK")
    found = epochgraph.extract(sweep)
    assert [run.name for run in found] == ["run0", "run2"]
    assert list(found.failures) == [str(sweep[1])]
    assert isinstance(found.failures[str(sweep[1])], UnreadableFileError)
    assert str(sweep[1] / "epoch_2.pt") in str(found).splitlines()[-1]
    with pytest.raises(UnreadableFileError):
        epochgraph.extract(sweep[1])
    with pytest.raises(SettingError, match="betweenness"):
        epochgraph.extract(sweep, measures=["betweenness"])


def test_a_predictor_is_fitted_on_objects_or_on_a_store(learned, tmp_path):
    for run in RUNS:
        write_run(run, tmp_path / "store" / f"{run.name}.parquet")
    packed = epochgraph.pack(RUNS, tmp_path / "all.parquet")
    assert (packed.runs, packed.of, packed.size) == (30, 30, packed.path.stat().st_size)
    options = {"up_to": 2, "threshold": 50, "curve": True, "groups": "learning_rate"}
    by_path = epochgraph.fit(tmp_path / "store", out=tmp_path / "p.skops", **options)
    assert by_path.out == tmp_path / "p.skops"
    assert by_path.predictor.calibration.predicted.tolist() == learned.predictor.calibration.predicted.tolist()
    assert str(learned) == "fitted on 30 runs, whose test_accuracy is from 10 to 90"
    at_hand = epochgraph.predict(RUNS, predictor=learned)
    for runs, predictor in (
        (tmp_path / "store", by_path),
        (str(tmp_path / "store"), tmp_path / "p.skops"),
        ([tmp_path / "store" / f"{run.name}.parquet" for run in RUNS], learned.predictor),
    ):
        found = epochgraph.predict(runs, predictor=predictor)
        assert [replace(one, predictor="") for one in found] == [replace(one, predictor="") for one in at_hand]
    assert {one.predictor for one in at_hand} == {"the given predictor"}


def test_runs_of_all_kinds_are_predicted_in_one_call(sweep, tmp_path):
    known = [
        replace(run, name=f"{run.name}-{grown}", signature=replace(run.signature, values=run.signature.values * grown))
        for run in epochgraph.extract(sweep)
        for grown in (1, 2)
    ]
    learned = epochgraph.fit(known, up_to=1)
    write_run(replace(known[0], name="stored"), tmp_path / "stored.parquet")
    given = [sweep[0], epochgraph.read_run(sweep[1]), tmp_path / "stored.parquet", known[3], known[2].signature]
    found = epochgraph.predict(given, predictor=learned)
    assert [one.run for one in found] == ["run0", "run1", "stored", "run1-2", "run"]
    assert found[1].accuracy == found[4].accuracy  # the same weights
    (sweep[1] / "epoch_0.pt").write_bytes(b"PK")
    some = epochgraph.predict([*sweep], predictor=learned)
    assert ([one.run for one in some], list(some.failures)) == (["run0", "run2"], [str(sweep[1])])


def test_the_most_hopeful_come_first(learned):
    found = epochgraph.predict(RUNS, predictor=learned, hopeful_first=True)
    tops = [one.interval[1] for one in found if one.decision != "stop"]
    assert tops == sorted(tops, reverse=True)


def test_runs_without_an_end_are_refused_or_left_out(learned):
    stopped = replace(RUNS[3], settings=dict(RUNS[3].settings) | {"status": "stopped"})
    runs = [*RUNS[:3], stopped, *RUNS[4:]]
    with pytest.raises(UnfinishedRunsError, match="run3"):
        epochgraph.fit(runs, up_to=1)
    left = epochgraph.fit(runs, up_to=1, unfinished="leave-out")
    assert "run 'run3'" in left.notes[0]
    with pytest.raises(SettingError, match="a Run, which knows how it ended"):
        epochgraph.fit(RUNS[0].signature, up_to=1)
    with pytest.raises(SettingError, match="threshold"):
        epochgraph.fit(RUNS, up_to=1, task="classification")
    with pytest.raises(SettingError, match="at least one run"):
        epochgraph.predict([], predictor=learned)


def test_an_evaluation_has_the_scores_of_each_epoch():
    found = epochgraph.evaluate(RUNS, up_to=[1, 2, 1.0], threshold=50, folds=2, repeats=1)
    assert found.scores["epoch"].unique().tolist() == [1, 2]
    assert (found.runs, found.protocol.target) == (30, "test_accuracy")
    assert str(found).count("30 runs, up to epoch") == 2
    assert "signature trees" in str(found)


def test_results_are_pages_of_a_notebook_and_names_are_no_markup(learned):
    run = replace(RUNS[0], name="<b>[bold]7[/]")
    found = epochgraph.predict(run, predictor=learned)
    assert "<b>[bold]7[/]" in str(found)
    assert repr(found) == str(found)
    page = found._repr_html_()
    assert "<b>[bold]" not in page
    assert html.escape(run.name) in page
    assert page.count("<table>") == 1
    assert f"{found[0].decision}: {found[0].reason}." in html.unescape(page)


def test_the_middle_of_a_long_table_is_left_out():
    runs = tuple(replace(RUNS[0], name=f"run{number}") for number in range(100))
    page = str(Extracted(runs, 100, 100)).splitlines()
    assert [line.split()[0] for line in (page[1], page[30], page[32], page[-1])] == ["run0", "run29", "run70", "run99"]
    assert page[31].strip() == "... 40 more"
    assert len(str(Extracted(runs[:60], 60, 60)).splitlines()) == 61


def test_where_no_run_can_be_read_the_error_says_why_and_survives_workers(tmp_path):
    pd.DataFrame({"a": [1]}).to_parquet(tmp_path / "a.parquet")
    (tmp_path / "b.parquet").write_bytes(b"PAR1")
    with pytest.raises(BatchError, match=r"2 of 2 runs could not be used.*a\.parquet.*b\.parquet") as caught:
        epochgraph.fit(tmp_path, up_to=1)
    assert ["not of runs" in caught.value.__notes__[0], "not a whole" in caught.value.__notes__[1]] == [True, True]
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)  # noqa: S301 - made here


def test_a_signature_alone_is_predicted(learned):
    weights_only = epochgraph.fit(RUNS, up_to=2)
    one, two = (epochgraph.predict(given, predictor=weights_only)[0] for given in (RUNS[4].signature, RUNS[4]))
    assert isinstance(RUNS[4].signature, Signature)
    assert one.accuracy == two.accuracy
    assert isinstance(weights_only.predictor, Predictor)
