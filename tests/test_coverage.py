"""The harness that reads public model libraries; the libraries themselves are not installed where this runs."""

from dataclasses import replace
from importlib.util import find_spec

import pytest
import torch
from torch import nn

from benchmarks.coverage import batches, lines, measuring, page, rows
from benchmarks.coverage.__main__ import main
from benchmarks.coverage.batches import Limits
from benchmarks.coverage.examples import Example
from benchmarks.coverage.libraries import LIBRARIES
from benchmarks.coverage.rows import LeftOut, Row
from epochgraph.errors import TracingError

LEFT = LeftOut("aten.foo.default in layers.3.self_attn is not understood", 2, 30, 20, "layers.3.weight")
GOOD = Row("timm", "good", "1.0", "traced", parameters=110, weights=100, joined=100, covered=110, seconds=1.0)
SHORT = replace(GOOD, name="short", joined=80, covered=80, left_out=(LEFT,), seconds=3.0, memory=700.0)
FAILED = Row("timm", "failed_12", "1.0", "failed", error="ValueError: 12 is not 13")


@pytest.mark.parametrize("library", LIBRARIES)
def test_every_library_names_models(library):
    if find_spec(library) is None:  # it must not be imported before its operators are declared
        pytest.skip(f"{library} is not installed; see benchmarks/coverage/requirements.txt")
    names = LIBRARIES[library].names()
    assert names
    assert len(set(names)) == len(names)


def test_every_example_of_torch_runs():
    for name in LIBRARIES["torch"].names():
        example, _ = measuring.built(LIBRARIES["torch"].example, name, "cpu")
        assert measuring.blamed(example, TracingError("found", "advice"))[1] == "failed"  # so it is not the model's


def test_a_row_counts_matrices_and_all_weights_apart():
    class Scaled(nn.Module):
        def __init__(self):
            super().__init__()
            self.linear = nn.Linear(3, 4)
            self.unused = nn.Parameter(torch.zeros(2, 6))
            self.unused_vector = nn.Parameter(torch.zeros(5))

        def forward(self, x):
            return self.linear(x)

    example = Example(Scaled(), (torch.zeros(1, 3),))
    row = measuring.counted(Row("torch", "scaled", "", "traced", parameters=33), example, measuring.traced(example))
    assert (row.weights, row.joined, row.covered) == (24, 12, 16)
    assert (row.joined_share, row.covered_share) == (12 / 24, 16 / 33)
    (left,) = row.left_out
    assert (left.count, left.values, left.weights, left.example) == (2, 17, 12, "unused")


def test_a_model_that_does_not_run_is_not_the_tracers_failure():
    example = Example(nn.Linear(3, 4), (torch.zeros(1, 5),))
    error = measuring.traced(example)
    assert isinstance(error, TracingError)
    culprit, status = measuring.blamed(example, error)
    assert status == "not built"
    assert measuring.one_line(culprit).startswith("RuntimeError: mat1 and mat2")


def test_an_error_is_one_line_and_tells_its_cause():
    error = TracingError("found", "advice")
    error.__cause__ = ValueError("\n first \n second")
    assert measuring.one_line(error) == "TracingError of ValueError: first"


def test_rows_come_back_from_their_file_and_a_line_cut_in_two_is_taken_off(tmp_path):
    path = tmp_path / "rows.jsonl"
    for row in (GOOD, SHORT, FAILED, replace(FAILED, error="again")):
        lines.append(path, row)
    whole = path.read_bytes()
    path.write_bytes(whole + b'{"library": "ti')
    assert rows.read(path) == (GOOD, SHORT, replace(FAILED, error="again"))
    assert path.read_bytes() == whole


def test_a_second_start_goes_on_where_the_first_was_stopped(tmp_path):
    path = tmp_path / "rows.jsonl"
    lines.append(path, Row("torch", "RNN", "0", "failed", error="kept"))
    main("torch", out=path, only="RNN*", workers=1)
    done = rows.read(path)
    assert [row.name for row in done] == ["RNN", "RNN, both directions", "RNNCell"]
    assert done[0].error == "kept"
    assert {row.status for row in done[1:]} == {"traced"}
    assert all(row.memory > 0 and row.seconds > 0 and row.parameters > 0 for row in done[1:])
    before = path.read_bytes()
    main("torch", out=path, only="RNN*", workers=1)
    assert path.read_bytes() == before


def test_a_model_that_takes_too_long_is_killed_and_the_rest_goes_on():
    limits = Limits(seconds=0.0, start_seconds=0.0)
    lost = list(batches.rows("torch", ("RNN", "GRU", "LSTM"), workers=2, batch=2, limits=limits))
    assert sorted(row.name for row in lost) == ["GRU", "LSTM", "RNN"]
    assert {row.status for row in lost} == {"out of time"}


def test_a_model_that_takes_its_process_with_it_has_a_row():
    (row,) = batches.rows("torch", ("RNN",), workers=1, batch=1, limits=Limits(gibibytes=1e-6))
    assert row.status != "traced"
    assert row.error.startswith("the process ended with")


def test_the_page_sums_up_and_lists_what_fell_short():
    text = page.page([replace(GOOD, rung="export"), SHORT, FAILED], {"timm": 1371})
    assert "| timm 1.0 | 3 of 1,371 | 2 (66.7%) | export 1 | 1 (33.3%) | 90.00% | 2.0 (0.0) | 2.9 (0.0) | 700 |" in text
    assert "| 1 | failed | ValueError: N is not N | failed_12 |" in text
    assert "| 1 | 80.0% | aten.foo.default is not understood | short 80% |" in text
    assert "| 1 | 2 | 20 | aten.foo.default is not understood | short: layers.3.weight, 20.0% |" in text


def test_the_page_says_so_if_nothing_fell_short():
    assert "Every model is traced" in page.page([GOOD], {})
