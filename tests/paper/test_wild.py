"""The page of sweeps, and that the paper's tables pass such populations over."""

from pathlib import Path

import matplotlib.image
import numpy as np
import pandas as pd
import pytest

from epochgraph.errors import UnreadableFileError
from epochgraph.runs import Run, write_runs
from epochgraph.signature import Signature
from paper.populations import read_populations
from paper.wild import of_sweeps, write_page

RECIPE = """
kind = "sweeps"
name = "few"
about = "For a test."
[[families]]
name = "images"
sweeps = 2
epochs = 2
tasks = ["digits"]
architectures = ["cnn"]
optimizers = ["SGD"]
"""


def curve(sweep: int, number: int, values: list[float]) -> Run:
    epochs = np.linspace(0, 2, len(values))
    metrics = pd.DataFrame({"validation_accuracy": values, "test_accuracy": values}, pd.Index(epochs, name="epoch"))
    diverged = np.isnan(np.array(values))
    signature = Signature(epochs, ("x",), np.where(diverged, np.nan, 0.0)[:, None], diverged)
    settings = {
        "sweep": f"images-{sweep:02d}",
        "task": "digits",
        "architecture": "cnn",
        "optimizer": "SGD",
        "metric": "accuracy",
        "direction": "rises",
        "learning_rate": 10.0**-number,
        "epochs": 2,
    }
    return Run(f"images-{sweep:02d}-{number:02d}", signature, metrics, settings)


@pytest.fixture
def zoos(tmp_path: Path) -> Path:
    runs = [curve(sweep, number, [0.1, 0.5, 0.9 - 0.2 * number]) for sweep in range(2) for number in range(3)]
    runs += [curve(1, number, [0.1, np.nan, np.nan]) for number in (3, 4)]
    write_runs(runs, tmp_path / "zoos" / "few.parquet", about={"recipe.toml": RECIPE, "sittings.jsonl": ""})
    return tmp_path / "zoos"


def test_the_page_counts_the_sweeps_and_shows_their_curves(zoos, tmp_path):
    page, picture = write_page(zoos, tmp_path / "page")
    text = page.read_text()
    assert "8 runs in 2 sweeps" in text
    assert "| runs that diverged | 2 of 8 |" in text
    assert "near the best | 1 of 2 |" in text  # of the first sweep one of three, of the second one of five
    assert "clearly worse | 2 of 2 |" in text
    assert f"({picture.name})" in text
    image = matplotlib.image.imread(picture)
    assert image.std() > 0.02


def test_the_papers_tables_pass_sweeps_over(zoos):
    assert of_sweeps(zoos / "few.parquet")
    with pytest.raises(UnreadableFileError, match="no populations"):
        read_populations(zoos)


def test_a_folder_without_sweeps_is_one_line(tmp_path):
    with pytest.raises(UnreadableFileError, match="no population of sweeps"):
        write_page(tmp_path, tmp_path / "page")
