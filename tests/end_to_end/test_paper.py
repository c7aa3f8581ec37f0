"""The paper's results through `python -m paper`."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from command_line import ROOT, paper, the_one_line
from epochgraph.runs import read_stored_runs, write_runs
from paper.names import RESULTS
from paper.wild import of_sweeps

ZOOS = Path(__file__).parents[2] / "zoos"
pytestmark = pytest.mark.skipif(not ZOOS.exists(), reason=f"{ZOOS} is missing: a checkout has it")


def test_a_table_is_printed_and_written(tmp_path):
    result = paper("table1", "--zoos", ZOOS, "-o", tmp_path)
    assert result.returncode == 0, result.stderr
    assert "Table 1: the populations" in result.stdout
    assert sorted(path.name for path in tmp_path.iterdir()) == ["table1.json", "table1.md"]
    names = [row["population"] for row in json.loads((tmp_path / "table1.json").read_text())]
    assert names == sorted(path.stem for path in ZOOS.glob("*.parquet") if not of_sweeps(path))


def test_a_folder_without_populations_is_one_line(tmp_path):
    result = paper("table1", "--zoos", tmp_path / "nowhere", "-o", tmp_path / "out")
    assert result.returncode == 2
    assert result.stderr.startswith("paper: ")
    assert "holds no populations" in result.stderr
    assert result.stderr.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_what_the_populations_do_not_allow_is_left_out_of_all_and_refused_alone(tmp_path):
    """A population of three runs: table 1 and figure 5 need no more."""
    write_runs(read_stored_runs(ZOOS / "lenet-cifar10-reduced.parquet")[:3], tmp_path / "few.parquet")
    result = paper("all", "--zoos", tmp_path, "-o", tmp_path / "out")
    assert result.returncode == 0, result.stderr
    left_out = [line.split(" is left out: ")[0] for line in result.stderr.splitlines()]
    first = ["table2", "gaps", "regression", "figure3", "figure4"]
    assert left_out == [*first, "added", "decisions", "sweeps", "ablation", "further"]
    page = (tmp_path / "out" / "README.md").read_text()
    assert "Table 1" in page
    assert f"from the populations in `{tmp_path}/`" in page
    assert f"`python -m paper all --zoos {tmp_path} --out {tmp_path / 'out'}`; nothing on it is typed" in page
    alone = paper("figure4", "--zoos", tmp_path, "-o", tmp_path / "alone")
    assert alone.returncode == 2
    assert "must be of architectures, data or widths that figure 4 compares" in alone.stderr
    assert not (tmp_path / "alone").exists()


def test_a_name_too_long_for_the_system_is_one_line(tmp_path):
    long = tmp_path / ("x" * 300)
    assert "File name too long" in the_one_line(paper("table1", "--zoos", long))


def test_the_help_names_every_result_and_waits_for_no_library(tmp_path):
    """As a module, from a checkout: what a reader of the page types."""
    command = [sys.executable, "-X", "importtime", "-m", "paper", "--help"]
    result = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    assert all(name in result.stdout for name in ("all", "fit", *RESULTS))
    assert "usage: python -m paper" in result.stdout.lower()
    assert "sklearn" not in result.stderr
    assert all("out/results" in paper(name, "--help").stdout for name in ("all", *RESULTS))


def test_predictors_of_too_few_runs_are_one_line_and_no_file(tmp_path):
    """Three runs have three learning rates at most: too few to hold some out twice."""
    write_runs(read_stored_runs(ZOOS / "lenet-cifar10-reduced.parquet")[:3], tmp_path / "few.parquet")
    the_one_line(paper("fit", tmp_path, "-o", tmp_path / "predictors"))
    assert not [*(tmp_path / "predictors").glob("*")]
