import json
import shutil
import tracemalloc
from dataclasses import replace
from zipfile import ZIP_DEFLATED, ZipFile
from zlib import crc32

import numpy as np
import pytest
import skops.io
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import FunctionTransformer

from epochgraph.errors import SettingError, UnreadableFileError
from epochgraph.predictors import (
    Calibration,
    Predictor,
    SignatureClassifier,
    SignatureRegressor,
    read_predictor,
    write_predictor,
)
from epochgraph.predictors.storage import HEADER, LARGEST, READABLE, VERSION
from populations import accuracies, exploded, population, signatures

RUNS = population(20)
GIVEN = [exploded(run, 3) if place < 3 else run for place, run in enumerate(signatures(RUNS))]
EXTRACTION = {"measures": ["degree"], "smoothing": "none", "alpha": 0.1 + 0.2, "fold_batch_norm": True, "times": None}


def predictor(task="classification", method="svm", **changes):
    if task == "classification":
        estimator = SignatureClassifier(method, up_to=3).fit(GIVEN, (accuracies(RUNS) > 50).astype(int))
    else:
        estimator = SignatureRegressor(method, up_to=3).fit(GIVEN, accuracies(RUNS))
    given = {"estimator": estimator, "threshold": 50.0, "extraction": EXTRACTION, "trained_on": {"runs": 20}}
    return Predictor(**(given | changes))


@pytest.mark.parametrize("method", ["svm", "mlp", "trees"])
@pytest.mark.parametrize("task", ["classification", "regression"])
def test_reading_gives_back_the_same_predictor(tmp_path, task, method):
    written = predictor(task, method)
    write_predictor(written, tmp_path / "lenet.skops")
    back = read_predictor(tmp_path / "lenet.skops")
    for name in ("task", "up_to", "threshold", "extraction", "trained_on", "versions"):
        assert getattr(back, name) == getattr(written, name)
    assert (back.task, back.up_to) == (task, 3)
    assert set(back.versions) == {"numpy", "scikit-learn", "skops"}
    predict = "predict_proba" if task == "classification" else "predict"
    np.testing.assert_array_equal(*(getattr(p.estimator, predict)(GIVEN) for p in (back, written)))


def test_a_predictor_must_be_fitted_as_it_will_be_used():
    classifier = predictor().estimator
    array = np.arange(8.0).reshape(4, 2)
    for changes, found in (
        ({"threshold": None}, "threshold is None"),
        ({"estimator": SignatureClassifier()}, "fitted on signatures"),
        ({"estimator": SignatureClassifier().fit(array, [0, 0, 1, 1])}, "fitted on signatures"),
        ({"estimator": SignatureClassifier().fit(GIVEN, [1, 2] * 10)}, r"classes_ is \[1, 2\]"),
    ):
        with pytest.raises(SettingError, match=found):
            predictor(**changes)
    assert predictor(estimator=classifier).task == "classification"
    assert predictor("regression", threshold=None).threshold is None


def test_what_json_cannot_hold_is_refused_and_nothing_written(tmp_path):
    with pytest.raises(SettingError, match="made of what JSON can hold"):
        write_predictor(predictor(extraction={"measures": object()}), tmp_path / "lenet.skops")
    assert list(tmp_path.iterdir()) == []


def archive(path, estimator, edit=lambda name, content: content, compression=0, **header):
    """A file like `write_predictor` writes, with another estimator, edited entries or another header."""
    good = {"version": VERSION, "threshold": 50.0, "calibration": None}
    good |= {"extraction": {}, "trained_on": {}, "versions": {}}
    skops.io.dump(estimator, path)
    with ZipFile(path) as source:
        entries = {name: source.read(name) for name in source.namelist()}
    entries[HEADER] = json.dumps(good | header).encode()
    with ZipFile(path, "w", compression) as target:
        for name, content in entries.items():
            target.writestr(name, edit(name, content))
    return path


def refused(path):
    with pytest.raises(UnreadableFileError) as caught:
        read_predictor(path)
    message = str(caught.value)
    assert message.startswith(str(path))
    assert "\n" not in message
    return message


def test_the_hostile_files_below_differ_from_good_ones_in_one_thing(tmp_path):
    assert read_predictor(archive(tmp_path / "x.skops", predictor().estimator)).threshold == 50


def test_functions_that_no_predictor_needs_are_named_and_not_run(tmp_path):
    victim = tmp_path / "victim"
    victim.mkdir()
    estimator = predictor().estimator
    estimator.pipeline_.steps[0] = ("functiontransformer", FunctionTransformer(shutil.rmtree))
    assert "asks for 'shutil.rmtree', which no predictor needs" in refused(archive(tmp_path / "x.skops", estimator))
    assert victim.exists()


@pytest.mark.parametrize("loader", ["FunctionNode", "ObjectNode", "TypeNode", "MethodNode", "PartialNode", "JsonNode"])
def test_no_loader_imports_or_calls_what_a_file_names(tmp_path, monkeypatch, loader):
    """The schema is rewritten to name a module of ours, which would leave a trace if it were imported."""
    trace = tmp_path / "trace"
    (tmp_path / "evil.py").write_text(f"open({str(trace)!r}, 'w')\ndef system(*args): pass\n")
    monkeypatch.syspath_prepend(tmp_path)

    def edit(name, content):
        schema = json.loads(content) if name == "schema.json" else None
        if schema is None:
            return content
        return json.dumps(schema | {"__module__": "evil", "__class__": "system", "__loader__": loader})

    refused(archive(tmp_path / "x.skops", predictor().estimator, edit))
    assert not trace.exists()


def test_other_estimators_are_refused(tmp_path):
    other = LogisticRegression().fit([[0.0], [1.0]], [0, 1])
    assert "LogisticRegression', which no predictor needs" in refused(archive(tmp_path / "x.skops", other))
    assert "cannot be used" in refused(archive(tmp_path / "x.skops", SignatureClassifier()))


@pytest.mark.parametrize(
    ("header", "found"),
    [
        ({"version": min(READABLE) - 1, "threshold": "old"}, f"this package reads {VERSION}. Train it anew."),
        ({"version": VERSION + 1, "threshold": "new"}, f"this package reads {VERSION}. Update epochgraph."),
        ({"version": "x"}, "format version 'x'"),
        ({"threshold": "40"}, "header"),
        ({"extraction": [1]}, "header"),
        ({"versions": None}, "header"),
        ({"threshold": None}, "cannot be used"),
    ],
)
def test_other_headers_are_refused(tmp_path, header, found):
    assert found in refused(archive(tmp_path / "x.skops", predictor().estimator, **header))


def test_files_that_are_no_predictors_are_refused(tmp_path):
    path = tmp_path / "x.skops"
    assert "No such file" in refused(path)
    write_predictor(predictor(), path)
    whole = path.read_bytes()
    for content in (b"", b"PK\x03\x04", b"hello", whole[: len(whole) // 2], whole[:-30], b"[" * 100_000):
        path.write_bytes(content)
        assert "it is not a predictor" in refused(path)
    skops.io.dump({"no": "header"}, path)
    assert "it is not a predictor" in refused(path)
    with ZipFile(path, "w") as empty:
        empty.writestr(HEADER, "[" * 100_000)
    assert "it is not a predictor" in refused(path)


@pytest.mark.parametrize("damage", [b"", b"{}", b"[1]", b"null", b"\xff", b"[" * 100_000, b'{"protocol": -1}'])
def test_damaged_schemas_are_refused(tmp_path, damage):
    def edit(name, content):
        return damage if name == "schema.json" else content

    assert "cannot be used" in refused(archive(tmp_path / "x.skops", predictor().estimator, edit))


def test_bombs_are_not_unpacked(tmp_path):
    def edit(name, content):
        return b" " * (LARGEST + 1) if name == "schema.json" else content

    path = archive(tmp_path / "x.skops", predictor().estimator, edit, compression=ZIP_DEFLATED)
    assert path.stat().st_size < 1_000_000
    assert "it is not a predictor" in refused(path)


def test_bombs_are_not_unpacked_even_if_they_say_they_are_small(tmp_path):
    """Python's `ZipFile.read` unpacks up to 2 GiB at once, and cuts off only then what is more than an entry says."""

    def edit(name, content):
        return b" " * (4 * LARGEST) if name == "schema.json" else content

    path = archive(tmp_path / "x.skops", predictor().estimator, edit, compression=ZIP_DEFLATED)
    with ZipFile(path, "a") as target:
        target.writestr("more", b"")  # so that the directory is written anew
        lying = target.getinfo("schema.json")
        lying.file_size, lying.CRC = 1, crc32(b" ")
    with ZipFile(path) as found:
        assert found.testzip() is None
    tracemalloc.start()
    assert "it is not a predictor" in refused(path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < LARGEST


def test_a_predictor_too_large_to_be_read_is_not_written(tmp_path, monkeypatch):
    write_predictor(predictor(), tmp_path / "old.skops")
    monkeypatch.setattr("epochgraph.predictors.storage.LARGEST", 1000)
    with pytest.raises(SettingError, match=r"bytes of the predictor is .* at most 1000"):
        write_predictor(predictor(), tmp_path / "old.skops")
    assert [path.name for path in tmp_path.iterdir()] == ["old.skops"]
    monkeypatch.undo()
    assert read_predictor(tmp_path / "old.skops").threshold == 50


def test_files_are_deflated_and_hold_no_more_than_they_need(tmp_path):
    write_predictor(predictor(method="trees", calibration=CALIBRATION), tmp_path / "x.skops")
    with ZipFile(tmp_path / "x.skops") as found:
        entries = found.infolist()
    assert {entry.compress_type for entry in entries} == {ZIP_DEFLATED}
    assert [entry.filename for entry in entries].count(HEADER) == 1
    assert (tmp_path / "x.skops").stat().st_size < sum(entry.file_size for entry in entries) / 2


CALIBRATION = Calibration(
    predicted=np.array([0.1, 1 / 3]),
    truth=np.array([0.2, 0.3]),
    categories=("LeNet", "VGG"),
    out_of_range=np.array([0.0, 0.5]),
    low=np.append(np.full(15, -np.inf), 0.1 + 0.2),
    high=np.append(np.full(15, np.inf), 1.0),
    new_categories=True,
)
"""Of the 16 features of these runs."""


@pytest.mark.parametrize("new_categories", [True, False])
def test_a_calibration_is_read_back(tmp_path, new_categories):
    given = replace(CALIBRATION, new_categories=new_categories)
    write_predictor(predictor(calibration=given), tmp_path / "x.skops")
    back = read_predictor(tmp_path / "x.skops").calibration
    for name in ("predicted", "truth", "out_of_range", "low", "high"):
        np.testing.assert_array_equal(getattr(back, name), getattr(CALIBRATION, name))
        assert getattr(back, name).dtype == np.float64
    assert (back.categories, back.new_categories) == (CALIBRATION.categories, new_categories)


def test_a_predictor_without_a_calibration_stays_without(tmp_path):
    write_predictor(predictor(), tmp_path / "x.skops")
    assert read_predictor(tmp_path / "x.skops").calibration is None


PLAIN = {
    "predicted": [0.1, 0.2],
    "truth": [0.1, 0.2],
    "categories": ["a", "b"],
    "out_of_range": [0, 0],
    "low": [0.0] * 16,
    "high": [1.0] * 16,
    "new_categories": False,
}


def test_the_damaged_calibrations_below_differ_from_a_good_one_in_one_thing(tmp_path):
    path = archive(tmp_path / "x.skops", predictor().estimator, calibration=PLAIN)
    assert read_predictor(path).calibration.categories == ("a", "b")


@pytest.mark.parametrize("version", [4, 5])
def test_older_versions_call_the_fields_of_a_calibration_otherwise(tmp_path, version):
    old = {
        "told": [0.1, 0.2],
        "truth": [0.3, 0.4],
        "kinds": ["a", "b"],
        "strangeness": [0.5, 0.25],
        "low": [0.0] * 16,
        "high": [1.0] * 16,
        "new_kinds": True,
    }
    made = predictor(calibration=CALIBRATION)
    path = archive(tmp_path / "x.skops", made.estimator, calibration=old, version=version)
    found = read_predictor(path).calibration
    assert found.predicted.tolist() == [0.1, 0.2]
    assert found.truth.tolist() == [0.3, 0.4]
    assert found.out_of_range.tolist() == [0.5, 0.25]
    assert (found.categories, found.new_categories) == (("a", "b"), True)
    write_predictor(replace(made, calibration=found), tmp_path / "new.skops")
    back = read_predictor(tmp_path / "new.skops").calibration
    assert (back.predicted.tolist(), back.categories) == (found.predicted.tolist(), found.categories)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    "damage",
    [
        {},
        [1],
        "no",
        7,
        True,
        *({name: value for name, value in PLAIN.items() if name != left_out} for left_out in PLAIN),
        PLAIN | {"predicted": ["x", "y"]},
        PLAIN | {"predicted": [0.1, None]},
        PLAIN | {"predicted": [0.1, float("nan")]},
        PLAIN | {"predicted": [[0.1], [0.2]]},
        PLAIN | {"predicted": 0.1},
        PLAIN | {"truth": [0.1]},
        PLAIN | {"truth": [0.1, float("inf")]},
        PLAIN | {"out_of_range": [0, 0, 0]},
        PLAIN | {"categories": None},
        PLAIN | {"categories": ["a"]},
        PLAIN | {"low": [0.0] * 15},
        PLAIN | {"low": [0.0] * 15, "high": [1.0] * 15},
        PLAIN | {"low": [[0.0]] * 16, "high": [[1.0]] * 16},
        {name: [] for name in PLAIN},
    ],
    ids=lambda damage: str(damage)[:60],
)
def test_damaged_calibrations_are_refused(tmp_path, damage):
    path = archive(tmp_path / "x.skops", predictor().estimator, calibration=damage)
    assert "cannot be used" in refused(path)


def test_a_header_without_a_calibration_is_refused(tmp_path):
    def edit(name, content):
        header = json.loads(content) if name == HEADER else {}
        header.pop("calibration", None)
        return json.dumps(header).encode() if name == HEADER else content

    assert "its header is not a predictor's" in refused(archive(tmp_path / "x.skops", predictor().estimator, edit))


def test_a_calibration_is_of_the_features_of_its_predictor():
    with pytest.raises(SettingError, match="calibration is 15, but must be of 16 features"):
        predictor(calibration=replace(CALIBRATION, low=CALIBRATION.low[:15], high=CALIBRATION.high[:15]))


@pytest.mark.parametrize(
    ("pointer", "value"),
    [
        ("left_child", 10**6),
        ("left_child", -5),
        ("left_child", 0),
        ("left_child", -1),
        ("right_child", 10**6),
        ("right_child", 0),
        ("right_child", -1),
        ("feature", 10**6),
        ("feature", -3),
    ],
)
def test_a_tree_that_points_outside_itself_or_back_is_refused(tmp_path, pointer, value):
    """scikit-learn would follow the pointer into memory that is not the tree's, or for ever."""
    made = predictor(method="trees")
    forest = made.estimator.pipeline_[-1]
    state = forest.estimators_[0].tree_.__getstate__()
    state["nodes"][pointer][0] = value
    forest.estimators_[0].tree_.__setstate__(state)
    write_predictor(made, tmp_path / "bad.skops")
    with pytest.raises(UnreadableFileError, match="cannot be used"):
        read_predictor(tmp_path / "bad.skops")


def test_a_tree_without_nodes_is_refused(tmp_path):
    made = predictor(method="trees")
    tree = made.estimator.pipeline_[-1].estimators_[0].tree_
    state = tree.__getstate__()
    tree.__setstate__(state | {"node_count": 0})
    write_predictor(made, tmp_path / "bad.skops")
    with pytest.raises(UnreadableFileError, match="cannot be used"):
        read_predictor(tmp_path / "bad.skops")
