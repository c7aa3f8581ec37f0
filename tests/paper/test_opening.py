"""The README's picture: which pair it shows, and that it shows it."""

from pathlib import Path

import matplotlib.image
import numpy as np
import pandas as pd
import pytest

from epochgraph.errors import UnreadableFileError
from epochgraph.runs import Run
from epochgraph.signature import Signature
from paper.opening import furthest_apart, opening_picture, summary

ZOOS = Path(__file__).parents[2] / "zoos"


def run(name: str, seen: float, end: float) -> Run:
    epochs = pd.Index([0.0, 1.0, 2.0], name="epoch")
    metrics = pd.DataFrame({"validation_accuracy": [0.1, seen, end], "test_accuracy": [0.1, seen, end]}, epochs)
    return Run(name, Signature(np.zeros(1), ("x",), np.zeros((1, 1)), np.zeros(1, dtype=bool)), metrics, {})


def test_the_pair_is_alike_after_one_epoch_and_ends_furthest_apart():
    runs = [run("a", 0.30, 0.9), run("b", 0.304, 0.5), run("c", 0.302, 0.6), run("d", 0.4, 0.1)]
    pair = furthest_apart(runs)
    assert (pair.good.name, pair.bad.name) == ("a", "b")  # d ends lower, but does not look like a
    with pytest.raises(UnreadableFileError, match="no two of its runs are alike"):
        furthest_apart([runs[0], runs[3]])


def test_the_picture_is_drawn_of_the_published_population(tmp_path):
    pair = opening_picture(ZOOS, tmp_path / "opening.png")
    assert abs(pair.good.metrics["validation_accuracy"][1.0] - pair.bad.metrics["validation_accuracy"][1.0]) <= 0.005
    assert pair.good.final_accuracy() - pair.bad.final_accuracy() > 0.5
    assert matplotlib.image.imread(tmp_path / "opening.png").std() > 0.05
    good, bad = summary(pair)
    assert good.endswith(f"ends at {pair.good.final_accuracy():.1%}")
    assert bad.startswith("learning rate")
