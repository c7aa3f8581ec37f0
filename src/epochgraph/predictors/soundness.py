"""Whether a fitted estimator from a file is one of ours, and all its arrays are consistent.

Compiled code follows the indices of a tree or a support vector machine unchecked: with inconsistent arrays it would
read memory out of bounds. So each array of each estimator is first checked against the others, for type, shape, range
and order. Any other estimator is refused, however harmless; a trial prediction shows whether the rest works.
"""

from collections.abc import Sequence
from math import isfinite, isnan
from typing import Any

import numpy as np
from sklearn.compose import TransformedTargetRegressor
from sklearn.impute import MissingIndicator, SimpleImputer
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer, LabelBinarizer, StandardScaler
from sklearn.svm import SVC, SVR
from sklearn.tree import ExtraTreeRegressor

from epochgraph.predictors.axes import PrincipalAxes
from epochgraph.predictors.estimators import SignatureClassifier, SignatureRegressor
from epochgraph.predictors.forests import ClassificationForest, RegressionForest
from epochgraph.predictors.machines import TunedSVC, TunedSVR

LABELS = [0, 1]


def check_estimator(model: object) -> None:
    """Check that an estimator is sound, and that it predicts numbers for two made-up runs.

    Raises:
        ValueError, AttributeError, TypeError: It is not.
    """
    classifies = isinstance(model, SignatureClassifier)
    made = _plain(model, SignatureClassifier if classifies else SignatureRegressor)
    columns = _whole(made.n_features_in_)
    names = getattr(made, "feature_names_in_", None)
    if names is not None and not (_is_array(names, (columns,), "O") and all(isinstance(name, str) for name in names)):
        raise ValueError("the names of the columns are not one string each")
    first, imputer, scaler, *last = _steps(made.pipeline_)
    _check_compressing(first)
    width = _check_imputing(imputer, columns)
    _check_scaling(scaler, width)
    if classifies:
        _check_labels(made.classes_)
        _check_telling(last, width, outputs=2, binary=True)
    else:
        (target,) = last
        _check_target(target, width)
    _try(made, columns)


def _try(model: SignatureClassifier | SignatureRegressor, columns: int) -> None:
    """Try two runs: one of zeros, and one about which nothing is known."""
    table = np.stack([np.zeros(columns), np.full(columns, np.nan)])
    with np.errstate(all="ignore"):
        predicted = _predictions(model, table)
    if predicted.shape != (2,) or not np.isfinite(predicted).all():
        raise ValueError("it predicts no number for a run")


def _predictions(model: Any, table: np.ndarray) -> np.ndarray:
    """What an estimator's steps predict from a table, whatever the names of its columns."""
    if isinstance(model, SignatureClassifier):
        return np.asarray(model.pipeline_.predict_proba(table)[:, 1])
    return np.asarray(model.pipeline_.predict(table))


def _plain(model: object, kind: type) -> Any:
    """An object of exactly one type, none of whose attributes hides a method."""
    if type(model) is not kind:
        raise ValueError(f"a {type(model).__name__} stands where a {kind.__name__} belongs")
    hidden = [name for name in vars(model) if hasattr(kind, name)]
    if hidden:
        raise ValueError(f"{hidden[0]!r} of a {kind.__name__} is hidden")
    return model


def _is_array(value: object, shape: tuple[int, ...], kinds: str) -> bool:
    """Whether a value is an array of a shape and one of some kinds of dtype, in the memory layout of a fitted one."""
    if type(value) is not np.ndarray or value.shape != shape or value.dtype.kind not in kinds:
        return False
    return bool(value.dtype.isnative and value.flags.c_contiguous and value.flags.aligned)


def _check_numbers(value: object, shape: tuple[int, ...], *, least: float = -np.inf, missing: bool = False) -> None:
    """Check for an array of finite 64-bit numbers of a given shape."""
    if not isinstance(value, np.ndarray) or not _is_array(value, shape, "f") or value.dtype.itemsize != 8:
        raise ValueError(f"an array is not of the shape {shape}, or of another type")
    if not (np.isfinite(value) | (np.isnan(value) if missing else False)).all() or (value < least).any():
        raise ValueError("an array has values that it cannot have")


def _whole(value: object, least: int = 1) -> int:
    if not isinstance(value, int | np.integer) or isinstance(value, bool) or value < least:
        raise ValueError(f"{value!r} is not a number from {least}")
    return int(value)


def _real(value: object) -> float:
    if not isinstance(value, int | float | np.floating) or isinstance(value, bool) or not isfinite(value):
        raise ValueError(f"{value!r} is not a number")
    return float(value)


def _check_labels(value: object) -> None:
    if not isinstance(value, np.ndarray) or not _is_array(value, (2,), "iu") or value.tolist() != LABELS:
        raise ValueError("the labels are not 0 and 1")


def _check_settings(model: Any, **expected: object) -> None:
    """Check that an estimator has the settings of ours, where they matter."""
    for name, value in expected.items():
        found = getattr(model, name)
        if type(found) is not type(value) or found != value:
            raise ValueError(f"{name} of a {type(model).__name__} is {found!r}")


def _steps(value: object) -> list[Any]:
    """The estimators of a pipeline that contains nothing else."""
    pipeline = _plain(value, Pipeline)
    _check_settings(pipeline, memory=None, verbose=False)
    steps = pipeline.steps
    if not isinstance(steps, list) or not all(isinstance(step, tuple) and len(step) == 2 for step in steps):
        raise ValueError("a pipeline is not made of steps")
    names = [name for name, _ in steps]
    if not all(isinstance(name, str) for name in names) or len(set(names)) < len(names):
        raise ValueError("the steps of a pipeline have no names")
    return [estimator for _, estimator in steps]


def _check_compressing(value: object) -> None:
    made = _plain(value, FunctionTransformer)
    if made.func is not np.arcsinh:
        raise ValueError("the features are not compressed as ours are")
    _check_settings(made, inverse_func=None, validate=False, kw_args=None, feature_names_out=None)


def _check_imputing(value: object, columns: int) -> int:
    """Check that missing values are replaced as in our estimators.

    Returns:
        The number of columns afterwards: there is one more for each that had missing values.
    """
    made = _plain(value, SimpleImputer)
    _check_settings(made, strategy="median", add_indicator=True, keep_empty_features=True)
    _check_numbers(made.statistics_, (columns,), missing=True)
    if _whole(made.n_features_in_) != columns:
        raise ValueError("it does not read as many columns as there are")
    indicator = _plain(made.indicator_, MissingIndicator)
    _check_settings(indicator, features="missing-only", error_on_new=False)
    if not (isnan(_missing(made)) and isnan(_missing(indicator))):
        raise ValueError("a number stands for missing values")
    marked = indicator.features_
    if not isinstance(marked, np.ndarray) or not _is_array(marked, marked.shape[:1], "iu"):
        raise ValueError("the columns with missing values are not a list")
    if len(marked) and not (marked[0] >= 0 and marked[-1] < columns and (np.diff(marked) > 0).all()):
        raise ValueError("the columns with missing values are not among the columns")
    return columns + len(marked)


def _missing(imputer: Any) -> float:
    found = imputer.missing_values
    return found if isinstance(found, float) else 0.0


def _check_scaling(value: object, width: int) -> None:
    made = _plain(value, StandardScaler)
    _check_settings(made, with_mean=True, with_std=True, n_features_in_=width)
    _check_numbers(made.mean_, (width,))
    _check_numbers(made.scale_, (width,), least=np.finfo(float).tiny)
    _check_numbers(made.var_, (width,), least=0)


def _check_target(value: object, width: int) -> None:
    made = _plain(value, TransformedTargetRegressor)
    _check_settings(made, func=None, inverse_func=None, _training_dim=1)
    _check_scaling(made.transformer_, 1)
    inner = made.regressor_
    _check_telling(_steps(inner) if isinstance(inner, Pipeline) else [inner], width, outputs=1, binary=False)


def _check_telling(steps: Sequence[Any], width: int, *, outputs: int, binary: bool) -> None:
    """Check that the last steps are those of one of our methods."""
    *axes, last = steps
    if isinstance(last, MLPClassifier if binary else MLPRegressor):
        (turned,) = axes
        _check_network(last, _turned_width(turned, width), binary=binary)
    elif axes:
        raise ValueError("there are more steps than any of ours has")
    elif isinstance(last, ClassificationForest if binary else RegressionForest):
        _check_forest(last, width, outputs)
    else:
        _check_machine(_plain(last, TunedSVC if binary else TunedSVR), width, binary=binary)


def _turned_width(value: object, width: int) -> int:
    axes = _plain(value, PrincipalAxes).axes_
    if axes is None:
        return width
    _check_numbers(np.ascontiguousarray(axes) if isinstance(axes, np.ndarray) else axes, (width, axes.shape[-1]))
    return int(axes.shape[-1])


def _check_network(model: Any, width: int, *, binary: bool) -> None:
    made = _plain(model, MLPClassifier if binary else MLPRegressor)
    coefficients, offsets = made.coefs_, made.intercepts_
    if not isinstance(coefficients, list) or not isinstance(offsets, list) or not 0 < len(coefficients) == len(offsets):
        raise ValueError("a network has no layers")
    out = "logistic" if binary else "identity"
    layers = len(coefficients) + 1
    _check_settings(made, activation="relu", out_activation_=out, n_layers_=layers, n_outputs_=1, n_features_in_=width)
    for weights, offset in zip(coefficients, offsets, strict=True):
        if not isinstance(weights, np.ndarray) or weights.ndim != 2:
            raise ValueError("a layer of a network is not a matrix")
        _check_numbers(np.ascontiguousarray(weights), (width, weights.shape[1]))
        width = weights.shape[1]
        _check_numbers(offset, (width,))
    if width != 1:
        raise ValueError("a network has several outputs")
    if binary:
        binarizer = _plain(made._label_binarizer, LabelBinarizer)  # noqa: SLF001 - the estimator keeps its labels there
        _check_settings(binarizer, y_type_="binary", neg_label=0, pos_label=1, sparse_output=False)
        _check_labels(binarizer.classes_)
        _check_labels(made.classes_)


def _check_forest(model: Any, width: int, outputs: int) -> None:
    """Check that trees read existing columns; that they lead to leaves was checked in the file."""
    made = _plain(model, type(model))
    if outputs == 2:
        _check_labels(made.classes_)
    if not isinstance(made.estimators_, list) or not made.estimators_:
        raise ValueError("a forest has no trees")
    for grown in made.estimators_:
        tree = _plain(grown, ExtraTreeRegressor).tree_
        if (tree.n_features, tree.n_outputs, tree.max_n_classes) != (width, outputs, 1):
            raise ValueError("a tree reads or predicts a different number of columns")


def _check_machine(model: Any, width: int, *, binary: bool) -> None:
    machine = _plain(model.machine_, SVC if binary else SVR)
    if binary:
        _check_labels(model.classes_)
        _check_labels(machine.classes_)
        if _real(model.slope_) <= 0:
            raise ValueError("a machine predicts the opposite of what it found")
        _check_settings(machine, decision_function_shape="ovr", break_ties=False)
    _check_settings(machine, kernel="rbf", _sparse=False, n_features_in_=width, fit_status_=0)
    _check_support(machine, width, binary=binary)


def _check_support(machine: Any, width: int, *, binary: bool) -> None:
    """Check that a machine's arrays agree on the number of support vectors."""
    vectors = machine.support_vectors_
    if not isinstance(vectors, np.ndarray) or vectors.ndim != 2:
        raise ValueError("the support vectors are not a matrix")
    count = len(vectors)
    if _real(machine._gamma) < 0:  # noqa: SLF001 - scikit-learn keeps there what its machine is called with
        raise ValueError("a machine sees further than it can")
    _check_numbers(vectors, (count, width))
    _check_counted(machine.support_, (count,), at_most=int(np.iinfo(np.int32).max))
    of_classes = machine._n_support  # noqa: SLF001 - likewise
    _check_counted(of_classes, (2,), at_most=count)
    if (of_classes.sum() if binary else of_classes[0]) != count:
        raise ValueError("a machine has a different number of support vectors than it says")
    for weights in (machine.dual_coef_, machine._dual_coef_):
        _check_numbers(weights, (1, count))
    for offset in (machine.intercept_, machine._intercept_):
        _check_numbers(offset, (1,))
    for unused in (machine._probA, machine._probB):  # noqa: SLF001 - likewise
        _check_numbers(unused, (0,))


def _check_counted(value: object, shape: tuple[int, ...], *, at_most: int) -> None:
    if not isinstance(value, np.ndarray) or not _is_array(value, shape, "i") or value.dtype != np.int32:
        raise ValueError(f"an array is not of the shape {shape}, or of another type")
    if (value < 0).any() or (value > at_most).any():
        raise ValueError("an array counts what is not there")
