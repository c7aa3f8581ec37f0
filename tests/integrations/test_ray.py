"""With the real library: trials in processes of their own, which are paused, resumed and killed."""

import os
import signal
import sys
import tempfile
import warnings
from pathlib import Path

import pytest

from epochgraph.errors import SettingError

pytest.importorskip("ray.tune", reason="ray is not installed")
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import ray
    from ray import tune
    from ray.tune.experiment import Trial
    from ray.tune.schedulers import TrialScheduler

    from epochgraph.integrations.ray import BestFirstScheduler

pytestmark = pytest.mark.filterwarnings("ignore")  # Ray's own, of sockets and of what it imports

EPOCHS, TRIALS = 6, 12
BUDGET = 0.6 * EPOCHS * TRIALS


class Controller:
    """What a scheduler sees of Tune."""

    def __init__(self, *trials) -> None:
        self.trials = list(trials)

    def get_trials(self):
        return self.trials

    def stop_trial(self, trial):
        trial.status = Trial.TERMINATED


class Stand(Trial):
    """What a scheduler sees of a trial, and nothing else."""

    status = last_result = None

    def __init__(self, status=Trial.PAUSED, **result) -> None:
        self.status = status
        self.last_result = {"training_iteration": 2, **result} if result else None

    __repr__ = object.__repr__
    __hash__ = object.__hash__


def scheduler(**options) -> BestFirstScheduler:
    return BestFirstScheduler(**{"budget": 100, "metric": "accuracy", "mode": "max", **options})


def test_what_has_not_begun_goes_first_then_what_has_no_forecast_then_the_best_forecast():
    low, high = Stand(accuracy=0.6, forecast_high=0.7), Stand(accuracy=0.5, forecast_high=0.9)
    unknown, lost, new = Stand(accuracy=0.1), Stand(accuracy=float("nan")), Stand(Trial.PENDING)
    order, controller = [], Controller(lost, low, high, unknown, new)
    while chosen := scheduler().choose_trial_to_run(controller):
        order.append(chosen)
        assert scheduler().choose_trial_to_run(controller) is chosen  # as often as it is asked
        controller.trials.remove(chosen)
    assert order == [new, unknown, high, low, lost]


def test_of_a_loss_the_low_end_counts():
    low, high = Stand(loss=1.0, forecast_low=0.2), Stand(loss=0.8, forecast_low=0.6)
    assert scheduler(metric="loss", mode="min").choose_trial_to_run(Controller(high, low)) is low


@pytest.mark.parametrize(
    ("epochs", "mine", "answer"),
    [(2, 0.8, "PAUSE"), (2, 0.95, "CONTINUE"), (3, 0.8, "CONTINUE"), (4, 0.8, "PAUSE")],
)
def test_a_trial_makes_room_at_intervals_for_a_better_one(epochs, mine, answer):
    running, better = Stand(Trial.RUNNING, accuracy=0.1), Stand(accuracy=0.5, forecast_high=0.9)
    result = {"training_iteration": epochs, "accuracy": 0.4, "forecast_high": mine}
    assert scheduler(interval=2).on_trial_result(Controller(running, better), running, result) == answer


def test_all_trials_are_stopped_when_the_budget_is_spent():
    running, paused = Stand(Trial.RUNNING, accuracy=0.1), Stand(accuracy=0.5)
    result = {"training_iteration": 8, "accuracy": 0.4}
    controller = Controller(running, paused)
    assert scheduler(budget=10).on_trial_result(controller, running, result) == TrialScheduler.STOP
    assert paused.status == Trial.TERMINATED


def test_metric_and_mode_are_said_once():
    assert not scheduler().set_search_properties("loss", "min")
    assert BestFirstScheduler(10).set_search_properties("loss", "min")
    assert not BestFirstScheduler(10).set_search_properties(None, None)


@pytest.mark.parametrize("options", [{"budget": 0}, {"interval": -1}, {"mode": "best"}])
def test_what_is_impossible_is_refused(options, unchecked):
    with pytest.raises(SettingError):
        scheduler(**options)


def train(config) -> None:
    """A trial that is watched, and whose worker is killed once."""
    import torch
    from torch import nn

    from epochgraph import Watch, chain

    folder, number = Path(config["folder"]), config["number"]
    torch.manual_seed(number)
    model = nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 2))
    first, before = 1, tune.get_checkpoint()
    if before:
        with before.as_directory() as place:
            state = torch.load(Path(place, "state.pt"), weights_only=True)
        model.load_state_dict(state["model"])
        first = state["epoch"] + 1
    watch = Watch(model, chain(model), run=f"trial-{number}", store=folder / "store", budget=EPOCHS)
    for epoch in range(first, EPOCHS + 1):
        with torch.no_grad():
            model[0].weight.mul_(1.01)
        with (folder / "spent").open("a") as spent:
            spent.write(f"{number} {epoch}\n")
        killed = folder / "killed"
        if epoch == 3 and not killed.exists():
            killed.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        accuracy = number / TRIALS * (1 - 0.5**epoch)
        answer = watch(epoch, validation_accuracy=accuracy)
        with tempfile.TemporaryDirectory() as place:
            torch.save({"model": model.state_dict(), "epoch": epoch}, Path(place, "state.pt"))
            said = {"validation_accuracy": accuracy, "epoch": epoch, **answer.scalars}
            tune.report(said, checkpoint=tune.Checkpoint.from_directory(place))


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    path = [str(Path(__file__).parent.parent), *sys.path]
    environment = {"env_vars": {"PYTHONPATH": os.pathsep.join(path), "OMP_NUM_THREADS": "1"}}
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, runtime_env=environment)
    yield
    ray.shutdown()


def test_a_sweep_with_pauses_and_a_killed_worker_keeps_its_budget_and_finishes_the_best(tmp_path, cluster):
    tuner = tune.Tuner(
        train,
        param_space={"folder": str(tmp_path), "number": tune.grid_search(list(range(1, TRIALS + 1)))},
        tune_config=tune.TuneConfig(
            metric="validation_accuracy",
            mode="max",
            scheduler=BestFirstScheduler(BUDGET, interval=2, time_attr="epoch"),
            reuse_actors=True,
        ),
        run_config=tune.RunConfig(
            storage_path=str(tmp_path / "ray"), failure_config=tune.FailureConfig(max_failures=2), verbose=0
        ),
    )
    results = tuner.fit()
    assert not results.errors
    assert (tmp_path / "killed").exists()
    spent = (tmp_path / "spent").read_text().splitlines()
    assert 0.9 * BUDGET <= len(spent) <= 1.1 * BUDGET
    ends = {result.config["number"]: result.metrics.get("epoch", 0) for result in results}
    assert ends[TRIALS] == EPOCHS
    assert min(ends.values()) < EPOCHS  # somebody waited for ever
    assert results.get_best_result().config["number"] == TRIALS
    assert any("forecast_high" in result.metrics for result in results)
