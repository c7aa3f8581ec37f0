"""With the real library, and real training."""

import subprocess
import sys
import warnings
from collections import Counter
from pathlib import Path

import pytest
import torch
from torch import nn

from epochgraph import chain
from epochgraph.errors import SettingError
from epochgraph.predictors import Prediction
from epochgraph.runs import read_stored_runs
from epochgraph.runs.ends import unfinished
from watch.loops import EPOCHS, Training, network

optuna = pytest.importorskip("optuna", reason="optuna is not installed")
from optuna.pruners import BasePruner, MedianPruner, NopPruner  # noqa: E402
from optuna.trial import TrialState  # noqa: E402

from epochgraph.integrations.optuna import KEY, ForecastPruner, TrialWatch  # noqa: E402

optuna.logging.set_verbosity(optuna.logging.WARNING)


def by_rate(runs, known):
    """Of learning rates below 0.05, nothing good is expected after epoch 2; of others, nothing can be promised."""
    (run,) = runs
    bad = run.settings["rate"] < 0.05 and run.signature.times[-1] >= 2
    decision = "stop" if bad else "abstain"
    return [Prediction(run.name, 0.25, (0.2, 0.3), 0.1, decision, "so", 0.5, (), target="validation_accuracy")]


class Objective:
    """Trains a small network, and remembers the epochs of each trial."""

    def __init__(self, store, *, example=None, predictor=by_rate) -> None:
        self.store = store
        self.example = example
        self.predictor = predictor
        self.epochs = Counter()

    def __call__(self, trial):
        training = Training.begun()
        rate = trial.suggest_categorical("rate", [0.01, 0.1])
        training.optimizer.param_groups[0]["lr"] = rate
        watch = TrialWatch(
            trial,
            training.model,
            chain(training.model) if self.example is None else self.example,
            store=self.store,
            objective="validation_accuracy",
            budget=EPOCHS,
            predictor=self.predictor,
        )
        for epoch in range(1, EPOCHS + 1):
            loss = training.epoch(epoch)
            self.epochs[trial.number] += 1
            watch(epoch, train_loss=loss, validation_accuracy=0.1 * epoch + rate)
        return 0.1 * EPOCHS + rate


def study(pruner, **options):
    sampler = optuna.samplers.GridSampler({"rate": [0.01, 0.1]}, seed=0)
    return optuna.create_study(direction="maximize", pruner=pruner, sampler=sampler, study_name="s", **options)


def states(found) -> dict[float, TrialState]:
    return {trial.params["rate"]: trial.state for trial in found.trials}


def test_what_is_condemned_is_pruned_and_its_forecast_is_its_value(tmp_path):
    objective, found = Objective(tmp_path), study(ForecastPruner())
    found.optimize(objective)
    assert states(found) == {0.01: TrialState.PRUNED, 0.1: TrialState.COMPLETE}
    (pruned,) = found.get_trials(states=[TrialState.PRUNED])
    assert objective.epochs[pruned.number] == 2
    assert pruned.value == 0.25  # as if it had gone to the end
    assert max(pruned.intermediate_values) == EPOCHS
    assert pruned.user_attrs[KEY]["decision"] == "stop"
    runs = read_stored_runs(tmp_path)
    assert {run.name for run in runs} == {"s-0", "s-1"}
    assert [*unfinished(runs)] == [f"s-{pruned.number}"]


class Recording(BasePruner):
    """Prunes nothing, and remembers what it was asked."""

    def __init__(self) -> None:
        self.asked = []

    def prune(self, study, trial):
        self.asked.append((trial.params["rate"], trial.last_step))
        return False


def test_another_pruner_decides_where_ours_abstains(tmp_path):
    behind = Recording()
    study(ForecastPruner(behind)).optimize(Objective(tmp_path))
    assert sorted(behind.asked) == [(0.01, 1), (0.1, 1), (0.1, 2), (0.1, 3), (0.1, 4)]


def test_shadow_mode_prunes_nothing_and_says_what_was_thought(tmp_path):
    behind = Recording()
    found = study(ForecastPruner(behind, stop=False))
    found.optimize(Objective(tmp_path))
    assert set(states(found).values()) == {TrialState.COMPLETE}
    assert len(behind.asked) == 2 * EPOCHS
    (slow,) = [trial for trial in found.trials if trial.params["rate"] == 0.01]
    assert slow.user_attrs[KEY]["decision"] == "stop"


@pytest.mark.parametrize(
    ("nans", "values", "pruned"), [(2, "xnn", True), (2, "nxn", False), (1, "n", True), (2, "n", False)]
)
def test_repeated_nans_are_pruned(nans, values, pruned):
    numbers = {step: float("nan") if value == "n" else 1.0 for step, value in enumerate(values)}
    trial = optuna.trial.create_trial(state=TrialState.RUNNING, intermediate_values=numbers)
    assert ForecastPruner(nans=nans).prune(study(NopPruner()), trial) == pruned
    assert not ForecastPruner(nans=nans, stop=False).prune(study(NopPruner()), trial)


def test_a_trial_that_is_tried_again_goes_on_under_the_name_of_the_first(tmp_path):
    found = study(NopPruner())
    retry = {"failed_trial": 0, "fixed_params": {"rate": 0.1}}  # as RetryFailedTrialCallback adds it
    objective = Objective(tmp_path)
    found.enqueue_trial({"rate": 0.1})
    failed = found.ask()
    failed.suggest_categorical("rate", [0.01, 0.1])
    model = network()
    options = {"store": tmp_path, "objective": "validation_accuracy", "budget": EPOCHS, "predictor": by_rate}
    TrialWatch(failed, model, chain(model), **options)(1, validation_accuracy=0.1)
    found.add_trial(optuna.trial.create_trial(state=TrialState.WAITING, system_attrs=retry))
    found.optimize(objective, n_trials=1)
    (run,) = read_stored_runs(tmp_path)
    assert run.name == "s-0"
    assert run.signature.times.tolist() == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("said", [None, "stop", {}, {"decision": 3}])
def test_attributes_of_any_other_kind_say_nothing(said):
    trial = optuna.trial.create_trial(state=TrialState.RUNNING, user_attrs={KEY: said})
    assert not ForecastPruner().prune(study(NopPruner()), trial)


def test_several_objectives_are_one_line_for_the_pruner_and_none_of_the_watch(tmp_path):
    found = optuna.create_study(directions=["maximize", "minimize"], pruner=ForecastPruner(), study_name="m")
    with pytest.raises(SettingError, match="number of objectives is 2, but must be one"):
        ForecastPruner().prune(found, optuna.trial.create_trial(state=TrialState.RUNNING, intermediate_values={}))

    def objective(trial):
        model = network()
        trial.suggest_float("rate", 0, 1)
        watch = TrialWatch(trial, model, chain(model), store=tmp_path, objective="validation_accuracy", budget=1)
        watch(1, validation_accuracy=0.5)
        return 0.5, 1.0

    found.optimize(objective, n_trials=1)
    assert found.trials[0].state == TrialState.COMPLETE
    assert found.trials[0].user_attrs[KEY]["epoch"] == 1


def test_trials_of_several_threads_are_traced_one_after_another(tmp_path):
    found = optuna.create_study(direction="maximize", pruner=ForecastPruner(MedianPruner()), study_name="s")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of threads and of Optuna's own
        found.optimize(Objective(tmp_path, example=torch.zeros(1, 4)), n_trials=4, n_jobs=2)
    assert not found.get_trials(states=[TrialState.FAIL])
    assert len(read_stored_runs(tmp_path)) == 4


def test_the_objective_has_to_be_measured(tmp_path):
    model = nn.Linear(2, 2)
    trial = optuna.create_study(study_name="s").ask()
    watch = TrialWatch(trial, model, chain(model), store=tmp_path, objective="validation_accuracy")
    with pytest.raises(SettingError, match="with 'validation_accuracy', the objective"):
        watch(1, train_loss=0.5)


SCRIPT = """
import sys, optuna
from pathlib import Path
from integrations.test_optuna import *
found = optuna.load_study(study_name="s", storage=sys.argv[1], pruner=ForecastPruner(MedianPruner()),
                          sampler=optuna.samplers.RandomSampler(seed=int(sys.argv[3])))
found.optimize(Objective(Path(sys.argv[2])), n_trials=4)
"""


def test_two_processes_share_a_study_in_one_file(tmp_path):
    storage = f"sqlite:///{tmp_path / 'study.db'}"
    optuna.create_study(study_name="s", storage=storage, direction="maximize")
    environment = {"PYTHONPATH": ":".join([str(Path(__file__).parent.parent), *sys.path])}
    command = [sys.executable, "-W", "ignore", "-c", SCRIPT, storage, tmp_path / "store"]
    workers = [subprocess.Popen([*command, str(seed)], env=environment) for seed in range(2)]
    assert [worker.wait(300) for worker in workers] == [0, 0]
    found = optuna.load_study(study_name="s", storage=storage)
    assert len(found.trials) == 8
    expected = {0.01: TrialState.PRUNED, 0.1: TrialState.COMPLETE}
    assert all(trial.state == expected[trial.params["rate"]] for trial in found.trials)
    runs = read_stored_runs(tmp_path / "store")
    assert {run.name for run in runs} == {f"s-{number}" for number in range(8)}
