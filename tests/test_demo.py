"""The demo's parts, small; the whole of it runs in the end-to-end tests."""

import dataclasses

import numpy as np
import pytest
import torch

from epochgraph.demo import (
    EXTRACTION,
    check_size,
    digits_population,
    draw,
    images_population,
    trained_run,
    trained_runs,
)
from epochgraph.errors import SettingError
from epochgraph.extraction import extraction
from epochgraph.runs import read_stored_run


@pytest.fixture(autouse=True)
def _one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def test_the_grid_is_spread_over_learning_rates_and_dropout():
    settings = digits_population(runs=45, epochs=4).settings
    assert len({(s.learning_rate, s.dropout) for s in settings}) == 45
    assert len({s.seed for s in settings}) == 45
    assert len({s.learning_rate for s in settings}) == 10


def test_a_run_records_what_training_and_graph_did():
    population = digits_population(runs=20, epochs=4)
    run = trained_run(population, dataclasses.replace(population.settings[10], epochs=2))
    assert run.signature.times.tolist() == [0, 1, 2]
    assert run.metrics.index.tolist() == [0, 1, 2]
    assert run.metrics[["validation_accuracy", "test_accuracy", "degree q50"]].notna().all(axis=None)
    assert extraction(run.settings) == EXTRACTION
    again = trained_run(population, dataclasses.replace(population.settings[10], epochs=2))
    np.testing.assert_array_equal(run.signature.values, again.signature.values)


def test_a_diverged_run_is_recorded():
    population = digits_population(runs=20, epochs=4)
    run = trained_run(population, dataclasses.replace(population.settings[0], learning_rate=1e6, epochs=2))
    assert run.signature.diverged[-1]
    assert np.isnan(run.metrics["degree q50"].iloc[-1])
    assert run.final_accuracy() == pytest.approx(0.1)


def test_finished_runs_are_not_trained_again(tmp_path):
    population = digits_population(runs=20, epochs=4)
    few = dataclasses.replace(
        population, settings=tuple(dataclasses.replace(s, epochs=1) for s in population.settings[:3])
    )
    first = {run.name: run for run in trained_runs(few, tmp_path, workers=1)}
    assert len(first) == 3
    path = tmp_path / f"{sorted(first)[0]}.parquet"
    path.write_bytes(b"damaged")
    before = {file: file.stat().st_mtime_ns for file in tmp_path.iterdir()}
    second = {run.name: run for run in trained_runs(few, tmp_path, workers=1)}
    assert second.keys() == first.keys()
    changed = {file for file in tmp_path.iterdir() if file.stat().st_mtime_ns != before[file]}
    assert changed == {path}
    np.testing.assert_array_equal(read_stored_run(path).signature.values, first[sorted(first)[0]].signature.values)


def test_the_picture_is_drawn(tmp_path):
    population = digits_population(runs=20, epochs=4)
    runs = [trained_run(population, dataclasses.replace(s, epochs=1)) for s in population.settings[::2]]
    draw(runs, population, tmp_path / "demo.png")
    assert (tmp_path / "demo.png").read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    assert (tmp_path / "demo.png").stat().st_size > 50_000


def test_too_small_a_demo_is_refused():
    with pytest.raises(SettingError, match="runs is 5, but must be at least 20"):
        check_size(5, 12)
    with pytest.raises(SettingError, match="epochs is 2, but must be at least 4"):
        check_size(20, 2)


def test_images_of_ones_own_are_told_by_their_classes(tmp_path):
    from PIL import Image

    for split in ("train", "test"):
        for label in range(4):
            for number in range(20):
                path = tmp_path / "album" / split / str(label) / f"{number}.png"
                path.parent.mkdir(parents=True, exist_ok=True)
                Image.new("RGB", (32, 32), (60 * label, number, 0)).save(path)
    population = images_population(tmp_path / "album", runs=20, epochs=4)
    assert population.name == "album"
    assert population.threshold == 2.5 / 4
    run = trained_run(population, dataclasses.replace(population.settings[5], epochs=1))
    assert run.signature.values.shape[0] == 2
