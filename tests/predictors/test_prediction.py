"""What is told of new runs, and what is decided."""

import json
from dataclasses import asdict, replace

import numpy as np
import pytest

from epochgraph.errors import FeatureMismatchError, SettingError
from epochgraph.predictors import (
    Calibration,
    Prediction,
    Predictor,
    SignatureClassifier,
    SignatureRegressor,
    feature_table,
    fitted,
    most_hopeful_first,
    predict_runs,
    read_predictor,
    write_predictor,
)
from epochgraph.predictors.curves import learning_curve_of_epochs
from epochgraph.predictors.prediction import predict_at_rates
from epochgraph.predictors.views import Concatenated, signature_so_far
from epochgraph.runs import Run
from populations import accuracies, exploded, population, signatures

KNOWN = population(120, curve=1.0, epochs=4)
NEW = population(40, curve=1.0, epochs=4, seed=1)


def predictor(estimator, threshold, view=signature_so_far) -> Predictor:
    return fitted(
        estimator, view(KNOWN, 2), accuracies(KNOWN).tolist(), threshold=threshold, extraction={}, trained_on={}
    )


@pytest.fixture(scope="module")
def regressor() -> Predictor:
    return predictor(SignatureRegressor("trees"), 50.0)


def test_a_classifier_tells_the_probability_of_a_good_end():
    classifier = predictor(SignatureClassifier("trees"), 50.0)
    predictions = predict_runs(classifier, NEW)
    table = feature_table(signatures(NEW), up_to=2)
    assert [one.run for one in predictions] == [run.name for run in NEW]
    assert [one.p_good for one in predictions] == classifier.estimator.predict_proba(table)[:, 1].tolist()
    assert {(one.accuracy, one.interval, one.threshold) for one in predictions} == {(None, None, 50.0)}


def test_runs_that_may_end_highest_come_first_and_those_to_stop_last():
    predicted = [
        Prediction(name, accuracy, interval, p_good, decision, "", None, (0.0, 1.0))
        for name, accuracy, interval, p_good, decision in (
            ("exploded", 0.3, (0.2, 0.9), None, "stop"),
            ("low", 0.3, (0.2, 0.4), None, "continue"),
            ("wide", 0.2, (0.1, 0.8), None, "continue"),
            ("sure", 0.7, (0.6, 0.8), None, "continue"),
            ("unknown", 0.1, None, None, "abstain"),
            ("classified", None, None, 0.4, "abstain"),
        )
    ]
    order = ["classified", "unknown", "sure", "wide", "low", "exploded"]
    assert [one.run for one in most_hopeful_first(predicted)] == order


def test_a_regressor_tells_the_accuracy_its_interval_and_the_chance_of_a_good_end(regressor):
    predictions = predict_runs(regressor, NEW)
    predicted = np.array([one.accuracy for one in predictions])
    assert np.corrcoef(predicted, accuracies(NEW))[0, 1] > 0.9
    inside = [
        one.interval[0] <= truth <= one.interval[1] for one, truth in zip(predictions, accuracies(NEW), strict=True)
    ]
    assert np.mean(inside) > 0.75
    chances = np.array([one.p_good for one in predictions])
    assert chances[predicted > 70].min() > 0.9
    assert chances[predicted < 30].max() < 0.1
    assert {one.times for one in predictions} == {(0.0, 1.0, 2.0)}


def test_several_rates_are_decided_as_each_by_itself(regressor):
    rates = (0.5, 0.05)
    together = predict_at_rates(regressor, NEW, rates)
    assert together == [predict_runs(regressor, NEW, rate=rate) for rate in rates]
    many, few = ([one.decision for one in predicted].count("stop") for predicted in together)
    assert many > few
    assert predict_at_rates(regressor, [], rates) == [[], []]


@pytest.mark.parametrize("estimator", [SignatureRegressor("trees"), SignatureClassifier("trees")], ids=["r", "c"])
def test_bad_runs_are_stopped_and_good_ones_go_on(estimator):
    predictions = predict_runs(predictor(estimator, 50.0), NEW)
    good = accuracies(NEW) >= 50
    stopped = np.array([one.decision == "stop" for one in predictions])
    assert stopped[good].mean() <= 0.15  # 5 % promised, of 20 runs
    assert stopped[~good].mean() > 0.5
    assert {one.decision for one in predictions} == {"stop", "continue"}
    predicted = next(one for one in predictions if one.decision == "stop")
    assert "hardly a run with a good end was predicted below" in predicted.reason


def test_a_run_is_stopped_if_it_is_told_less_than_the_limit_and_not_at_it(regressor):
    """The least of 19 good runs is the limit at 5 %."""
    (first,) = predict_runs(regressor, NEW[:1])

    def decided(limit):
        count = len(regressor.columns)
        known = Calibration(
            predicted=np.append(np.full(18, limit + 1), limit),
            truth=np.full(19, 60.0),
            categories=("run",) * 19,
            out_of_range=np.zeros(19),
            low=np.full(count, -np.inf),
            high=np.full(count, np.inf),
        )
        (one,) = predict_runs(replace(regressor, calibration=known), NEW[:1])
        return one.decision, one.reason

    decision, reason = decided(first.accuracy)
    assert (decision, f"were predicted at {first.accuracy:.3g} or more" in reason) == ("continue", True)
    assert decided(np.nextafter(first.accuracy, -np.inf))[0] == "continue"
    decision, reason = decided(np.nextafter(first.accuracy, np.inf))
    assert (decision, f"{first.accuracy:.3g} is predicted" in reason) == ("stop", True)


def test_what_a_run_is_told_does_not_depend_on_the_others_or_on_what_comes_later(regressor):
    together = predict_runs(regressor, NEW[:4])
    assert [predict_runs(regressor, [run])[0] for run in NEW[:4]] == together
    young = [replace(run, signature=run.signature.up_to(2), metrics=run.metrics.loc[:2]) for run in NEW[:4]]
    assert predict_runs(regressor, young) == together


def test_what_a_good_end_is_can_be_said_anew(regressor):
    higher = predict_runs(regressor, NEW, threshold=80.0, rate=0.1)
    assert {one.threshold for one in higher} == {80.0}
    usual = predict_runs(regressor, NEW, rate=0.1)
    assert all(one.p_good <= other.p_good for one, other in zip(higher, usual, strict=True))
    assert [one.accuracy for one in higher] == [one.accuracy for one in usual]
    assert sum(one.decision == "stop" for one in higher) > sum(one.decision == "stop" for one in usual)
    unset = predictor(SignatureRegressor("trees"), None)
    assert predict_runs(unset, NEW, threshold=80.0, rate=0.1) == higher
    assert {(one.p_good, one.threshold) for one in predict_runs(unset, NEW)} == {(None, None)}
    with pytest.raises(SettingError, match=r"threshold is 80.0, but must be 50"):
        predict_runs(predictor(SignatureClassifier("trees"), 50.0), NEW, threshold=80.0)


def test_nothing_is_decided_where_nothing_can_be_promised(regressor):
    def reasons(made, runs=NEW, **options):
        (reason,) = {(one.decision, one.reason) for one in predict_runs(made, runs, **options)}
        assert reason[0] == "abstain"
        return reason[1]

    assert "no threshold" in reasons(predictor(SignatureRegressor("trees"), None))
    assert "not calibrated" in reasons(replace(regressor, calibration=None))
    assert "too few, or too different" in reasons(regressor, threshold=89.0)
    assert "too few" in reasons(regressor, rate=0.001)
    assert "too few" in reasons(predictor(SignatureClassifier("trees"), 50.0), rate=0.001)
    (uncalibrated,) = predict_runs(replace(regressor, calibration=None), NEW[:1])
    assert (uncalibrated.interval, uncalibrated.p_good) == (None, None)
    assert uncalibrated.accuracy == predict_runs(regressor, NEW[:1])[0].accuracy
    far = [replace(run, signature=replace(run.signature, values=run.signature.values + 1e6)) for run in NEW]
    assert "further outside" in reasons(regressor, far)


def test_a_run_that_has_diverged_is_stopped():
    both = predictor(SignatureRegressor("trees"), 50.0, Concatenated((signature_so_far, learning_curve_of_epochs)))
    metrics = NEW[0].metrics.copy()
    metrics.loc[2:] = np.nan
    diverged = replace(NEW[0], signature=exploded(NEW[0].signature, 2), metrics=metrics)
    (predicted,) = predict_runs(both, [diverged])
    assert (predicted.decision, predicted.reason) == ("stop", "its weights are NaN or infinite at epoch 2")
    for made in (replace(both, calibration=None), replace(both, threshold=None)):
        assert predict_runs(made, [diverged])[0].decision == "stop"
    crashed = replace(diverged, metrics=metrics.iloc[:0])
    assert predict_runs(both, [crashed])[0].decision == "stop"
    unmeasured = replace(NEW[0], metrics=metrics)
    with pytest.raises(FeatureMismatchError, match="validation_accuracy@2"):
        predict_runs(both, [unmeasured])


def test_a_divergence_after_the_last_epoch_that_is_looked_at_stops_a_run_too(regressor):
    """All else that is told stays as it was."""
    best = max(NEW, key=Run.final_accuracy)
    later = replace(best, signature=exploded(best.signature, 4))
    (predicted,), (before,) = predict_runs(regressor, [later]), predict_runs(regressor, [best])
    assert before.decision == "continue"
    assert predicted == replace(before, decision="stop", reason="its weights are NaN or infinite at epoch 4")


def test_divergence_is_seen_at_epochs_of_many_digits():
    """The columns are named a@0.333333, which is less than a third."""

    def third(run):
        return replace(run, signature=replace(run.signature, times=run.signature.times / 3))

    known = [third(run) for run in KNOWN[:40]]
    table = feature_table(signatures(known), up_to=1 / 3)
    ends = accuracies(known).tolist()
    made = fitted(SignatureRegressor("trees"), table, ends, threshold=50.0, extraction={}, trained_on={})
    assert made.up_to == 0.333333
    runs = [third(NEW[0]), third(replace(NEW[0], signature=exploded(NEW[0].signature, 1)))]
    whole, diverged = predict_runs(made, runs)
    assert "NaN" not in whole.reason
    assert (diverged.decision, diverged.reason) == ("stop", "its weights are NaN or infinite at epoch 0.333333")


def test_changes_since_the_start_look_at_the_start():
    def renamed(run):
        return replace(run, signature=replace(run.signature, names=tuple(f"{n}_since_initial" for n in "abcd")))

    known = [renamed(run) for run in KNOWN[:20]]
    table = feature_table(signatures(known)).filter(regex="@2$")
    made = fitted(
        SignatureRegressor("trees"), table, accuracies(known).tolist(), threshold=50.0, extraction={}, trained_on={}
    )
    assert predict_runs(made, [renamed(NEW[0])])[0].times == (0.0, 2.0)


@pytest.mark.parametrize("rate", [-0.1, 1.5, np.nan])
def test_a_rate_is_a_share(regressor, rate):
    with pytest.raises(SettingError, match=r"rate is .*, but must be from 0 to 1"):
        predict_runs(regressor, NEW, rate=rate)


@pytest.mark.parametrize("estimator", [SignatureRegressor("trees"), SignatureClassifier("trees")], ids=["r", "c"])
def test_a_prediction_is_plain_values(estimator):
    (predicted,) = predict_runs(predictor(estimator, 50.0), NEW[:1])
    read = json.loads(json.dumps(asdict(predicted), allow_nan=False))
    interval = None if read["interval"] is None else tuple(read["interval"])
    read |= {"interval": interval, "times": tuple(read["times"]), "notes": tuple(read["notes"])}
    assert Prediction(**read) == predicted


def test_a_prediction_says_what_it_looked_at():
    both = predictor(SignatureRegressor("trees"), 50.0, Concatenated((signature_so_far, learning_curve_of_epochs)))
    (predicted,) = predict_runs(both, NEW[:1])
    assert predicted.metrics == {"validation_accuracy": (1.0, 2.0), "train_loss": (1.0, 2.0)}
    assert (predicted.target, predicted.direction) == ("test_accuracy", "rises")
    (blind,) = predict_runs(predictor(SignatureRegressor("trees"), 50.0), NEW[:1])
    assert blind.metrics == {}


def of_losses(estimator, view=signature_so_far):
    """The same runs, of which a loss is known instead: 100 less the accuracy."""
    ends = (100 - accuracies(KNOWN)).tolist()
    about = {"target": "test_loss", "direction": "falls"}
    return fitted(estimator, view(KNOWN, 2), ends, threshold=50.0, falls=True, extraction={}, trained_on=about)


def test_a_loss_is_predicted_as_the_accuracy_that_it_mirrors(regressor):
    """What is told of a run is mirrored, and what is decided stays the same."""
    falling = of_losses(SignatureRegressor("trees"))
    losses, rises = predict_runs(falling, NEW, rate=0.1), predict_runs(regressor, NEW, rate=0.1)
    assert {one.decision for one in losses} == {"stop", "continue"}
    alike = [one.decision == other.decision for one, other in zip(losses, rises, strict=True)]
    assert np.mean(alike) >= 0.95
    for loss, accuracy in zip(losses, rises, strict=True):  # of equal splits, a tree may take another
        assert loss.accuracy == pytest.approx(100 - accuracy.accuracy, abs=2)
        assert loss.interval == pytest.approx((100 - accuracy.interval[1], 100 - accuracy.interval[0]), abs=4)
        assert loss.p_good == pytest.approx(accuracy.p_good, abs=0.1)
    stopped = next(one for one in losses if one.decision == "stop")
    assert "was predicted above" in stopped.reason
    assert (stopped.target, stopped.direction) == ("test_loss", "falls")
    truth = {run.name: run.final_accuracy() for run in NEW}
    order = [truth[one.run] for one in most_hopeful_first(losses)]
    assert np.mean(order[:10]) > np.mean(order[-10:]) + 30


def test_a_classifier_of_a_loss_tells_the_chance_of_a_low_end():
    falling = of_losses(SignatureClassifier("trees"))
    losses, rises = predict_runs(falling, NEW), predict_runs(predictor(SignatureClassifier("trees"), 50.0), NEW)
    assert [one.p_good for one in losses] == [one.p_good for one in rises]
    assert [one.decision for one in losses] == [one.decision for one in rises]
    assert {one.decision for one in losses} == {"stop", "continue"}


@pytest.mark.parametrize("kind", [SignatureRegressor, SignatureClassifier])
def test_a_predictor_of_a_loss_is_the_same_when_it_is_read_back(tmp_path, kind):
    falling = of_losses(kind("trees"))
    write_predictor(falling, tmp_path / "loss.skops")
    back = read_predictor(tmp_path / "loss.skops")
    assert (back.falls, back.target) == (True, "test_loss")
    assert predict_runs(back, NEW) == predict_runs(falling, NEW)


def test_an_infinite_metric_is_no_number():
    both = predictor(SignatureRegressor("trees"), 50.0, Concatenated((signature_so_far, learning_curve_of_epochs)))
    metrics = NEW[0].metrics.copy()
    metrics.loc[2, "train_loss"] = np.inf
    with pytest.raises(FeatureMismatchError, match="train_loss@2"):
        predict_runs(both, [replace(NEW[0], metrics=metrics)])


def test_no_runs_are_no_predictions_and_young_ones_are_refused(regressor):
    assert predict_runs(regressor, []) == []
    young = replace(NEW[0], signature=NEW[0].signature.up_to(1))
    with pytest.raises(FeatureMismatchError, match="up to the same epoch"):
        predict_runs(regressor, [young])
