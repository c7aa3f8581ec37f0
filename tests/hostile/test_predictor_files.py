"""A predictor's file from a stranger: a predictor, or one line; compiled code never sees arrays that do not fit."""

import copy

import numpy as np
import pandas as pd
import pytest
import skops.io
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline

from epochgraph.errors import UnreadableFileError
from epochgraph.predictors import SignatureClassifier, SignatureRegressor, read_predictor, write_predictor
from epochgraph.predictors.soundness import check_estimator
from epochgraph.predictors.storage import Predictor

COLUMNS = ["degree/graph/mean@1", "degree/graph/std@1", "degree/graph/mean@2"]


@pytest.fixture(scope="module")
def table():
    values = np.random.default_rng(0).normal(size=(24, 3))
    values[3, 1] = np.nan
    return pd.DataFrame(values, columns=COLUMNS)


@pytest.fixture(scope="module")
def fitted(table):
    ends = table[COLUMNS[0]].rank(pct=True)
    made = {}
    for method in ("svm", "mlp", "trees"):
        made["classifier", method] = SignatureClassifier(method).fit(table, (ends > 0.5).astype(int))
        made["regressor", method] = SignatureRegressor(method).fit(table, ends)
    return made


def last(model):
    """The estimator that tells, of a copy."""
    final = model.pipeline_[-1]
    return getattr(final, "regressor_", final)


METHODS = [(kind, method) for kind in ("classifier", "regressor") for method in ("svm", "mlp", "trees")]


@pytest.mark.parametrize("which", METHODS, ids=" ".join)
def test_what_is_written_is_sound_and_tells_the_same(tmp_path, fitted, table, which):
    write_predictor(Predictor(fitted[which], 0.5, {}, {}), tmp_path / "x.skops")
    np.testing.assert_array_equal(
        read_predictor(tmp_path / "x.skops").estimator.predict(table), fitted[which].predict(table)
    )


def changed(change):
    """A change of an attribute, in words that a test can be named by."""
    return pytest.param(change, id=change.__doc__)


def _set(path, made):
    def change(model):
        *most, name = path.split(".")
        for part in most:
            model = model[int(part)] if part.lstrip("-").isdecimal() else getattr(model, part)
        setattr(model, name, made(getattr(model, name)))

    change.__doc__ = path
    return change


NOT_FINITE = [lambda a: np.full_like(a, np.nan), lambda a: np.full_like(a, np.inf)]
SHAPES = [lambda a: a[..., :-1], lambda a: a[None], lambda a: a.ravel()[:0], lambda a: a.repeat(2, axis=-1)]
TYPES = [lambda a: a.astype(np.float32), lambda a: a.astype(">f8"), lambda a: a.tolist(), lambda a: None]
WRONG = [*NOT_FINITE, *SHAPES, *TYPES]

STEPS = [
    *(("pipeline_.1.statistics_", one) for one in [*SHAPES, *TYPES]),
    *((f"pipeline_.2.{name}", one) for name in ("mean_", "scale_", "var_") for one in WRONG),
    ("pipeline_.2.scale_", lambda a: 0 * a),
    ("pipeline_.2.with_mean", lambda _: False),
    ("pipeline_.1.indicator_.features_", lambda _: np.array([3])),
    ("pipeline_.1.indicator_.features_", lambda _: np.array([-1])),
    ("pipeline_.1.indicator_.features_", lambda _: np.array([1, 1])),
    ("pipeline_.1.missing_values", lambda _: 0.0),
    ("pipeline_.0.func", lambda _: np.exp),
    ("pipeline_.0.func", lambda _: np.save),
    ("pipeline_.0.kw_args", lambda _: {"out": 1}),
    ("pipeline_.steps", lambda steps: steps[:-1]),
    ("pipeline_.steps", lambda steps: [steps[-1]] * 4),
    ("pipeline_.memory", lambda _: "/tmp"),  # noqa: S108 - no such folder is made
    ("n_features_in_", lambda n: n + 1),
    ("n_features_in_", lambda n: 10**12),
    ("feature_names_in_", lambda names: names[:-1]),
    ("feature_names_in_", lambda names: np.array([1, 2, 3])),
]


@pytest.mark.parametrize(("path", "made"), STEPS, ids=[f"{path} {n}" for n, (path, _) in enumerate(STEPS)])
@pytest.mark.parametrize("kind", ["classifier", "regressor"])
def test_the_steps_before_are_ours(fitted, kind, path, made):
    model = copy.deepcopy(fitted[kind, "svm"])
    check_estimator(model)
    _set(path, made)(model)
    with pytest.raises((ValueError, AttributeError, TypeError)):
        check_estimator(model)


MACHINE = [
    *(
        (name, one)
        for name in ("support_vectors_", "dual_coef_", "_dual_coef_", "intercept_", "_intercept_")
        for one in WRONG
    ),
    *(("_n_support", one) for one in [lambda a: a + 1, lambda a: -a, lambda a: a[:1], lambda a: a.astype(np.int64)]),
    ("_n_support", lambda a: np.array([10**9, 0], dtype=np.int32)),
    *(("support_", one) for one in [lambda a: a[:-1], lambda a: -a - 1, lambda a: a.astype(np.float64)]),
    ("support_vectors_", np.asfortranarray),
    ("_probA", lambda _: np.ones(1)),
    ("_probB", lambda _: np.ones(1)),
    ("_gamma", lambda _: np.nan),
    ("_sparse", lambda _: True),
    ("kernel", lambda _: "precomputed"),
    ("kernel", lambda _: np.exp),
    ("n_features_in_", lambda n: n + 1),
]


@pytest.mark.parametrize(("name", "made"), MACHINE, ids=[f"{name} {n}" for n, (name, _) in enumerate(MACHINE)])
@pytest.mark.parametrize("kind", ["classifier", "regressor"])
def test_the_arrays_of_a_machine_belong_together(fitted, kind, name, made):
    """libsvm would read behind them."""
    model = copy.deepcopy(fitted[kind, "svm"])
    _set(f"machine_.{name}", made)(last(model))
    with pytest.raises((ValueError, AttributeError, TypeError)):
        check_estimator(model)


NETWORK = [
    *(("coefs_", lambda layers, one=one: [one(layers[0]), *layers[1:]]) for one in WRONG),
    *(("intercepts_", lambda layers, one=one: [one(layers[0]), *layers[1:]]) for one in WRONG),
    ("coefs_", lambda layers: layers[:1]),
    ("coefs_", lambda layers: layers[::-1]),
    ("coefs_", lambda _: []),
    ("n_layers_", lambda n: n + 1),
    ("activation", lambda _: "x"),
    ("out_activation_", lambda _: "softmax"),
]


@pytest.mark.parametrize(("name", "made"), NETWORK, ids=[f"{name} {n}" for n, (name, _) in enumerate(NETWORK)])
@pytest.mark.parametrize("kind", ["classifier", "regressor"])
def test_the_layers_of_a_network_follow_each_other(fitted, kind, name, made):
    model = copy.deepcopy(fitted[kind, "mlp"])
    final = last(model)
    _set(name, made)(final if kind == "classifier" else final[-1])
    with pytest.raises((ValueError, AttributeError, TypeError)):
        check_estimator(model)


@pytest.mark.parametrize("kind", ["classifier", "regressor"])
@pytest.mark.parametrize("pointer", ["left_child", "right_child", "feature"])
@pytest.mark.parametrize("value", [10**6, -7, 0])
def test_a_tree_that_loops_or_points_outside_is_refused_in_meta_estimators_too(tmp_path, fitted, kind, pointer, value):
    model = copy.deepcopy(fitted[kind, "trees"])
    tree = last(model).estimators_[0].tree_
    state = tree.__getstate__()
    state["nodes"][pointer][0] = value if pointer != "feature" or value else 10**6
    tree.__setstate__(state)
    write_predictor(Predictor(model, 0.5, {}, {}), tmp_path / "x.skops")
    with pytest.raises(UnreadableFileError, match="cannot be used"):
        read_predictor(tmp_path / "x.skops")


def test_a_tree_of_other_columns_is_refused(fitted):
    model = copy.deepcopy(fitted["regressor", "trees"])
    other = SignatureRegressor("trees").fit(np.random.default_rng(1).normal(size=(24, 9)), np.arange(24.0))
    last(model).estimators_[0].tree_ = last(other).estimators_[0].tree_
    with pytest.raises(ValueError, match="different number of columns"):
        check_estimator(model)


@pytest.mark.parametrize("name", ["predict", "decision_function", "_impl", "fit"])
def test_nothing_hides_a_method(fitted, name):
    model = copy.deepcopy(fitted["classifier", "svm"])
    setattr(last(model).machine_, name, np.exp)
    with pytest.raises(ValueError, match="is hidden"):
        check_estimator(model)


@pytest.mark.parametrize("other", [Ridge(), make_pipeline(Ridge())], ids=["alone", "in a pipeline"])
def test_estimators_of_another_make_are_refused_before_they_are_made(tmp_path, fitted, table, other):
    model = copy.deepcopy(fitted["regressor", "svm"])
    model.pipeline_.steps[-1] = ("x", other.fit(table.fillna(0), np.arange(24.0)))
    write_predictor(Predictor(model, 0.5, {}, {}), tmp_path / "x.skops")
    with pytest.raises(UnreadableFileError, match=r"Ridge', which no predictor needs; nothing was executed"):
        read_predictor(tmp_path / "x.skops")


@pytest.mark.parametrize("name", ["x", "x@", "@1", "x@nan", "x@inf", "x@-1", "x@y", "\ud800@1"])
def test_columns_are_features_at_an_epoch(fitted, name):
    model = copy.deepcopy(fitted["regressor", "svm"])
    model.feature_names_in_ = np.array([name, *COLUMNS[1:]], dtype=object)
    with pytest.raises(ValueError, match="fitted on signatures"):
        Predictor(model, 0.5, {}, {})


def test_skops_alone_would_trust_more():
    """Why there is a list of our own: skops trusts all of scikit-learn, and functions of NumPy, by itself."""
    assert skops.io.get_untrusted_types(data=skops.io.dumps(make_pipeline(Ridge()))) == []
