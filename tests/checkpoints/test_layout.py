"""Runs have the name of the folder that tells them apart, and find what lies beside their checkpoints."""

from pathlib import Path

import pytest

from epochgraph.checkpoints.layout import beside, run_name, run_names
from epochgraph.errors import SettingError


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("logs/net/version_3/checkpoints", "version_3"),
        ("logs/net/version_3", "version_3"),
        ("sweep/run7", "run7"),
        ("exp/weights", "exp"),
        ("exp/Checkpoints/ckpt", "exp"),
        ("exp/epoch_3.pt", "epoch_3.pt"),
    ],
)
def test_the_name_of_a_run(tmp_path, path, name):
    assert run_name(tmp_path / path) == name


def test_runs_of_one_name_have_those_of_the_folders_above_too(tmp_path):
    paths = [tmp_path / path for path in ("a/version_0/checkpoints", "b/version_0/checkpoints", "b/version_1")]
    assert list(run_names(paths).values()) == ["a-version_0", "b-version_0", "version_1"]
    nested = [tmp_path / "a" / "x", tmp_path / "b" / "a" / "x"]
    assert len(set(run_names(nested).values())) == 2


def test_a_run_that_is_given_twice_is_refused(tmp_path):
    with pytest.raises(SettingError, match="different names"):
        run_names([tmp_path / "a", tmp_path / "a" / "checkpoints"])


def touched(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    return path


def test_metrics_lie_beside_the_checkpoints_or_in_the_runs_own_folder(tmp_path):
    run = tmp_path / "logs" / "version_0" / "checkpoints"
    run.mkdir(parents=True)
    assert beside(run, "metrics.csv") == run / "metrics.csv"
    above = touched(run.parent / "metrics.csv")
    touched(tmp_path / "logs" / "metrics.csv")  # of another run, or of all
    assert beside(run, "metrics.csv") == above
    assert beside(touched(run / "epoch=0.ckpt"), "metrics.csv") == above
    nearer = touched(run / "metrics.csv")
    assert beside(run, "metrics.csv") == nearer


def test_metrics_of_a_logger_with_a_folder_of_its_own(tmp_path):
    run = tmp_path / "12-30-45" / "checkpoints"
    run.mkdir(parents=True)
    logged = touched(tmp_path / "12-30-45" / "csv" / "version_0" / "metrics.csv")
    assert beside(run, "metrics.csv") == logged
    touched(tmp_path / "12-30-45" / "csv" / "version_1" / "metrics.csv")
    assert beside(run, "metrics.csv") == run / "metrics.csv"
