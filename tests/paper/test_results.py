"""Tables and figures from published populations: the same whatever the number of processes, beside the paper's."""

import json
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from PIL import Image
from threadpoolctl import threadpool_info

from epochgraph.errors import UnreadableFileError
from epochgraph.predictors import Candidate, learned
from epochgraph.runs import write_runs
from paper.figure3 import figure3
from paper.figure4 import figure4, transfers
from paper.figure5 import figure5
from paper.populations import Population, read_populations
from paper.regression import regression
from paper.results import Result, cell
from paper.scoring import Experiment, scorable, scored
from paper.tables import table1, table2, table2_candidates
from paper.views import statistics_of
from populations import population

ZOOS = Path(__file__).parents[2] / "zoos"
pytestmark = pytest.mark.skipif(not ZOOS.exists(), reason=f"{ZOOS} is missing: a checkout has it")


@pytest.fixture(scope="module")
def small(populations) -> Population:
    """AlexNet where it learns; those runs that the tables can be made of in seconds."""
    found = populations["alexnet-cifar10-working-reduced"]
    bad = [run for run in found.runs if run.final_accuracy() < found.threshold]
    good = [run for run in found.runs if run not in bad]
    return Population(found.name, (*bad[:8], *good[:10]), found.threshold)


def test_populations_know_what_their_recipe_says(populations):
    lenet = populations["lenet-cifar10-reduced"]
    assert (lenet.kind, lenet.epochs, lenet.seen, lenet.threshold) == (("CIFAR-10", "LeNet"), 30, 9, 0.4)
    assert lenet.good == sum(run.final_accuracy() >= 0.4 for run in lenet.runs)
    assert [*populations] == sorted(populations)


def test_a_folder_without_populations_is_an_error(tmp_path):
    with pytest.raises(UnreadableFileError, match="holds no populations"):
        read_populations(tmp_path)
    write_runs(population(3), tmp_path / "mine.parquet")
    with pytest.raises(UnreadableFileError, match=r"mine.parquet: its runs do not tell their architecture, data"):
        read_populations(tmp_path)


@dataclass(frozen=True)
class Threads:
    """An experiment that finds how many threads it may use."""

    def scores(self):
        return pd.DataFrame({"threads": [pool["num_threads"] for pool in threadpool_info()]})


def test_an_experiment_has_one_core_however_many_there_are():
    assert set(scored([Threads()], jobs=1)["threads"]) == {1}


def test_table_1_tells_the_ranges_beside_the_papers(small):
    result = table1([small])
    accuracies = [run.final_accuracy() for run in small.runs]
    row = result.tables[""].loc[small.name]
    assert row["runs"] == "18"
    assert row["final accuracy"] == f"{min(accuracies):.1%}-{max(accuracies):.1%} (5.5%-82.4%)"
    assert row["threshold"] == "40% (40%)"
    assert row["early-stopping epoch"].endswith(" (30-50)")


def test_table_2_has_every_candidate_beside_the_papers_accuracy(small):
    few = Population("few", small.runs[:9], small.threshold)
    wider = [replace(run, settings={**run.settings, "width": 2.0}) for run in small.runs[::2]]
    mixed = Population("mixed", (*small.runs[1::2], *wider), small.threshold)
    result = table2([small, few, mixed], jobs=2, repeats=1)
    assert "folds: few (9 runs, 1 good)." in result.markdown()
    reason = "last layers of several widths, which cannot be compared weight by weight"
    assert f"Left out, for {reason}: mixed" in result.markdown()
    table = result.tables["Accuracy, folds at random, the paper's protocol"]
    assert table.index.tolist() == [candidate.name for candidate in table2_candidates()]
    assert table.columns.tolist() == [f"{small.name} (18 runs, 10 good), epoch 4"]
    assert table.loc["unrolled degree SVM"].item().endswith(" (0.49)")
    assert table.loc["rolled eigenvector MLP"].item().endswith(" (0.96)")
    assert "(" not in table.loc["validation accuracy"].item()
    scores = result.scores.set_index(["folds", "measure", "candidate"])["mean"]
    assert float(table.loc["validation accuracy"].item()) == pytest.approx(
        scores["random", "accuracy", "validation accuracy"], abs=0.005
    )
    assert scores["random", "accuracy", "validation accuracy"] > scores["random", "accuracy", "majority class"]


def test_the_regression_scores_what_is_told_of_the_accuracy(small, monkeypatch):
    monkeypatch.setattr("paper.regression.REPEATS", 1)
    result = regression([small], jobs=2)
    assert len(result.tables) == 6
    scores = result.scores.set_index(["folds", "measure", "candidate"])["mean"].sort_index()
    assert scores["random", "r2", "mean accuracy"] < 0.1 < scores["random", "r2"].max()
    assert (scores["random", "mean_absolute_error"] < 30).all()  # points
    ends = 100 * np.array([run.final_accuracy() for run in small.runs])
    spread = np.abs(ends - ends.mean()).mean()
    assert scores["random", "mean_absolute_error", "mean accuracy"] == pytest.approx(spread, rel=0.2)
    table = result.tables["Kendall's τ, folds at random, the paper's protocol"].iloc[:, 0]
    assert {"changes gradient boosting", "curve, differences and hyper-parameters SVM"} <= set(table.index)
    assert table["learning curve trees"] == f"{scores['random', 'kendall_tau', 'learning curve trees']:.2f}"


def test_figure_3_has_a_curve_for_each_smoothing_and_the_validation_accuracy(small):
    result = figure3([small], jobs=2, last=2)
    assert isinstance(result.figure, Figure)
    assert len(result.figure.axes) == 2
    for axis in result.figure.axes:
        assert len(axis.lines) == 2 * 3 + 2  # two classifiers, three smoothings; the accuracy, the larger class
    chosen = result.scores[result.scores["measure"] == "accuracy"]
    assert len(chosen) == (2 * 2 * 3 + 1) * 2
    assert chosen["mean"].between(0, 1).all()


def relabelled(population: Population, **settings: object) -> Population:
    runs = tuple(replace(run, settings={**run.settings, **settings}) for run in population.runs)
    return Population(f"{population.name} {settings}", runs, population.threshold)


def test_transfers_are_those_whose_populations_are_there(small):
    kinds = [relabelled(small, architecture=name) for name in ("LeNet", "AlexNet", "VGG", "resnet32")]
    assert transfers(kinds[1:2]) == []
    one_sided = Population("good", tuple(run for run in kinds[2].runs if run.final_accuracy() >= 0.4), 0.4)
    assert transfers([*kinds[:2], one_sided]) == []
    assert [transfer.name for transfer in transfers(kinds)] == [
        "LeNet, AlexNet, VGG to ResNet-32",
        "LeNet, AlexNet to VGG",
        "LeNet, VGG to AlexNet",
        "AlexNet, VGG to LeNet",
    ]
    first = transfers(kinds)[0]
    assert (len(first.known), len(first.others)) == (54, 18)
    assert [ends.sum() for ends in first.truth] == [30, 10]


def test_figure_4_tells_wide_networks_from_narrow_ones(small):
    halves = (*small.runs[::2], *small.runs[1::2])
    runs = (replace(run, settings={**run.settings, "width": 1 + n // 9}) for n, run in enumerate(halves))
    result = figure4([Population("widths", tuple(runs), small.threshold)], jobs=2)
    table = result.tables["Balanced accuracy at epoch 4"]
    assert table.columns.tolist() == ["width 1 to 2 (AlexNet)"]
    scores = result.scores.set_index(["candidate", "epoch", "measure"])["mean"]
    assert table.loc["changes trees"].item() == f"{scores['changes trees', 4, 'balanced_accuracy']:.2f}"
    assert isinstance(result.figure, Figure)
    assert all(len(line.get_xdata()) == 4 for line in result.figure.axes[0].lines[:6])


def test_figure_5_tells_what_is_saved_and_spent(small):
    result = figure5([small])
    row = result.scores.iloc[0]
    epochs = [run.metrics["seconds"].loc[run.metrics.index % 1 == 0].loc[1:] for run in small.runs]
    assert row["one epoch of training"] == pytest.approx(np.median(np.concatenate(epochs)))
    timed = ["seconds_rolled_graph", "seconds_degree", "seconds_eigenvector_centrality"]
    each = [run.metrics.loc[:4, timed].to_numpy().sum() for run in small.runs]  # 0, 1/8, 1/4 and 1/2 of the first, too
    assert all(len(run.metrics.loc[:4]) == 8 for run in small.runs)
    assert row["spent on rolled signatures"] == pytest.approx(np.median(each))
    assert 0 < row["spent on rolled signatures"] < row["saved by stopping a doomed run"]
    assert isinstance(result.figure, Figure)


def test_scores_do_not_depend_on_the_number_of_processes(small):
    tree = Candidate("degree", statistics_of("degree"), learned("classification", "trees"))
    experiments = [Experiment(small, tree, (1.0, 2.0), groups, 1) for groups in (None, "learning_rate")]
    predicted: list[tuple[int, int]] = []
    alone = scored(experiments, jobs=1, progress=lambda done, total: predicted.append((done, total)))
    pd.testing.assert_frame_equal(alone, scored(experiments, jobs=2))
    assert predicted == [(1, 2), (2, 2)]
    assert set(alone["folds"]) == {"random", "learning_rate"}


def test_five_folds_need_five_runs_on_each_side(small):
    few = Population("few", small.runs[:12], small.threshold)
    assert scorable([small, few]) == (small,)


def test_a_result_is_written_the_same_twice(tmp_path):
    figure = Figure()
    figure.subplots().plot([1, 2])
    table = pd.DataFrame({"a | b": ["1"]}, index=["row"])
    scores = pd.DataFrame({"candidate": ["row"], "mean": [np.nan], "epoch": [0.1234567]})
    result = Result("table9", "Table 9: nothing", ("A note.",), {"": table, "More": table}, scores, figure)
    first = {path.name: path.read_bytes() for path in result.write(tmp_path / "first")}
    second = {path.name: path.read_bytes() for path in result.write(tmp_path / "second")}
    assert first == second
    assert sorted(first) == ["table9.json", "table9.md", "table9.png", "table9.svg"]
    assert json.loads(first["table9.json"]) == [{"candidate": "row", "mean": None, "epoch": 0.123457}]
    assert "![Table 9: nothing](table9.png)" in first["table9.md"].decode()
    assert "### More" in first["table9.md"].decode()
    assert "A note." in result.summary()
    assert "More" not in result.summary()
    with Image.open(tmp_path / "first" / "table9.png") as image:
        assert image.width > 400


def test_cells_have_two_digits():
    assert cell(0.94567, 0.012) == "0.95 ± 0.01"
    assert cell(0.5) == "0.50"
    assert cell(np.nan) == "-"
