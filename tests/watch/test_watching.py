import logging
import os
import signal
import subprocess
import sys
from dataclasses import FrozenInstanceError, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from epochgraph import Watch, chain, rolled_graph, signature
from epochgraph.errors import SettingError, UnreadableFileError
from epochgraph.extraction import Extraction, extraction
from epochgraph.monitor import Monitor
from epochgraph.predictors import Prediction
from epochgraph.predictors.shipped import EXTRACTION
from epochgraph.runs import Run, read_stored_run, write_run
from epochgraph.runs.ends import unfinished
from watch.loops import EPOCHS, EXAMPLE, SETTINGS, Training, at_move, goes_on, network

EVERYTHING = Extraction(scopes=("graph", "part", "depth"), change=("initial", "previous"))
PLAIN = Extraction()


def watched(model, store, *, run="a", **options) -> Watch:
    options = {"settings": SETTINGS, "budget": EPOCHS, **options}
    return Watch(model, chain(model), run=run, store=store, **options)


def trained(training: Training, watch: Watch, epochs) -> list:
    answers = []
    for epoch in epochs:
        loss = training.epoch(epoch)
        answers.append(watch(epoch, train_loss=loss, validation_accuracy=0.1 * epoch))
    return answers


def stored(store: Path, run: str = "a") -> Run:
    return read_stored_run(store / f"{run}.parquet")


def undisturbed(store: Path, **options) -> Run:
    training = Training.begun()
    trained(training, watched(training.model, store, **options), range(1, EPOCHS + 1))
    return stored(store)


def assert_same(run: Run, other: Run) -> None:
    """Bit for bit."""
    assert run.signature.names == other.signature.names
    np.testing.assert_array_equal(run.signature.times, other.signature.times)
    np.testing.assert_array_equal(run.signature.values, other.signature.values)
    np.testing.assert_array_equal(run.signature.diverged, other.signature.diverged)
    assert run.metrics.equals(other.metrics)
    assert dict(run.settings) == dict(other.settings)


@pytest.mark.parametrize("how", [PLAIN, EVERYTHING, EXTRACTION], ids=["plain", "everything", "shipped"])
def test_watching_live_equals_reading_the_checkpoints_afterwards(tmp_path, how):
    training = Training.begun()
    checkpoints = [{name: tensor.clone() for name, tensor in training.model.state_dict().items()}]
    watch = watched(training.model, tmp_path, extraction=how)
    for epoch in range(1, 4):
        watch(epoch, train_loss=training.epoch(epoch))
        checkpoints.append({name: tensor.clone() for name, tensor in training.model.state_dict().items()})
    run = stored(tmp_path)
    afterwards = how.signature(checkpoints, chain(network()), times=range(4))
    assert run.signature.names == afterwards.names
    np.testing.assert_array_equal(run.signature.times, afterwards.times)
    np.testing.assert_array_equal(run.signature.values, afterwards.values)
    assert extraction(run.settings) == how


def test_a_run_is_stored_while_it_trains_and_counts_as_finished_only_at_its_budget(tmp_path):
    training = Training.begun()
    watch = watched(training.model, tmp_path)
    assert stored(tmp_path).settings["status"] == "running"  # the first snapshot is taken at once
    trained(training, watch, range(1, EPOCHS))
    assert unfinished([stored(tmp_path)]) == {"a": "is 'running' by its settings"}
    (answer,) = trained(training, watch, [EPOCHS])
    run = stored(tmp_path)
    assert not unfinished([run])
    assert run.settings["learning_rate"] == 0.1
    assert run.settings["epochs"] == EPOCHS
    assert run.metrics.index.tolist() == [1, 2, 3, 4]
    assert run.final_accuracy("validation_accuracy") == pytest.approx(0.4)
    assert str(answer.account) == "no decision to stop in 4 epochs"
    assert not list((tmp_path / "a.watch").glob("*.safetensors"))  # nothing more is compared with them


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> Run:
    """A run that was never interrupted."""
    return undisturbed(tmp_path_factory.mktemp("whole"))


@pytest.mark.parametrize(("seen", "checkpoint"), [(1, 0), (1, 1), (3, 0), (3, 1), (3, 2), (EPOCHS, 1), (EPOCHS, 3)])
def test_a_training_that_goes_on_from_any_checkpoint_ends_in_the_same_record(tmp_path, whole, seen, checkpoint):
    """The weights of the checkpoint are loaded before the watch is made."""
    training, path, store = Training.begun(), tmp_path / "checkpoint.pt", tmp_path / "store"
    watch = watched(training.model, store)
    training.save(path, 0)
    for epoch in range(1, seen + 1):
        trained(training, watch, [epoch])
        if epoch == checkpoint:
            training.save(path, epoch)
    again = Training.begun(seed=9)
    again.load(path)
    trained(again, watched(again.model, store), range(checkpoint + 1, EPOCHS + 1))
    assert_same(stored(store), whole)


@pytest.mark.parametrize("move", range(16))
def test_a_training_that_ends_before_any_file_is_in_its_place_goes_on_in_the_same_record(
    tmp_path, whole, move, monkeypatch
):
    def ends():
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", at_move(move, ends))
        with pytest.raises(KeyboardInterrupt):
            goes_on(tmp_path)
    goes_on(tmp_path)
    assert_same(stored(tmp_path / "store"), whole)


def test_a_training_that_is_killed_again_and_again_ends_in_the_same_record(tmp_path, whole):
    command = [sys.executable, "-m", "watch.loops", tmp_path]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(Path(__file__).parent.parent), *sys.path])}
    for moves in (4, 6, 2):
        killed = subprocess.run([*command, str(moves)], env=environment, check=False)
        assert killed.returncode == -signal.SIGKILL
    assert list((tmp_path / "store").rglob(".*"))  # a file that was half written
    goes_on(tmp_path)
    assert_same(stored(tmp_path / "store"), whole)
    assert not list((tmp_path / "store" / "a.watch").rglob(".*"))


def test_a_training_that_goes_back_in_one_process_ends_in_the_same_record(tmp_path, whole):
    training, path = Training.begun(), tmp_path / "checkpoint.pt"
    watch = watched(training.model, tmp_path / "store")
    trained(training, watch, [1, 2])
    training.save(path, 2)
    trained(training, watch, [3])
    training.load(path)
    trained(training, watch, range(3, EPOCHS + 1))
    assert_same(stored(tmp_path / "store"), whole)


def test_weights_may_be_loaded_after_the_watch_is_made_where_it_goes_on_at_the_next_epoch(tmp_path, whole):
    training, path, store = Training.begun(), tmp_path / "checkpoint.pt", tmp_path / "store"
    trained(training, watched(training.model, store), [1, 2])
    training.save(path, 2)
    again = Training.begun(seed=9)
    watch = watched(again.model, store)
    again.load(path)
    trained(again, watch, range(3, EPOCHS + 1))
    assert_same(stored(store), whole)


def test_changes_that_cannot_be_known_are_nan_and_the_next_ones_are_known(tmp_path, whole):
    training, store = Training.begun(), tmp_path / "store"
    trained(training, watched(training.model, store), [1, 2])
    for path in (store / "a.watch").glob("*.safetensors"):
        path.unlink()
    again = Training.begun(seed=9)  # not those of epoch 2
    watch = watched(again.model, store)
    again.model.load_state_dict(training.model.state_dict())
    again.optimizer.load_state_dict(training.optimizer.state_dict())
    trained(again, watch, range(3, EPOCHS + 1))
    found = stored(store).signature
    for place, name in enumerate(found.names):
        expected = whole.signature.values[:, place].copy()
        if name.endswith("_since_initial"):
            expected[3:] = np.nan
        if name.endswith("_since_previous"):
            expected[3] = np.nan
        np.testing.assert_array_equal(found.values[:, place], expected, err_msg=name)


def test_a_state_dict_is_gone_on_from_in_another_store(tmp_path, whole):
    training, path = Training.begun(), tmp_path / "checkpoint.pt"
    watch = watched(training.model, tmp_path / "store")
    trained(training, watch, [1, 2])
    training.save(path, 2, watch=watch.state_dict())
    trained(training, watch, [3])
    again = Training.begun(seed=9)
    state = again.load(path)  # with weights_only: there is no pickle in it
    watch = watched(again.model, tmp_path / "another")
    watch.load_state_dict(state["watch"])
    assert watch.epoch == 2
    trained(again, watch, range(3, EPOCHS + 1))
    assert_same(stored(tmp_path / "another"), whole)


def test_a_state_that_is_none_or_of_another_run_is_refused(tmp_path):
    watch = watched(network(), tmp_path)
    other = watched(network(), tmp_path, run="b")
    with pytest.raises(SettingError, match="run of the state is 'b', but must be 'a'"):
        watch.load_state_dict(other.state_dict())
    for state in ({}, {**watch.state_dict(), "times": None}, {**watch.state_dict(), "entries": "[]"}):
        with pytest.raises(SettingError, match="state"):
            watch.load_state_dict(state)


def test_a_training_that_begins_anew_under_the_same_name_is_another_run(tmp_path, whole):
    training = Training.begun(seed=1)
    trained(training, watched(training.model, tmp_path / "a"), [1, 2])
    again = Training.begun()
    trained(again, watched(again.model, tmp_path / "a"), range(1, EPOCHS + 1))
    assert_same(stored(tmp_path / "a"), whole)


def test_a_run_that_has_finished_is_not_written_over(tmp_path):
    before = undisturbed(tmp_path)
    training = Training.begun(seed=1)
    watch = watched(training.model, tmp_path)
    training.epoch(1)
    with pytest.raises(SettingError, match="another name, as that run has finished"):
        watch(1)
    assert_same(stored(tmp_path), before)


def test_other_settings_under_the_same_name_are_refused(tmp_path):
    watched(network(), tmp_path)
    with pytest.raises(SettingError, match=r"learning_rate.*0\.5, but must be 0\.1, as in .*a\.parquet"):
        watched(network(), tmp_path, settings={"learning_rate": 0.5})


def test_a_run_may_go_on_beyond_its_budget(tmp_path):
    undisturbed(tmp_path)
    training = Training.begun()
    for epoch in range(1, EPOCHS + 1):
        training.epoch(epoch)
    trained(training, watched(training.model, tmp_path, budget=6), [5, 6])
    assert stored(tmp_path).signature.times.tolist() == [*range(7)]
    assert stored(tmp_path).settings["epochs"] == 6


class Saying:
    """A forecaster that says the same of every run, and remembers what it was asked."""

    def __init__(self, **said):
        self.said = {"decision": "stop", "reason": "so", "threshold": 0.35, **said}
        self.asked = []

    def __call__(self, runs, known):
        self.asked.append((list(runs), list(known)))
        said = {"accuracy": 0.3, "interval": (0.2, 0.4), "p_good": 0.1, "times": (), "target": "test_accuracy"}
        return [Prediction(run=run.name, **{**said, **self.said}) for run in runs]


def test_shadow_mode_never_stops_and_says_at_the_end_what_that_cost(tmp_path):
    training, says = Training.begun(), Saying()
    answers = trained(training, watched(training.model, tmp_path, predictor=says), range(1, EPOCHS + 1))
    assert {answer.stop for answer in answers} == {False}
    assert {answer.decision for answer in answers} == {"stop"}
    account = answers[-1].account
    assert (account.stopped, account.saved, account.acted) == (0, 4, False)
    assert account.good  # validation accuracy stands in for the test accuracy: 0.4 is at least 0.35
    assert str(account) == (
        "would have been stopped at epoch 0, saving 4 epochs; it ended with test_accuracy 0.4, a good end: stopping "
        "would have lost it"
    )
    assert stored(tmp_path).settings["status"] == "finished"


def test_a_decision_that_is_acted_on_is_said_and_the_run_is_no_finished_one(tmp_path):
    training, says = Training.begun(), Saying(decision="continue")
    watch = watched(training.model, tmp_path, predictor=says, stop=True)
    assert not trained(training, watch, [1])[0].stop
    says.said["decision"] = "stop"
    (answer,) = trained(training, watch, [2])
    assert answer.stop
    assert str(answer.account) == "stopped at epoch 2, which saved 2 epochs; its end is not known"
    assert "stopped" in unfinished([stored(tmp_path)])["a"]
    assert watch.finish().end is None
    assert "stopped" in unfinished([stored(tmp_path)])["a"]


def test_the_answer_has_what_was_forecast_and_what_a_logger_takes(tmp_path):
    training = Training.begun()
    (answer,) = trained(training, watched(training.model, tmp_path, predictor=Saying()), [1])
    assert (answer.expected, answer.interval, answer.p_good, answer.reason) == (0.3, (0.2, 0.4), 0.1, "so")
    assert {"forecast": 0.3, "forecast_low": 0.2, "forecast_high": 0.4}.items() <= answer.scalars.items()
    assert {"degree/mean", "centrality/mean", "weights/relative_change_since_initial"} <= answer.scalars.keys()
    assert str(answer) == ("a, epoch 1: test_accuracy 0.3 expected, 0.2 to 0.4, chance of a good end 10%, stop: so")
    with pytest.raises(FrozenInstanceError):
        answer.stop = True


def test_without_a_predictor_a_run_is_compared_with_all_others_of_its_store(tmp_path):
    """Running and stopped ones, too: the worst of them is stopped before any has finished."""
    for place, end in enumerate((0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3)):
        other = Training.begun(seed=place)
        watch = watched(other.model, tmp_path, run=f"other-{place}", best=2)
        watch(1, validation_accuracy=end / 2, train_loss=1 - end)
        if place > 3:
            watch.abandon()
    training = Training.begun(seed=9)
    watch = watched(training.model, tmp_path, run="worst", best=2, stop=True)
    answer = watch(1, validation_accuracy=0.01, train_loss=1)
    assert answer.stop
    assert "compared with 7 other runs" in answer.prediction.notes[0]
    with pytest.raises(SettingError, match="it compares no runs"):
        watched(network(), tmp_path, run="b", best=2, predictor="shipped")


def test_finished_runs_of_other_processes_are_known_and_stopped_ones_are_not(tmp_path):
    run = undisturbed(tmp_path)
    write_run(replace(run, name="b"), tmp_path / "b.parquet")
    for status in ("running", "stopped"):
        write_run(
            replace(run, name=status, settings={**run.settings, "status": status}), tmp_path / f"{status}.parquet"
        )
    early = replace(run, name="early", metrics=run.metrics.iloc[:2])
    write_run(early, tmp_path / "early.parquet")
    (tmp_path / "damaged.parquet").write_bytes(b"PAR1")
    says = Saying()
    watch = watched(network(), tmp_path, run="mine", predictor=says)
    assert [known.name for known in says.asked[-1][1]] == ["a", "b"]
    write_run(replace(run, name="c"), tmp_path / "c.parquet")
    (tmp_path / "b.parquet").unlink()
    watch(1)
    assert [known.name for known in says.asked[-1][1]] == ["a", "c"]
    assert [asked.name for asked in says.asked[-1][0]] == ["mine"]


def test_a_finished_run_is_read_once(tmp_path, monkeypatch):
    undisturbed(tmp_path)
    read = []
    import epochgraph.runs.known as module

    before = module.read_stored_runs
    monkeypatch.setattr(module, "read_stored_runs", lambda path: read.append(path) or before(path))
    watch = watched(network(), tmp_path, run="mine", predictor=Saying())
    watch(1)
    watch(2)
    assert [path.name for path in read] == ["a.parquet"]


def test_weights_that_are_nan_are_a_reason_to_stop_without_any_predictor(tmp_path):
    training = Training.begun()
    watch = watched(training.model, tmp_path, stop=True)
    trained(training, watch, [1])
    with torch.no_grad():
        training.model[2].weight[0, 0] = torch.inf
    answer = watch(2)
    assert answer.stop
    assert answer.reason == "its weights are NaN or infinite at epoch 2"
    assert answer.warnings == ("the run has diverged: '2.weight' has 1 NaN or infinite values",)
    assert stored(tmp_path).signature.diverged.tolist() == [False, False, True]
    training.model[2].reset_parameters()
    assert watch(3).stop  # at any snapshot


def test_a_forecaster_that_fails_ends_no_training(tmp_path):
    def fails(runs, known):
        raise ZeroDivisionError("none is known")

    answer = watched(network(), tmp_path, predictor=fails)(1)
    assert answer.decision == "abstain"
    assert answer.reason == "the forecast failed (ZeroDivisionError: none is known)"


def test_a_full_disk_ends_no_training_and_the_next_snapshot_is_written(tmp_path, whole, monkeypatch, caplog):
    training = Training.begun()
    watch = watched(training.model, tmp_path / "store")

    def full(self, target):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", full)
        trained(training, watch, [1])
    assert "No space left on device" in caplog.text
    trained(training, watch, range(2, EPOCHS + 1))
    assert_same(stored(tmp_path / "store"), whole)


def test_all_weights_zero_is_no_snapshot_and_ends_no_training(tmp_path):
    training = Training.begun()
    watch = watched(training.model, tmp_path)
    with torch.no_grad():
        for parameter in training.model.parameters():
            parameter.zero_()
    answer = watch(1, train_loss=0.7)
    assert answer.warnings[0].startswith("no snapshot was taken, as all weights of the graph are zero")
    assert stored(tmp_path).signature.times.tolist() == [0]
    assert stored(tmp_path).metrics["train_loss"].tolist() == [0.7]


def test_metrics_may_come_after_the_snapshot_and_under_other_names(unchecked, tmp_path):
    watch = watched(network(), tmp_path)
    watch(1, **{"val/acc": torch.tensor(0.25), "loss": np.float32(0.5), "later": None})
    watch.log(test_accuracy=0.5)
    watch.finish(test_accuracy=0.75)
    run = stored(tmp_path)
    assert run.metrics.loc[1.0].to_dict() == {"validation_accuracy": 0.25, "train_loss": 0.5, "test_accuracy": 0.75}
    assert unfinished([run]) == {"a": "ends at epoch 1 of 4"}


def test_without_a_budget_a_run_has_finished_when_that_is_said(tmp_path):
    watch = watched(network(), tmp_path, budget=None)
    watch(1, test_accuracy=0.5)
    assert unfinished([stored(tmp_path)])
    assert watch.finish().budget is None
    assert not unfinished([stored(tmp_path)])


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"run": "a/b"}, "no slash"),
        ({"run": ""}, "no slash"),
        ({"run": ".a"}, "no point"),
        ({"budget": 0}, "above 0"),
        ({"budget": 4, "settings": {"max_epochs": 5}}, "5, as the settings say"),
        ({"settings": {"status": "x"}}, "writes it itself"),
        ({"settings": {"x": [1]}}, r"settings\['x'\]"),
        ({"predictor": "weights@9"}, "weights@1"),
        ({"predictor": "shipped", "rate": 2}, "rate"),
        ({"extraction": Extraction(smoothing="linear")}, "smoothing"),
    ],
)
def test_what_cannot_be_is_said_before_training_begins(unchecked, tmp_path, options, said):
    with pytest.raises(SettingError, match=said):
        watched(network(), tmp_path, **options)


@pytest.mark.parametrize("epoch", [-1, float("nan"), float("inf"), "two"])
def test_an_epoch_that_is_none_is_refused_and_nothing_is_lost(unchecked, tmp_path, epoch):
    watch = watched(network(), tmp_path)
    with pytest.raises(SettingError, match="epoch"):
        watch(epoch)
    watch(1)
    assert stored(tmp_path).signature.times.tolist() == [0, 1]


def test_a_metric_that_is_no_number_is_refused(unchecked, tmp_path):
    with pytest.raises(SettingError, match="train_loss is 'low'"):
        watched(network(), tmp_path)(1, train_loss="low")


@pytest.mark.parametrize(
    "text", ["", "{}", "[]", "nonsense", '{"entries": [{"epoch": 1}]}', '{"entries": [], "version": 2}']
)
def test_a_damaged_state_file_is_one_line(tmp_path, text):
    watched(network(), tmp_path)
    (tmp_path / "a.watch" / "state.json").write_text(text)
    if text == "{}":
        text = '{"entries": 3}'
        (tmp_path / "a.watch" / "state.json").write_text(text)
    with pytest.raises(UnreadableFileError, match="is not the state of a watched run"):
        watched(network(), tmp_path)


def test_damaged_weights_leave_changes_unknown_and_end_no_training(tmp_path, caplog):
    training = Training.begun()
    trained(training, watched(training.model, tmp_path), [1])
    for path in (tmp_path / "a.watch").glob("*.safetensors"):
        path.write_bytes(b"nothing")
    watch = watched(training.model, tmp_path)
    trained(training, watch, [2])
    changed = stored(tmp_path).signature
    column = changed.names.index("weights/graph/relative_change_since_initial")
    assert np.isnan(changed.values[2, column])
    assert "changes cannot be known" in caplog.text


def test_a_shipped_predictor_is_asked_by_its_name_and_says_what_predict_says(tmp_path):
    training = Training.begun()
    settings = {"optimizer": "SGD", "momentum": 0.9, "schedule": "constant", "data": "mnist"}
    watch = watched(training.model, tmp_path, predictor="shipped", settings=settings)
    (answer,) = trained(training, watch, [1])
    from epochgraph.predictors.shipped import shipped_prediction

    expected = shipped_prediction(stored(tmp_path))
    assert answer.prediction == expected
    named = watched(network(), tmp_path, run="b", predictor="weights@1", settings=settings)
    assert named(0.5).reason == "the predictor looks at what is known after epoch 1"
    assert named(1).expected is not None


def test_layers_that_stand_still_die_or_were_never_alive_are_named_once(tmp_path):
    model = nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 6), nn.ReLU(), nn.Linear(6, 2))
    nn.init.zeros_(model[4].weight)
    watch = watched(model, tmp_path)
    with torch.no_grad():
        model[0].weight.add_(0.1)
    answer = watch(1)
    assert answer.warnings == (
        "layer '2' does not learn: its weights have not changed since the previous snapshot",
        "layer '4' is dead: all of its weights are zero",
    )
    with torch.no_grad():
        model[0].weight.add_(0.1)
        model[2].weight.mul_(1e-4)
    assert watch(2).warnings == (
        "layer '2' is all but dead: its weights have fallen to less than 0.1% of what they were",
    )
    assert watch(3).warnings == ("no weight has changed since the previous snapshot",)
    assert watch(4).warnings == ()


def test_layers_that_are_not_trained_are_not_complained_of(tmp_path):
    model = network()
    model[0].requires_grad_(requires_grad=False)
    watch = watched(model, tmp_path)
    with torch.no_grad():
        model[2].weight.add_(0.1)
    assert watch(1).warnings == ()


def test_a_monitor_goes_on_after_a_signature(tmp_path):
    training = Training.begun()
    options = {"change": ("initial", "previous")}
    whole, begun = Monitor(chain(training.model), **options), Monitor(chain(training.model), **options)
    checkpoints = []
    for epoch in range(4):
        if epoch:
            training.epoch(epoch)
        whole.observe(training.model, epoch)
        checkpoints.append({name: tensor.clone() for name, tensor in training.model.state_dict().items()})
        if epoch < 2:
            begun.observe(training.model, epoch)
    later = Monitor(chain(training.model), **options)
    later.resume(begun.signature(), initial=checkpoints[0], previous=checkpoints[1])
    for epoch in (2, 3):
        later.observe(checkpoints[epoch], epoch)
    np.testing.assert_array_equal(later.signature().values, whole.signature().values)


def test_sums_of_weights_into_parts_are_those_of_the_matrix():
    graph = rolled_graph({"0.weight": torch.tensor([[1.0, -2.0]]), "1.weight": torch.tensor([[3.0], [-4.0]])})
    assert graph.incoming.tolist() == [0, 3, 7]


def test_examples_may_be_tuples_mappings_or_a_topology(tmp_path):
    model = network()
    expected = signature([rolled_graph(model)])
    for number, example in enumerate([EXAMPLE, (EXAMPLE,), {"input": EXAMPLE}, chain(model)]):
        Watch(model, example, run=str(number), store=tmp_path, extraction=PLAIN)
        np.testing.assert_array_equal(stored(tmp_path, str(number)).signature.values, expected.values)


def test_nothing_is_printed_or_logged_where_all_is_well(tmp_path, caplog, capsys):
    with caplog.at_level(logging.DEBUG, logger="epochgraph"):
        undisturbed(tmp_path)
    assert not [record for record in caplog.records if record.name.startswith("epochgraph")]
    assert capsys.readouterr() == ("", "")
