"""Every example runs as it stands, from the root of a checkout; what is trained is little."""

import re
import runpy
from pathlib import Path

import pytest

from command_line import ROOT, epochgraph, example
from epochgraph import extract
from epochgraph.extraction import extraction
from epochgraph.runs import read_stored_runs

EXAMPLES = ROOT / "examples"
pytestmark = pytest.mark.skipif(not EXAMPLES.exists(), reason=f"{EXAMPLES} is missing: a checkout has it")

SCRIPTS = {
    "measure_my_model.py": ((), r"100% of the parameters are read"),
    "read_my_checkpoints.py": (("OUT/mine",), r"coverage: 100\.0%.*\n    5 +\d+%  0\.\d+"),
    "train_a_run.py": (("--out", "OUT/run", "--epochs", "1"), r"epoch 1: validation accuracy 0\.\d+"),
    "predict_a_run.py": (("--out", "OUT/new", "--epochs", "2"), r"new +2 +0\.\d+ .*After 2 epochs"),
    "fit_my_own_predictor.py": ((), r"fitted on 49 runs.*Mean error 0\.\d+; \d+ of 11 ends"),
    "replay_a_sweep.py": ((), r"no stopping +100% +0%.*The cheapest rule that costs"),
}


def test_every_script_is_tested():
    assert {path.name for path in EXAMPLES.glob("*.py")} == {*SCRIPTS, "make_data.py"}


def test_the_data_are_what_their_script_makes(monkeypatch):
    """It trains for minutes, so it is not run here."""
    monkeypatch.syspath_prepend(EXAMPLES)
    made = runpy.run_path(str(EXAMPLES / "make_data.py"))
    runs = read_stored_runs(EXAMPLES / "digits.parquet")
    assert len(runs) == 40
    for run in runs:
        assert extraction(run.settings) == made["EXTRACTION"]
        assert run.signature.times.tolist() == [0, 1, 2, made["LAST"]]
        assert made["kept"](run).settings == run.settings
        assert run.metrics.index.tolist() == [*range(1, 13)]
    begun = extract(EXAMPLES / "run", scopes=made["EXTRACTION"].scopes, change=made["EXTRACTION"].change)[0]
    assert begun.signature.names == runs[0].signature.names


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_prints_what_it_promises(name, tmp_path):
    arguments, expected = SCRIPTS[name]
    result = example(EXAMPLES / name, *(argument.replace("OUT", str(tmp_path)) for argument in arguments), cwd=ROOT)
    assert result.returncode == 0, result.stderr
    assert re.search(expected, result.stdout, re.DOTALL), result.stdout


def test_the_notebook_runs_from_its_first_cell_to_its_last():
    result = example(Path(__file__).parent / "notebook.py", EXAMPLES / "walkthrough.ipynb", cwd=EXAMPLES)
    assert result.returncode == 0, result.stderr
    assert result.stdout.count("<table>") == 2
    assert "fitted on 40 runs" in result.stdout


def test_a_newcomer_has_a_prediction_after_two_commands(tmp_path):
    """As the README has it."""
    fit = "fit examples/digits.parquet -o OUT --up-to 2 --threshold 0.8 --curve"
    predict = "predict examples/run -p OUT --rate 0.1"
    page = Path(ROOT / "README.md").read_text()
    assert all(f"epochgraph {command}".replace("OUT", "digits.skops") in page for command in (fit, predict))
    out = tmp_path / "digits.skops"
    for command in (fit, predict):
        result = epochgraph(*command.replace("OUT", str(out)).split(), cwd=ROOT)
        assert result.returncode == 0, result.stderr
    assert "A good end is a final accuracy of 0.8 or more." in result.stdout
