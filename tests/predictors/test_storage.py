import json
import shutil
from zipfile import ZIP_DEFLATED, ZipFile

import numpy as np
import pytest
import skops.io
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import FunctionTransformer

from epochgraph.errors import SettingError, UnreadableFileError
from epochgraph.predictors import Predictor, SignatureClassifier, SignatureRegressor, read_predictor, write_predictor
from epochgraph.predictors.storage import HEADER
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
    good = {"version": 1, "threshold": 50.0, "extraction": {}, "trained_on": {}, "versions": {}}
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
    assert "cannot be used" in refused(archive(tmp_path / "x.skops", other))
    assert "cannot be used" in refused(archive(tmp_path / "x.skops", SignatureClassifier()))


@pytest.mark.parametrize(
    ("header", "found"),
    [
        ({"version": 2, "threshold": "new"}, "format version 2, this package reads 1"),
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
    path = archive(tmp_path / "x.skops", predictor().estimator, compression=ZIP_DEFLATED)
    assert "it is not a predictor" in refused(path)


def test_a_tree_that_points_outside_itself_is_refused(tmp_path):
    """scikit-learn would follow the pointer into memory that is not the tree's."""
    made = predictor(method="trees")
    forest = made.estimator.pipeline_[-1]
    state = forest.estimators_[0].tree_.__getstate__()
    state["nodes"]["left_child"][0] = 10**6
    forest.estimators_[0].tree_.__setstate__(state)
    write_predictor(made, tmp_path / "bad.skops")
    with pytest.raises(UnreadableFileError, match="cannot be used"):
        read_predictor(tmp_path / "bad.skops")
