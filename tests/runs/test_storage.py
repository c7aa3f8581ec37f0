import json

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from jaxtyping import TypeCheckError

from epochgraph.errors import SettingError, UnreadableFileError
from epochgraph.runs import (
    Recording,
    Run,
    parquet_files,
    read_about,
    read_stored_run,
    read_stored_runs,
    runs_table,
    write_run,
    write_runs,
)
from epochgraph.runs.storage import KEY
from epochgraph.signature import Signature
from populations import population

NAMES = st.text(st.characters(codec="utf-8"), max_size=8)


def epochs(least: int) -> st.SearchStrategy[np.ndarray]:
    return st.lists(st.floats(0, 1e6), unique=True, min_size=least, max_size=4).map(
        lambda t: np.array(sorted(t), float)
    )


VALUES = st.floats(allow_nan=True, allow_infinity=True, allow_subnormal=True)
SETTINGS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8)


@st.composite
def stored_runs(draw: st.DrawFn) -> Run:
    times, measurements = draw(epochs(0)), draw(epochs(0))
    names = tuple(draw(st.lists(NAMES, unique=True, max_size=3)))
    values = draw(hnp.arrays(np.float64, (len(times), len(names)), elements=VALUES))
    diverged = draw(hnp.arrays(bool, len(times)))
    columns = draw(st.lists(NAMES, unique=True, max_size=3))
    measurements = measurements if columns else measurements[:0]
    measured = draw(hnp.arrays(np.float64, (len(measurements), len(columns)), elements=VALUES))
    metrics = pd.DataFrame(measured, pd.Index(measurements, name="epoch"), columns)
    options = draw(st.dictionaries(NAMES, SETTINGS, max_size=3))
    recorded = draw(epochs(1))
    vectors = draw(hnp.arrays(np.float16, (len(recorded), 3), elements=st.floats(width=16)))
    recordings = draw(st.dictionaries(NAMES, st.just(Recording(recorded, vectors)), max_size=2))
    return Run(draw(NAMES), Signature(times, names, values, diverged), metrics, options, recordings)


def bits(values: np.ndarray) -> list:
    return np.ascontiguousarray(values, dtype=np.float64).view(np.uint64).tolist()


@given(run=stored_runs())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], deadline=None)
def test_reading_gives_back_every_bit(run, tmp_path):
    write_run(run, tmp_path / "run.parquet")
    back = read_stored_run(tmp_path / "run.parquet")
    assert (back.name, back.signature.names) == (run.name, run.signature.names)
    assert list(map(repr, back.settings.items())) == list(map(repr, run.settings.items()))
    assert bits(back.signature.times) == bits(run.signature.times)
    assert bits(back.signature.values) == bits(run.signature.values)
    assert back.signature.values.shape == run.signature.values.shape
    assert back.signature.diverged.tolist() == run.signature.diverged.tolist()
    assert list(back.metrics) == list(run.metrics)
    assert bits(back.metrics.index.to_numpy()) == bits(run.metrics.index.to_numpy())
    assert bits(back.metrics.to_numpy()) == bits(run.metrics.to_numpy())
    assert list(back.recordings) == list(run.recordings)
    for name, recording in run.recordings.items():
        assert bits(back.recordings[name].times) == bits(recording.times)
        assert back.recordings[name].values.tobytes() == recording.values.tobytes()


def test_a_file_opens_as_a_table_anywhere(tmp_path):
    """One row a time, null (not NaN) where the signature or the metrics lack it."""
    (run,) = population(1, epochs=2, features=1)
    write_run(run, tmp_path / "run.parquet")
    table = pq.read_table(tmp_path / "run.parquet")
    assert table.column_names[:3] == ["run", "epoch", "diverged"]
    assert table["epoch"].to_pylist() == [0.0, 1.0, 2.0]
    assert table["metric:train_loss"].is_valid().to_pylist() == [False, True, True]
    assert table["metric:test_accuracy"].is_valid().to_pylist() == [False, True, True]
    assert np.isnan(table["metric:test_accuracy"].to_pylist()[1])


def test_a_folder_is_read_in_natural_order(tmp_path):
    runs = population(3)
    for run, number in zip(runs, (10, 9, 100), strict=True):
        write_run(run, tmp_path / f"run{number}.parquet")
    (tmp_path / ".run1-half.parquet").write_bytes(b"PAR1")
    (tmp_path / "notes.txt").write_text("not of runs")
    assert [run.name for run in read_stored_runs(tmp_path)] == ["run1", "run0", "run2"]
    assert [path.stem for path in parquet_files(tmp_path)] == ["run9", "run10", "run100"]
    assert parquet_files(tmp_path / "nowhere") == []


def test_a_population_is_one_small_file(tmp_path):
    """Runs of different features, epochs and settings; features are rounded to seven digits, all else is kept."""
    first, second, third = population(3, epochs=3)
    wide = Signature(second.signature.times, ("other",), second.signature.values[:, :1], second.signature.diverged)
    recordings = {"degree": Recording(np.array([0.0, 2.0]), np.ones((2, 5), np.float16))}
    runs = [first, Run("wide", wide, second.metrics, {"learning_rate": "high", "big": 2**70}, recordings), third]
    write_runs(runs, tmp_path / "all.parquet")
    back = read_stored_runs(tmp_path / "all.parquet")
    assert [run.name for run in back] == [run.name for run in runs]
    for found, expected in zip(back, runs, strict=True):
        assert found.signature.names == expected.signature.names
        np.testing.assert_array_equal(found.signature.values, expected.signature.values.astype(np.float32))
        pd.testing.assert_frame_equal(found.metrics, expected.metrics)
        assert found.settings == expected.settings
    assert back[1].recordings["degree"].values.shape == (2, 5)
    table = pd.read_parquet(tmp_path / "all.parquet")
    assert table.loc[table["run"] == "wide", "setting:learning_rate"].tolist() == ["high"] * 4


def test_a_population_needs_runs_of_different_names(tmp_path):
    (run,) = population(1)
    for runs in ([], [run, run]):
        with pytest.raises(SettingError, match="of a name of its own"):
            write_runs(runs, tmp_path / "all.parquet")
    write_runs(population(2), tmp_path / "two.parquet")
    with pytest.raises(UnreadableFileError, match="it has 2 runs"):
        read_stored_run(tmp_path / "two.parquet")


def test_the_texts_of_a_population_are_read_without_its_runs(tmp_path, monkeypatch):
    write_runs(population(2), tmp_path / "all.parquet", about={"recipe": "text"})
    monkeypatch.setattr(pq.ParquetFile, "read", lambda *args, **kwargs: 1 / 0)
    assert read_about(tmp_path / "all.parquet") == {"recipe": "text"}
    (tmp_path / "all.parquet").write_bytes(b"PAR1")
    with pytest.raises(UnreadableFileError, match="not a whole Parquet file"):
        read_about(tmp_path / "all.parquet")


def test_many_runs_are_one_table():
    runs = population(2, epochs=2)
    longer = Run("other", runs[1].signature, runs[1].metrics, {"learning_rate": 0.3, "optimizer": "adam"})
    table = runs_table([runs[0], longer])
    assert table["run"].tolist() == ["run0"] * 3 + ["other"] * 3
    assert table["epoch"].tolist() == [0, 1, 2] * 2
    assert table["setting:learning_rate"].tolist() == [0.1] * 3 + [0.3] * 3
    assert table["setting:optimizer"].isna().tolist() == [True] * 3 + [False] * 3
    assert table["diverged"].tolist() == [False] * 6
    assert table.loc[5, "metric:test_accuracy"] == longer.final_accuracy()
    assert table.loc[4, "feature:feature2"] == longer.signature.values[1, 2]


def test_no_runs_are_an_empty_table():
    assert runs_table([]).empty


def test_the_final_accuracy_is_the_last_epochs():
    (run,) = population(1, epochs=3)
    assert run.final_accuracy() == run.metrics["test_accuracy"].iloc[-1] == 10.0
    assert run.final_accuracy("train_loss") == run.metrics["train_loss"].iloc[-1]


def test_without_final_accuracy_the_error_names_the_run():
    (run,) = population(1)
    metrics = run.metrics.assign(test_accuracy=np.nan)
    with pytest.raises(SettingError, match="run 'run0' at its last epoch, which recorded train_loss"):
        Run(run.name, run.signature, metrics, {}).final_accuracy()
    with pytest.raises(SettingError, match="recorded nothing"):
        Run(run.name, run.signature, metrics.iloc[:0], {}).final_accuracy()


@pytest.mark.parametrize(
    "change",
    [
        lambda metrics: metrics.rename_axis("step"),
        lambda metrics: metrics.set_axis(pd.Index([1, 2, 3], name="epoch")),
        lambda metrics: metrics.iloc[::-1],
        lambda metrics: metrics.astype({"train_loss": "float32"}),
        lambda metrics: metrics.rename(columns={"train_loss": 7}),
        lambda metrics: metrics[[]],
    ],
    ids=["unnamed", "integers", "backwards", "float32", "no-string", "no-columns"],
)
def test_metrics_of_another_form_are_refused(change):
    (run,) = population(1, epochs=3)
    with pytest.raises(SettingError, match=r"^metrics"):
        Run(run.name, run.signature, change(run.metrics), {})


def test_a_setting_that_json_would_change_is_refused():
    (run,) = population(1)
    with pytest.raises((SettingError, TypeCheckError), match="'batch'"):  # in tests, beartype may come first
        Run(run.name, run.signature, run.metrics, {"batch": np.int64(128)})


def test_a_crash_while_writing_leaves_the_earlier_file(tmp_path, monkeypatch):
    first, second = population(2)
    write_run(first, tmp_path / "run.parquet")
    monkeypatch.setattr(pq, "write_table", lambda *args, **kwargs: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        write_run(second, tmp_path / "run.parquet")
    assert [path.name for path in tmp_path.iterdir()] == ["run.parquet"]
    assert read_stored_run(tmp_path / "run.parquet").name == first.name


def stored(tmp_path, **changes):
    """A file like `write_run` writes, with some columns or parts of its document replaced."""
    path = tmp_path / "run.parquet"
    write_run(population(1)[0], path)
    table = pq.read_table(path)
    document = json.loads(table.schema.metadata[KEY]) | changes.pop("document", {})
    for name, column in changes.items():
        place = table.column_names.index(name)
        table = table.remove_column(place) if column is None else table.set_column(place, name, column)
    pq.write_table(table.replace_schema_metadata({KEY: json.dumps(document)}), path)
    return path


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({"document": {"version": 3}}, "format version 3, this package reads 2"),
        ({"document": {"version": None}}, "format version None"),
        ({"document": {"runs": [{"name": "run0", "settings": 3}]}}, "not of runs"),
        ({"document": {"runs": [{"name": "run0", "settings": {"a": [1]}}]}}, "not of runs"),
        ({"document": {"runs": [{"name": 3, "settings": {}}]}}, "not of runs"),
        ({"document": {"runs": []}}, "not of runs"),
        ({"epoch": None}, "not of runs"),
        ({"diverged": None}, "not of runs"),
        ({"epoch": pa.array([0.0, 2.0, 1.0, 3.0])}, "not of runs"),
        ({"epoch": pa.array(["0", "1", "2", "3"])}, "not of runs"),
        ({"diverged": pa.array(["a", "b", "c", "d"])}, "not of runs"),
        ({"feature:feature1": pa.array(["a", "b", "c", "d"])}, "not of runs"),
    ],
)
def test_a_parquet_file_that_is_no_run_is_refused(tmp_path, changes, found):
    with pytest.raises(UnreadableFileError, match=found) as caught:
        read_stored_run(stored(tmp_path, **changes))
    assert "\n" not in str(caught.value)


def test_files_that_are_not_parquet_are_refused(tmp_path):
    path = tmp_path / "run.parquet"
    write_run(population(1)[0], path)
    whole = path.read_bytes()
    pq.write_table(pa.table({"epoch": [1.0]}), tmp_path / "other.parquet")
    broken = [whole[:-1], whole[: len(whole) // 2], whole[:8] + b"\xff" * 64 + whole[72:]]
    for content in [b"", b"PAR1", b"hello", *broken, (tmp_path / "other.parquet").read_bytes()]:
        path.write_bytes(content)
        with pytest.raises(UnreadableFileError) as caught:
            read_stored_run(path)
        assert str(path) in str(caught.value)
        assert "\n" not in str(caught.value)


def test_missing_files_and_folders_without_runs_are_refused(tmp_path):
    with pytest.raises(UnreadableFileError, match="No such file"):
        read_stored_run(tmp_path / "nowhere.parquet")
    with pytest.raises(UnreadableFileError, match=r"directory|regular file"):
        read_stored_run(tmp_path)
    for folder in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(UnreadableFileError, match="there are no runs"):
            read_stored_runs(folder)
    for read in (read_stored_run, read_stored_runs, parquet_files, read_about):
        with pytest.raises(UnreadableFileError, match="File name too long"):
            read(tmp_path / ("x" * 300))
