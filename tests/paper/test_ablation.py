"""Which features help: kinds of features beside what is known without weights, and alone."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import spearmanr

from epochgraph.errors import SettingError
from epochgraph.predictors.views import folded
from epochgraph.runs import read_stored_runs, write_runs
from paper import ablation as module
from paper.ablation import ALONE, BESIDE, CHANGES, OF_PARTS, WITH_FOLDED, ablation, kinds
from paper.added import BOTH, PROTOCOLS
from paper.populations import FAMILY
from paper.results import Result

ZOOS = Path(__file__).parents[2] / "zoos"
VGG, RESNET = "vgg-cifar10-working-reduced", "resnet20-cifar10-reduced"
pytestmark = pytest.mark.skipif(not ZOOS.exists(), reason=f"{ZOOS} is missing: a checkout has it")


@pytest.fixture(scope="module")
def result(populations) -> Result:
    """Of the fewest runs that folds can be made of, at two epochs."""
    few = [replace(populations[name], runs=populations[name].runs[:20]) for name in (VGG, RESNET)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "SHIPPED_EPOCHS", (0.25, 1.0))
        patch.setattr(module, "SHOWN_AT", {1.0: "C0"})
        return ablation(few, jobs=1)


def test_a_row_for_each_kind_and_a_column_for_each_epoch(result):
    beside, new, each, alone, folding = result.tables.values()
    assert beside.index.tolist() == new.index.tolist() == each.index.tolist() == list(kinds())
    assert [*each] == [VGG, RESNET]
    assert [*beside] == [*new] == [*folding] == ["epoch 0.25", "epoch 1"]
    assert [*alone] == ["epoch 1"]
    assert new.loc[OF_PARTS, "epoch 1"] == "-" != beside.loc[OF_PARTS, "epoch 1"]  # parts have other names there
    known = [kind for kind in ("learning curve", *kinds()) if kind != OF_PARTS]
    assert alone.index.tolist() == known
    assert len(folding) == 2  # both protocols of the one population with batch norms


def test_a_cell_is_the_difference_of_the_errors_of_the_same_runs(result):
    scores = result.scores.dropna(subset="population")
    means = scores.set_index(["folds", "epoch", "population", "candidate"])["mean"].sort_index()
    of, new = means["learning_rate", 1.0], means["family", 0.25]
    each = result.tables[f"{BESIDE}: each population after one epoch, whole learning rates held out"]
    assert each.loc[CHANGES, VGG].strip("*").startswith(f"{of[VGG, CHANGES] - of[VGG, BOTH]:+.1f} [")
    gain = (of[:, CHANGES] - of[:, BOTH]).mean()  # both have as many runs
    cell = result.tables[f"{BESIDE}: {PROTOCOLS['learning_rate']}"].loc[CHANGES, "epoch 1"]
    assert cell.strip("*").startswith(f"{gain:+.1f} [")
    written = result.scores[result.scores["less"] == BOTH].set_index(["folds", "epoch", "candidate"])
    assert written.loc[("learning_rate", 1.0, CHANGES), "difference"] == pytest.approx(gain)
    error = means["family", 1.0][:, CHANGES + ALONE].mean()
    assert result.tables[f"Alone: {PROTOCOLS[FAMILY]}"].loc[CHANGES, "epoch 1"] == f"{error:.1f}"
    folding = result.tables[f"{WITH_FOLDED}, less {CHANGES}, beside {BOTH}"]
    first = new[RESNET, WITH_FOLDED] - new[RESNET, CHANGES]
    assert folding.loc[f"{RESNET}, whole architectures held out", "epoch 0.25"].strip("*").startswith(f"{first:+.1f} [")


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
    table, column = kinds()[WITH_FOLDED](runs, 1), "degree/graph/angle_since_initial@1"
    assert [*table] == [*kinds()[CHANGES](runs, 1)]
    for run, whole, plain in zip(runs, table[column], kinds()[CHANGES](runs, 1)[column], strict=True):
        signature = folded(run).signature
        row = signature.times.tolist().index(1)
        assert whole == signature.values[row, signature.names.index("degree/graph/angle_since_initial")] != plain


def test_without_enough_runs_or_node_values_there_is_nothing_to_compare(populations, tmp_path):
    vgg, path = populations[VGG], tmp_path / "without.parquet"
    write_runs([replace(run, recordings={}) for run in vgg.runs], path)
    few = replace(vgg, runs=vgg.runs[:19])
    with pytest.raises(SettingError, match="one of 20 runs, with a file that has their node values"):
        ablation([few, replace(vgg, source=None), replace(vgg, source=path)], jobs=1)
