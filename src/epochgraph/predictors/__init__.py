"""Signatures -> predictions: scikit-learn estimators, what they are compared with, and their files."""

from epochgraph.predictors.candidates import Candidate, from_weights, learned, standard_candidates, without_graphs
from epochgraph.predictors.estimators import Method, SignatureClassifier, SignatureRegressor, Task
from epochgraph.predictors.features import feature_table, labels
from epochgraph.predictors.prediction import Prediction, predict_runs
from epochgraph.predictors.storage import Predictor, read_predictor, write_predictor

__all__ = [
    "Candidate",
    "Method",
    "Prediction",
    "Predictor",
    "SignatureClassifier",
    "SignatureRegressor",
    "Task",
    "feature_table",
    "from_weights",
    "labels",
    "learned",
    "predict_runs",
    "read_predictor",
    "standard_candidates",
    "without_graphs",
    "write_predictor",
]
