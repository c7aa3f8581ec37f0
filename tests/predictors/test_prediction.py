import numpy as np
import pytest

from epochgraph.errors import FeatureMismatchError
from epochgraph.predictors import Prediction, Predictor, SignatureClassifier, SignatureRegressor, predict_runs
from populations import accuracies, population, signatures

RUNS = population(40, epochs=4)
NAMES = [run.name for run in RUNS]


def predictor(kind, threshold):
    y = accuracies(RUNS) if kind is SignatureRegressor else (accuracies(RUNS) >= threshold).astype(int)
    return Predictor(kind(up_to=2).fit(signatures(RUNS), y), threshold, {}, {})


def test_a_classifier_tells_the_probability_of_a_good_end():
    classifier = predictor(SignatureClassifier, 50.0)
    predictions = predict_runs(classifier, signatures(RUNS), NAMES)
    assert [p.run for p in predictions] == NAMES
    assert [p.p_good for p in predictions] == classifier.estimator.predict_proba(signatures(RUNS))[:, 1].tolist()
    assert [p.good for p in predictions] == classifier.estimator.predict(signatures(RUNS)).astype(bool).tolist()
    assert np.mean([p.good == (a >= 50) for p, a in zip(predictions, accuracies(RUNS), strict=True)]) > 0.9
    assert {(p.accuracy, p.up_to) for p in predictions} == {(None, 2)}


def test_a_regressor_tells_the_accuracy_and_what_it_means():
    predictions = predict_runs(predictor(SignatureRegressor, 50.0), signatures(RUNS), NAMES)
    assert [p.good for p in predictions] == [p.accuracy >= 50 for p in predictions]
    assert np.corrcoef([p.accuracy for p in predictions], accuracies(RUNS))[0, 1] > 0.9
    (one,) = predict_runs(predictor(SignatureRegressor, None), signatures(RUNS)[:1], ["alone"])
    assert one == Prediction("alone", None, None, predictions[0].accuracy, 2)


def test_runs_and_names_go_together():
    assert predict_runs(predictor(SignatureClassifier, 50.0), [], []) == []
    with pytest.raises(ValueError, match="zip"):
        predict_runs(predictor(SignatureClassifier, 50.0), signatures(RUNS), NAMES[:3])


def test_a_run_that_is_too_young_is_refused():
    with pytest.raises(FeatureMismatchError, match="up to the same epoch"):
        predict_runs(predictor(SignatureClassifier, 50.0), [RUNS[0].signature.up_to(1)], ["young"])
