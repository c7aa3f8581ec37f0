"""Which features help: kinds of features beside what is known without weights, and alone."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import spearmanr

from epochgraph.errors import SettingError
from epochgraph.predictors.views import folded
from epochgraph.reproduction import ablation as module
from epochgraph.reproduction.ablation import AT_EPOCHS, BESIDE, CHANGES, FOLDED, KNOWN, PARTS, POOLED, ablation, kinds
from epochgraph.reproduction.populations import FAMILY, Population, read_populations
from epochgraph.reproduction.results import Result
from epochgraph.runs import read_stored_runs

ZOOS = Path(__file__).parents[2] / "zoos"
VGG, ALEXNET, RESNET = "vgg-cifar10-working-reduced", "alexnet-cifar10-working-reduced", "resnet20-cifar10-reduced"
pytestmark = pytest.mark.skipif(not ZOOS.exists(), reason=f"{ZOOS} is missing: a checkout has it")


@pytest.fixture(scope="module")
def populations() -> dict[str, Population]:
    return {one.name: one for one in read_populations(ZOOS)}


@pytest.fixture(scope="module")
def result(populations) -> Result:
    """Of the fewest runs that folds can be made of, at two epochs."""
    few = [replace(populations[name], runs=populations[name].runs[:20]) for name in (VGG, ALEXNET)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "EPOCHS", (0.5, 1.0))
        return ablation(few, jobs=1)


def test_a_row_for_each_kind_and_a_column_for_each_epoch(result):
    beside, new, each, alone = result.tables.values()
    assert beside.index.tolist() == new.index.tolist() == each.index.tolist() == list(kinds())
    assert [*each] == [VGG, ALEXNET]
    assert [*beside] == [*new] == [*alone] == ["epoch 0.5", "epoch 1"]
    assert (
        beside.loc[AT_EPOCHS, "epoch 0.5"] == new.loc[PARTS, "epoch 1"] == "-"
    )  # no such moment; parts of other names
    assert beside.loc[AT_EPOCHS, "epoch 1"] != "-" != beside.loc[PARTS, "epoch 1"]
    assert alone.index.tolist() == [f"{kind}, alone" for kind in kinds() if kind != PARTS] + ["learning curve, alone"]


def test_a_cell_is_the_difference_of_the_errors_of_the_same_runs(result):
    means = result.scores.set_index(["folds", "epoch", "population", "candidate"])["mean"].sort_index()
    of = means["learning_rate", 1.0]
    each = result.tables[f"{BESIDE}: each population after one epoch, whole learning rates held out"]
    assert each.loc[CHANGES, VGG] == f"{of[VGG, CHANGES] - of[VGG, KNOWN]:+.1f}"
    gain = (of[:, CHANGES] - of[:, KNOWN]).mean()  # both have as many runs
    cell = result.tables[f"{BESIDE}: {module.PROTOCOLS['learning_rate']}"].loc[CHANGES, "epoch 1"]
    assert cell.strip("*").startswith(f"{gain:+.1f} [")
    error = means["family", 0.5][:, f"{CHANGES}, alone"].mean()
    assert result.tables[f"Alone: {module.PROTOCOLS[FAMILY]}"].loc[f"{CHANGES}, alone", "epoch 0.5"] == f"{error:.1f}"


def test_changes_of_ranks_are_spearmans(populations):
    source = ZOOS / f"{RESNET}.parquet"
    stored = read_stored_runs(source)[0]
    of_zoo = next(run for run in populations[RESNET].runs if run.name == stored.name)
    signature = module._with_ranks(of_zoo, stored).signature
    nodes = stored.recordings["eigenvector_centrality"].values.astype(float)
    when = signature.times.tolist().index(1)
    for since, row in (("initial", 0), ("previous", when - 1)):
        found = signature.values[when, signature.names.index(f"ranks/eigenvector_centrality_since_{since}")]
        assert found == pytest.approx(1 - spearmanr(nodes[when], nodes[row]).statistic)
    assert np.isnan(signature.values[0, -4:]).all()


def test_batch_norms_are_folded_where_a_name_says_so(populations):
    runs = populations[RESNET].runs[:3]
    table, column = kinds()[FOLDED](runs, 1), "degree/graph/angle_since_initial@1"
    assert [*table] == [*kinds()[POOLED](runs, 1)]
    for run, whole, plain in zip(runs, table[column], kinds()[POOLED](runs, 1)[column], strict=True):
        signature = folded(run).signature
        row = signature.times.tolist().index(1)
        assert whole == signature.values[row, signature.names.index("degree/graph/angle_since_initial")] != plain


def test_without_enough_runs_there_is_nothing_to_compare(populations):
    few = replace(populations[VGG], runs=populations[VGG].runs[:19])
    with pytest.raises(SettingError, match="one of 20 runs, with its file"):
        ablation([few, replace(populations[ALEXNET], source=None)], jobs=1)
