"""The demo's parts, small; the whole of it runs in the end-to-end tests."""

import dataclasses

import numpy as np
import pytest
import torch

from epochgraph.demo import EXTRACTION, check_size, digits_population, draw, images_population, trained_runs
from epochgraph.errors import SettingError, UnreadableFileError


@pytest.fixture(autouse=True)
def _one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def test_the_grid_is_spread_over_learning_rates_and_dropout():
    settings = digits_population(runs=45, epochs=4).recipe.settings()[:45]
    assert len({(s.learning_rate, s.dropout) for s in settings}) == 45
    assert len({s.seed for s in settings}) == 45
    assert len({s.learning_rate for s in settings}) == 10


def test_finished_runs_are_not_trained_again(tmp_path):
    population = digits_population(runs=2, epochs=2)
    first = {run.name: run for run in trained_runs(population, tmp_path, workers=1)}
    assert len(first) == 2
    for run in first.values():
        assert run.signature.times.tolist() == run.metrics.index.tolist() == [0, 1, 2]
        assert EXTRACTION.selected(run.signature).names == run.signature.names
        assert run.recordings["degree"].times.tolist() == [0, 1, 2]
    before = {file: file.stat().st_mtime_ns for file in tmp_path.glob("runs/*")}
    second = {run.name: run for run in trained_runs(dataclasses.replace(population, runs=3), tmp_path, workers=1)}
    assert len(second) == 3
    for name, run in first.items():
        np.testing.assert_array_equal(second[name].signature.values, run.signature.values)
    assert before == {file: file.stat().st_mtime_ns for file in before}


def test_a_damaged_run_is_named(tmp_path):
    population = digits_population(runs=1, epochs=1)
    (run,) = trained_runs(population, tmp_path, workers=1)
    (tmp_path / "runs" / f"{run.name}.parquet").write_bytes(b"damaged")
    with pytest.raises(UnreadableFileError, match=run.name):
        list(trained_runs(population, tmp_path, workers=1))


def test_the_picture_is_drawn(tmp_path):
    population = digits_population(runs=10, epochs=1)
    runs = list(trained_runs(population, tmp_path, workers=1))
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
    population = images_population(tmp_path / "album", runs=1, epochs=1, cache=tmp_path / "cache")
    assert population.name == "album"
    assert population.recipe.threshold == 2.5 / 4
    (run,) = trained_runs(population, tmp_path / "out", workers=1)
    assert run.signature.values.shape[0] == 2
