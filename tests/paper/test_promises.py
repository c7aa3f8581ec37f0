"""What signatures add, what decisions keep, what is shipped: computed on the published populations, cut small."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from epochgraph.errors import SettingError
from epochgraph.predictors import read_predictor
from epochgraph.predictors.shipped import SHIPPED_EPOCHS, SITUATIONS
from epochgraph.sweeps import replayed
from epochgraph.sweeps.rules import OURS, USUAL, WITHOUT
from paper import added as added_module
from paper import decisions as decisions_module
from paper import replays as replays_module
from paper import sweeps as sweeps_module
from paper.added import HYPER, added, curve_candidates
from paper.decisions import CURVE_ALONE, HeldOut, decidable, decisions
from paper.populations import DECADE, FAMILY, Population, united
from paper.replays import BUDGET_OF, KNOWN, NEW, SITUATION
from paper.shipping import ship
from paper.sweeps import BUDGETS, sweeps

ZOOS = Path(__file__).parents[2] / "zoos"
pytestmark = pytest.mark.skipif(not ZOOS.exists(), reason=f"{ZOOS} is missing: a checkout has it")
NAMES = ("alexnet-cifar10-working-reduced", "lenet-cifar10-reduced", "vgg-cifar10-working-reduced")


@pytest.fixture(scope="module")
def three(populations) -> list[Population]:
    """Three architectures, some 28 runs of each."""
    found = [one for one in populations.values() if one.name in NAMES]
    assert [one.name for one in found] == sorted(NAMES)
    return [replace(one, runs=one.runs[:: len(one.runs) // 28][:28]) for one in found]


@pytest.fixture
def two_epochs(monkeypatch):
    for module in (added_module, decisions_module):
        monkeypatch.setattr(module, "SHIPPED_EPOCHS", (0.5, 2.0))


def test_what_is_told_once_for_all_epochs_looks_at_nothing_that_comes_with_them(three):
    view = next(candidate.inputs for candidate in curve_candidates() if candidate.name == HYPER)
    runs = three[0].runs
    pd.testing.assert_frame_equal(view(runs, 0.5), view(runs, 2.0))


def test_only_folds_by_learning_rate_are_dealt_repeatedly(three, monkeypatch):
    dealt = []

    def noted(experiments, **_):
        dealt.extend(experiments)
        raise InterruptedError

    monkeypatch.setattr(added_module, "scored", noted)
    with pytest.raises(InterruptedError):
        added(three, jobs=1)
    assert {(one.groups, one.repeats) for one in dealt} == {(None, 1), ("learning_rate", 2), (DECADE, 1), (FAMILY, 1)}


def test_what_signatures_add_is_a_paired_difference(three, two_epochs, monkeypatch):
    monkeypatch.setattr(added_module, "REPEATS", 1)
    result = added(three, jobs=1)
    rows = result.scores
    assert set(rows["folds"]) == {"random", "learning_rate", DECADE, FAMILY}
    lenets = next(len(one.runs) for one in three if one.name == "lenet-cifar10-reduced")
    assert len(rows) == (3 * sum(len(one.runs) for one in three) + lenets) * len(curve_candidates()) * 2
    table = result.tables["Whole architectures held out, CIFAR-10"]
    assert table.index.tolist() == ["epoch 0.5", "epoch 2"]
    chosen = rows[(rows["folds"] == FAMILY) & (rows["epoch"] == 2)].groupby("candidate")["error"].mean()
    assert table.loc["epoch 2", "learning curve"] == f"{chosen['learning curve']:.1f}"
    difference = chosen["curve, hyper-parameters and changes"] - chosen["learning curve"]
    cell = table.loc["epoch 2", "less the learning curve"].strip("*")
    assert cell.startswith(f"{difference:+.1f} [")
    low, high = (float(end) for end in cell.split("[")[1].rstrip("]").split(","))
    assert low < difference < high


def test_runs_know_the_decade_of_their_learning_rate(three):
    decades = {run.settings["learning_rate"]: run.settings[DECADE] for one in three for run in one.runs}
    assert {"1e-6", "1e-4"} <= set(decades.values())
    assert all(float(decade) <= rate < 10 * float(decade) for rate, decade in decades.items())


def test_decisions_are_counted_on_runs_that_were_held_out(three, two_epochs):
    result = decisions(three, jobs=1)
    rows, runs = result.scores, united(three)
    assert len(rows) == len(runs) * len(SITUATIONS) * 2 * 2
    good = sum(run.final_accuracy() >= 0.4 for run in runs)
    assert rows.groupby(["folds", "situation", "epoch"])["good"].sum().unique().tolist() == [good]
    cell = result.tables["weights, whole learning rates held out"].loc["epoch 2", "good runs stopped"]
    assert f" of {good}: " in cell
    stopped = rows[["decision", "careful"]] == "stop"
    assert (stopped["careful"] <= stopped["decision"]).all()  # who asks more often stops less each time
    families = result.tables["Good runs stopped, of each architecture while it was held out"]
    assert sorted(families.columns) == ["AlexNet", "LeNet", "VGG"]


def test_a_held_out_run_does_not_teach_what_is_told_of_it(three):
    """Other ends of the LeNets change nothing that is told of LeNets while their architecture is held out."""
    runs = united(three)
    shuffled = [
        replace(run, metrics=run.metrics.assign(test_accuracy=0.5)) if run.settings[FAMILY] == "LeNet" else run
        for run in runs
    ]

    def predicted(given):
        found = HeldOut(tuple(given), "weights", 1.0, FAMILY).predictions()
        return {run.name: predictions for _, run, *predictions in found if run.settings[FAMILY] == "LeNet"}

    assert predicted(shuffled) == predicted(runs)
    assert len(predicted(runs)) == 28


def test_too_few_learning_rates_or_architectures_are_not_held_out(three):
    assert decidable(united(three)) == ("learning_rate", FAMILY)
    assert decidable(united(three[:2])) == ("learning_rate",)
    with pytest.raises(SettingError, match="at least 10, to hold some out twice"):
        decidable(united([replace(three[1], runs=three[1].runs[:3])]))


@pytest.fixture
def few_sweeps(monkeypatch):
    """Three sweeps, of one way to halve the learning rates, and predictors that are asked twice."""
    monkeypatch.setattr(replays_module, "ORDERS", 3)
    monkeypatch.setattr(sweeps_module, "DEALINGS", 1)
    for module in (decisions_module, replays_module, sweeps_module):
        monkeypatch.setattr(module, "SHIPPED_EPOCHS", (0.5, 1.0))


@pytest.mark.usefixtures("few_sweeps")
def test_sweeps_are_replayed_by_every_rule(three):
    result = sweeps(three, jobs=1)
    table = result.tables["Mean over the populations"]
    assert table.index.tolist()[: len(USUAL)] == [*USUAL]
    assert table.index.tolist()[len(USUAL) :] == [f"{name}, {unseen}" for unseen in (KNOWN, NEW) for name in OURS]
    assert table.loc["no stopping", "epochs trained"] == "100.0% ± 0.0%"
    mean = result.scores.groupby("rule")[["epochs", "regret", "best stopped"]].mean()
    assert mean.loc["no stopping", "best stopped"] == 0
    assert mean.loc["our decision, new learning rates", "epochs"] < 1
    assert (mean["regret"] >= 0).all()
    budgets = result.tables[BUDGETS]
    assert budgets.index.tolist() == [*USUAL][1:]
    columns = [f"{unseen}{by}" for unseen in (KNOWN, NEW) for by in ("", f", {WITHOUT}", ": what graphs change")]
    assert [*budgets] == ["its regret", *columns]
    regrets = result.scores[result.scores[BUDGET_OF] == "median rule"].groupby("rule")["regret"].mean()
    assert budgets.loc["median rule", NEW].startswith(f"{regrets[NEW]:.2f} (")
    gain = regrets[NEW] - regrets[f"{NEW}, {WITHOUT}"]
    assert budgets.loc["median rule", f"{NEW}: what graphs change"].startswith(f"{gain:+.2f} ± ")
    with pytest.raises(SettingError, match="18 or more on CIFAR-10"):
        sweeps([replace(three[0], runs=three[0].runs[:17])], jobs=1)


@pytest.mark.usefixtures("few_sweeps")
def test_sweeps_are_the_same_with_what_the_decisions_found(three):
    alone, after = sweeps(three, jobs=1), sweeps(three, jobs=1, predicted=decisions(three, jobs=1).scores)
    assert after.markdown() == alone.markdown()
    pd.testing.assert_frame_equal(after.scores, alone.scores)


@pytest.mark.usefixtures("few_sweeps")
def test_a_sweep_knows_nothing_of_its_own_half_of_the_learning_rates(three, monkeypatch):
    """Each run is told in a fold that has all runs of its learning rate, and a sweep is of one fold."""
    seen = []
    monkeypatch.setattr(replays_module, "replayed", lambda sweep, **how: seen.append(sweep) or replayed(sweep, **how))
    sweeps(three, jobs=1)
    lenets = three[1]
    whole = range(1, lenets.epochs + 1)
    curve_of = {run: tuple(run.metrics["validation_accuracy"].loc[whole]) for run in lenets.runs}
    counts = Counter(curve_of.values())  # runs that learn nothing are all alike
    rate_of = {curve: run.settings["learning_rate"] for run, curve in curve_of.items() if counts[curve] == 1}
    drawn = {tuple(curve) for curve in next(one.curves for one in seen if one.epochs == lenets.epochs)}
    rates = {rate_of[curve] for curve in drawn & rate_of.keys()}
    assert len(rates) > 3
    for situation, predicted in ((SITUATION, seen[0].forecasts), (CURVE_ALONE, seen[0].from_curves)):
        found = list(HeldOut(united(three), situation, 1.0, "learning_rate", 2, 0).predictions())
        held_out = {prediction.accuracy for _, _, prediction, _ in found}
        assert held_out.issuperset(predicted[KNOWN].forecast[:, 1])
    folds = {(run.settings["learning_rate"], fold) for fold, run, *_ in found}
    assert len({fold for rate, fold in folds if rate in rates}) == 1
    assert len({fold for _, fold in folds}) == 2
    assert len(folds) == len({rate for rate, _ in folds})


def test_shipped_predictors_are_written_with_a_card_of_their_own_figures(three, tmp_path):
    paths = ship(three, tmp_path / "new")
    assert len(paths) == len(SHIPPED_EPOCHS) * len(SITUATIONS) + 1
    card = paths[-1].read_text()
    runs = united(three)
    assert f"{len(runs)} networks on CIFAR-10" in card
    for path in paths[:-1]:
        predictor = read_predictor(path)
        assert predictor.trained_on["runs"] == len(runs)
        assert set(predictor.calibration.categories) == {"AlexNet", "LeNet", "VGG"}
        error = 100 * np.abs(predictor.calibration.predicted - predictor.calibration.truth).mean()
        assert f"| {path.stem} | {error:.1f} |" in card
