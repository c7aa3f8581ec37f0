"""scikit-learn estimators that take signatures."""

from collections.abc import Sequence
from typing import Any, Literal, get_args

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.compose import TransformedTargetRegressor
from sklearn.impute import SimpleImputer
from sklearn.multiclass import OneVsRestClassifier
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from epochgraph.errors import SettingError
from epochgraph.predictors.axes import PrincipalAxes
from epochgraph.predictors.forests import ClassificationForest, RegressionForest
from epochgraph.predictors.machines import TunedSVC, TunedSVR
from epochgraph.predictors.tables import feature_table, selected_table
from epochgraph.signature import Signature

Task = Literal["classification", "regression"]
Method = Literal["svm", "mlp", "trees"]

# The paper names neither widths nor penalties. One hidden layer of 100 is scikit-learn's default; its penalty of 1e-4
# does not suit populations of a few dozen runs, where the network then learns the noise (regression: R^2 below 0).
# They fit into one batch, so ten times the usual step reaches the same accuracy in a third of the time.
NETWORK = {"hidden_layer_sizes": (100,), "alpha": 1.0, "learning_rate_init": 0.01, "max_iter": 2000}
BATCH = 200  # scikit-learn's default

UNCHECKED = {"dtype": np.float64, "ensure_all_finite": False}  # the pipeline handles what is not finite


class SignatureClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn is not typed
    """Predicts from the first epochs whether a run will end well.

    Before the support vector machine or network of the paper, features pass through the inverse hyperbolic sine, which
    leaves small numbers alone and compresses large ones to their logarithm: without it a single run of exploding
    weights would scale the differences between all others to nothing. Then missing values become the median, with a
    column that says that they were missing, as divergence is informative; then every column is standardised.

    The penalty of the support vector machine is chosen by cross-validation on the runs that it is fitted on. Its
    probabilities are Platt's without an offset, from the cross-validation scores of held-out runs. The network's
    probabilities are its own; if there are more than a thousand features, it sees their principal axes (see
    `PrincipalAxes`).

    Args:
        method: "svm" (radial basis functions) and "mlp" (a hidden layer of 100) are the paper's; "trees" (extremely
            randomised) look at one feature at a time, which suits many features and few runs.
        up_to: The last epoch of signatures to use; None for all of them. Tables and arrays are used as they are.
        random_state: Seed of the folds, of the network's initial weights and of the trees.

    Attributes:
        classes_: The labels.
        feature_names_in_: Names of the columns, if fitted on signatures or a table.
        n_features_in_: Number of columns.

    Examples:
        >>> import numpy as np
        >>> from epochgraph.signature import Signature
        >>> def run(level):
        ...     return Signature(np.array([1.0]), ("degree",), np.array([[level]]), np.array([False]))
        >>> known = [run(level) for level in (0.9, 1.0, 1.1, 2.9, 3.0, 3.1)]
        >>> classifier = SignatureClassifier(up_to=1).fit(known, [0, 0, 0, 1, 1, 1])
        >>> classifier.predict([run(1.05), run(2.95)])
        array([0, 1])

    References:
        Vahedian et al. 2022, section 3 (S4); Platt 1999.
    """

    # scikit-learn's contract: a constructor keeps whatever it is given, and `fit` checks it
    def __init__(self, method: Any = "svm", *, up_to: Any = None, random_state: Any = 0) -> None:
        self.method = method
        self.up_to = up_to
        self.random_state = random_state

    def fit(self, X: Any, y: Any) -> "SignatureClassifier":  # noqa: N803 - scikit-learn's name, here and below
        """Learn from runs whose end is known.

        Args:
            X: Signatures, or a table or array with one row per run.
            y: The label of each run.

        Raises:
            SettingError: The method is unknown, there is only one class, or a class has a single run.
            FeatureMismatchError: The signatures do not have the same features and epochs.
        """
        _check_method(self.method)
        table, y = validate_data(self, _training_table(X, self.up_to), y, ensure_min_samples=2, **UNCHECKED)
        check_classification_targets(y)
        classes = _classes(y)
        match self.method:
            case "svm":
                machine = TunedSVC(random_state=self.random_state)
                steps = [machine if classes == 2 else OneVsRestClassifier(machine)]
            case "mlp":
                network = MLPClassifier(**NETWORK, shuffle=_several_batches(y), random_state=self.random_state)
                steps = [PrincipalAxes(), network]
            case _:
                steps = [ClassificationForest(random_state=self.random_state)]
        self.pipeline_ = pipeline(*steps).fit(_finite(table), y)
        self.classes_ = self.pipeline_.classes_
        return self

    def predict(self, X: Any) -> np.ndarray:  # noqa: N803
        """The more probable label of each run."""
        table = _prediction_table(self, X)
        return np.asarray(self.pipeline_.predict(table))

    def predict_proba(self, X: Any) -> np.ndarray:  # noqa: N803
        """The probability of each label (a column, in the order of `classes_`) for each run (a row)."""
        table = _prediction_table(self, X)
        return np.asarray(self.pipeline_.predict_proba(table))

    def __sklearn_tags__(self) -> Any:
        return _allowing_nan(super().__sklearn_tags__())


class SignatureRegressor(RegressorMixin, BaseEstimator):  # type: ignore[misc]  # likewise
    """Predicts from the first epochs how accurate a run will be in the end.

    Features are treated as in `SignatureClassifier`; accuracies are standardised too, so that the methods' tolerances
    do not depend on their unit. Predictions are not kept inside the range of an accuracy.

    Args:
        method: "svm" (support vector regression, radial basis functions; its penalty is chosen by cross-validation),
            "mlp" or "trees", as for the classifier.
        up_to: The last epoch of signatures to use; None for all of them. Tables and arrays are used as they are.
        random_state: Seed of the folds, of the network's initial weights and of the trees.

    Attributes:
        feature_names_in_: Names of the columns, if fitted on signatures or a table.
        n_features_in_: Number of columns.

    References:
        Vahedian et al. 2021 (arXiv 2111.05410).
    """

    def __init__(self, method: Any = "svm", *, up_to: Any = None, random_state: Any = 0) -> None:
        self.method = method
        self.up_to = up_to
        self.random_state = random_state

    def fit(self, X: Any, y: Any) -> "SignatureRegressor":  # noqa: N803
        """Learn from runs whose end is known.

        Args:
            X: Signatures, or a table or array with one row per run.
            y: Final accuracy of each run, in any unit.

        Raises:
            SettingError: The method is unknown.
            FeatureMismatchError: The signatures do not have the same features and epochs.
        """
        _check_method(self.method)
        table = _training_table(X, self.up_to)
        table, y = validate_data(self, table, y, y_numeric=True, ensure_min_samples=2, **UNCHECKED)
        match self.method:
            case "svm":
                final = TunedSVR(random_state=self.random_state)
            case "mlp":
                network = MLPRegressor(**NETWORK, shuffle=_several_batches(y), random_state=self.random_state)
                final = make_pipeline(PrincipalAxes(), network)
            case _:
                final = RegressionForest(random_state=self.random_state)
        standardised = TransformedTargetRegressor(final, transformer=StandardScaler())
        self.pipeline_ = pipeline(standardised).fit(_finite(table), y)
        return self

    def predict(self, X: Any) -> np.ndarray:  # noqa: N803
        """The final accuracy of each run."""
        table = _prediction_table(self, X)
        return np.asarray(self.pipeline_.predict(table))

    def __sklearn_tags__(self) -> Any:
        return _allowing_nan(super().__sklearn_tags__())


def predictions_of(model: SignatureClassifier | SignatureRegressor, table: Any) -> np.ndarray:
    """What a fitted estimator predicts for each run, as one number: the probability of a good end, or the accuracy."""
    if isinstance(model, SignatureClassifier):
        return np.asarray(model.predict_proba(table)[:, 1])
    return np.asarray(model.predict(table))


def pipeline(*final: Any) -> Pipeline:
    """An estimator behind the steps that all methods here begin with; see `SignatureClassifier`."""
    # a column without any value is kept (as zeros): later runs may have one, and the width stays the same
    imputer = SimpleImputer(strategy="median", add_indicator=True, keep_empty_features=True)
    return make_pipeline(FunctionTransformer(np.arcsinh), imputer, StandardScaler(), *final)


def _several_batches(y: np.ndarray) -> bool:
    """Whether the runs fill more than one batch of a network: a single one needs no shuffling, which takes time."""
    return len(y) > BATCH


def _check_method(method: str) -> None:
    if method not in get_args(Method):
        raise SettingError("method", method, "'svm', 'mlp' or 'trees'")


def _classes(y: np.ndarray) -> int:
    """The number of classes, if each has enough runs."""
    classes, counts = np.unique(y, return_counts=True)
    if len(classes) < 2 or counts.min() < 2:
        found = dict(zip(classes.tolist(), counts.tolist(), strict=True))
        raise SettingError("runs of each class", found, "at least 2 in each of two classes, not in one class alone")
    return len(classes)


def _training_table(runs: Any, up_to: float | None) -> Any:
    return feature_table(runs, up_to=up_to) if _are_signatures(runs) else runs


def _prediction_table(estimator: Any, runs: Any) -> np.ndarray:
    """Runs, as the columns that the estimator was fitted on."""
    check_is_fitted(estimator)
    if _are_signatures(runs):
        names = getattr(estimator, "feature_names_in_", None)
        runs = feature_table(runs).to_numpy() if names is None else selected_table(runs, names.tolist())
    return _finite(validate_data(estimator, runs, reset=False, **UNCHECKED))


def _are_signatures(runs: Any) -> bool:
    return isinstance(runs, Sequence) and len(runs) > 0 and all(isinstance(run, Signature) for run in runs)


def _finite(table: np.ndarray) -> np.ndarray:
    """Infinities count as missing values, too."""
    return np.where(np.isfinite(table), table, np.nan)


def _allowing_nan(tags: Any) -> Any:
    tags.input_tags.allow_nan = True
    return tags
