"""Stored runs from a stranger: runs, or one line."""

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from epochgraph.errors import UnreadableFileError
from epochgraph.runs import read_about, read_stored_runs
from epochgraph.runs.storage import KEY

HALF = "\ud800"
"""Half of a character: JSON can hold it, and nothing can print or store it."""


def stored(path, document):
    table = pa.table({"run": [HALF.encode("utf-8", "replace").decode()], "epoch": [1.0], "diverged": [False]})
    pq.write_table(table.replace_schema_metadata({KEY: json.dumps(document)}), path)
    return path


@pytest.mark.parametrize(
    "run",
    [
        {"name": HALF, "settings": {}},
        {"name": "a", "settings": {HALF: 1}},
        {"name": "a", "settings": {"architecture": HALF}},
        {"name": "a", "settings": {"architecture": [HALF]}},
    ],
)
def test_halves_of_characters_are_refused_in_one_line(tmp_path, run):
    path = stored(tmp_path / "run.parquet", {"version": 2, "about": {}, "runs": [run]})
    with pytest.raises(UnreadableFileError, match="not of runs") as raised:
        read_stored_runs(path)
    str(raised.value).encode()


@pytest.mark.parametrize("about", [{HALF: "x"}, {"x": HALF}])
def test_what_is_said_of_runs_is_text(tmp_path, about):
    path = stored(tmp_path / "run.parquet", {"version": 2, "about": about, "runs": []})
    with pytest.raises(UnreadableFileError, match="not of runs"):
        read_about(path)
