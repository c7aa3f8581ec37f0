from dataclasses import replace

import pytest

from epochgraph.errors import UnreadableFileError
from epochgraph.runs import write_runs
from paper.populations import read_populations
from populations import population


def write(path, recipe):
    settings = {"recipe": recipe, "threshold": 50.0, "data": "CIFAR-10", "architecture": "LeNet"}
    write_runs([replace(run, settings={**run.settings, **settings}) for run in population(3)], path)


def test_two_files_of_one_recipe_are_refused(tmp_path):
    write(tmp_path / "a.parquet", "lenet")
    write(tmp_path / "b.parquet", "other")
    assert [one.name for one in read_populations(tmp_path)] == ["lenet", "other"]
    write(tmp_path / "c.parquet", "lenet")
    with pytest.raises(UnreadableFileError, match=r"c.parquet: it is of the recipe 'lenet', and so is .*a.parquet"):
        read_populations(tmp_path)


def test_a_file_that_is_being_written_is_not_read(tmp_path):
    write(tmp_path / "a.parquet", "lenet")
    (tmp_path / ".b.parquet").write_bytes(b"PAR1")
    assert [one.name for one in read_populations(tmp_path)] == ["lenet"]
