"""Signatures -> predictions: scikit-learn estimators, what they are compared with, and their files."""

from epochgraph.predictors.calibration import Calibration
from epochgraph.predictors.candidates import (
    Candidate,
    candidates_for,
    learned,
    standard_candidates,
    without_graphs,
)
from epochgraph.predictors.estimators import Method, SignatureClassifier, SignatureRegressor, Task
from epochgraph.predictors.fitting import fitted
from epochgraph.predictors.prediction import Decision, Prediction, most_hopeful_first, predict_runs
from epochgraph.predictors.storage import Predictor, read_predictor, write_predictor
from epochgraph.predictors.tables import feature_table, labels, run_table

__all__ = [
    "Calibration",
    "Candidate",
    "Decision",
    "Method",
    "Prediction",
    "Predictor",
    "SignatureClassifier",
    "SignatureRegressor",
    "Task",
    "candidates_for",
    "feature_table",
    "fitted",
    "labels",
    "learned",
    "most_hopeful_first",
    "predict_runs",
    "read_predictor",
    "run_table",
    "standard_candidates",
    "without_graphs",
    "write_predictor",
]
