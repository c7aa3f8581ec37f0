"""The paper's results through the command line."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

COMMAND = [sys.executable, "-c", "from epochgraph.cli import main; main()", "reproduce"]
ZOOS = Path(__file__).parents[2] / "zoos"
pytestmark = pytest.mark.skipif(not ZOOS.exists(), reason=f"{ZOOS} is missing: a checkout has it")


def reproduce(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*COMMAND, *map(str, arguments)], check=False, capture_output=True, text=True, timeout=300)


def test_a_table_is_printed_and_written(tmp_path):
    result = reproduce("table1", "--zoos", ZOOS, "-o", tmp_path)
    assert result.returncode == 0, result.stderr
    assert "Table 1: the populations" in result.stdout
    assert sorted(path.name for path in tmp_path.iterdir()) == ["table1.json", "table1.md"]
    names = [row["population"] for row in json.loads((tmp_path / "table1.json").read_text())]
    assert names == sorted(path.stem for path in ZOOS.glob("*.parquet"))


def test_a_folder_without_populations_is_one_line(tmp_path):
    result = reproduce("table1", "--zoos", tmp_path / "nowhere", "-o", tmp_path / "out")
    assert result.returncode == 2
    assert result.stderr.startswith("epochgraph: ")
    assert "holds no populations" in result.stderr
    assert result.stderr.count("\n") == 1
    assert not (tmp_path / "out").exists()
