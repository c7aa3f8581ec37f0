"""What a predictor's file may contain: checked before any of its objects is created.

A skops archive describes objects in JSON, beside the arrays that these name. skops refuses types that are not
trusted, but by default it trusts all of scikit-learn and NumPy's functions. A predictor needs few of them, and only
these are allowed. A tree is checked before scikit-learn sees it, because its code follows indices unchecked.
"""

import io
import json
from collections.abc import Iterator, Mapping
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile

import numpy as np
from sklearn.tree._tree import NODE_DTYPE, TREE_LEAF

SCHEMA = "schema.json"

LOADERS = {
    "DTypeNode": {"numpy.dtype"},
    "DictNode": {"builtins.dict"},
    "FunctionNode": {"numpy.arcsinh"},
    "JsonNode": {f"builtins.{name}" for name in ("str", "int", "float", "bool", "NoneType")},
    "ListNode": {"builtins.list"},
    "NdArrayNode": {f"numpy.{name}" for name in ("ndarray", "float64", "float32", "int64", "int32", "bool_", "bool")},
    "ObjectNode": {
        "epochgraph.predictors.axes.PrincipalAxes",
        "epochgraph.predictors.estimators.SignatureClassifier",
        "epochgraph.predictors.estimators.SignatureRegressor",
        "epochgraph.predictors.forests.ClassificationForest",
        "epochgraph.predictors.forests.RegressionForest",
        "epochgraph.predictors.machines.TunedSVC",
        "epochgraph.predictors.machines.TunedSVR",
        "sklearn.compose._target.TransformedTargetRegressor",
        "sklearn.impute._base.MissingIndicator",
        "sklearn.impute._base.SimpleImputer",
        "sklearn.neural_network._multilayer_perceptron.MLPClassifier",
        "sklearn.neural_network._multilayer_perceptron.MLPRegressor",
        "sklearn.neural_network._stochastic_optimizers.AdamOptimizer",
        "sklearn.pipeline.Pipeline",
        "sklearn.preprocessing._data.StandardScaler",
        "sklearn.preprocessing._function_transformer.FunctionTransformer",
        "sklearn.preprocessing._label.LabelBinarizer",
        "sklearn.svm._classes.SVC",
        "sklearn.svm._classes.SVR",
        "sklearn.tree._classes.ExtraTreeRegressor",
    },
    "RandomStateNode": {"numpy.random.mtrand.RandomState"},
    "TreeNode": {"sklearn.tree._tree.Tree"},
    "TupleNode": {"builtins.tuple"},
    "TypeNode": {f"builtins.{name}" for name in ("str", "int", "float", "bool", "NoneType")},
}
"""How skops creates an object -> what the object may be."""

TRUSTED = tuple(sorted(LOADERS["ObjectNode"] | LOADERS["TreeNode"] | LOADERS["DTypeNode"]))
"""The types of `LOADERS` that skops must be told to trust; it trusts the others by default."""


def foreign(archive: ZipFile) -> str:
    """A type that an archive asks for and no predictor needs; empty if there is none.

    Raises:
        ValueError, KeyError: It is not a skops archive.
    """
    for node in _nodes(json.loads(archive.read(SCHEMA))):
        if "__class__" not in node and "__loader__" not in node:
            continue
        asked = f"{node['__module__']}.{node['__class__']}"
        if asked not in LOADERS.get(str(node["__loader__"]), ()):
            return asked
    return ""


def plain_copy(archive: ZipFile) -> bytes:
    """The archive with every object written out, after checking that its trees lead from their roots to leaves.

    In skops' description, an object may refer to an earlier one by its number, even to one that contains it. Without
    the numbers, what was checked is what is created.

    Raises:
        ValueError, KeyError: A tree points outside itself or back, or has arrays of the wrong shape.
    """
    schema = json.loads(archive.read(SCHEMA))
    for node in _nodes(schema):
        node.pop("__id__", None)
        if node.get("__loader__") == "TreeNode":
            _check_tree(node, archive)
    buffer = io.BytesIO()
    with ZipFile(buffer, "w", ZIP_DEFLATED) as plain:
        for name in dict.fromkeys(archive.namelist()):
            content = json.dumps(schema).encode() if name == SCHEMA else archive.read(name)
            plain.writestr(name, content)
    return buffer.getvalue()


def _nodes(value: Any) -> Iterator[dict[str, Any]]:
    """Every object of a JSON document, at any depth."""
    waiting = [value]
    while waiting:
        current = waiting.pop()
        if isinstance(current, dict):
            yield current
            waiting += current.values()
        elif isinstance(current, list):
            waiting += current


def _check_tree(node: Mapping[str, Any], archive: ZipFile) -> None:
    """Check that each node of a tree is a leaf, or splits on one of its columns into two later nodes.

    scikit-learn numbers a node before its children.
    """
    columns, counts, outputs = node["__reduce__"]["args"]["content"]
    content = node["content"]["content"]
    nodes, values = _array(content["nodes"], archive), _array(content["values"], archive)
    if _number(columns) < 1 or (_array(counts, archive) != 1).any():
        raise ValueError("a tree has other classes than one per column")
    if _array(counts, archive).shape != (_number(outputs),) or values.shape != (len(nodes), _number(outputs), 1):
        raise ValueError("a tree has values of another shape than its nodes")
    if nodes.dtype != NODE_DTYPE or nodes.ndim != 1 or _number(content["node_count"]) != len(nodes):
        raise ValueError("a tree has a different number of nodes than it says")
    if values.dtype != np.float64 or not np.isfinite(values).all() or _number(content["max_depth"]) < 0:
        raise ValueError("a tree has values that are not numbers")
    children = np.stack([nodes["left_child"], nodes["right_child"]])
    leaves = (children == TREE_LEAF).all(axis=0)
    inside = ((children > np.arange(len(nodes))) & (children < len(nodes))).all(axis=0)
    chooses = (nodes["feature"] >= 0) & (nodes["feature"] < _number(columns))
    if not len(nodes) or not (leaves | (inside & chooses)).all():
        raise ValueError("a tree points outside itself, or back")


def _number(node: Mapping[str, Any]) -> int:
    found = json.loads(node["content"])
    if not isinstance(found, int) or isinstance(found, bool) or not -1 < found < 1 << 31:
        raise ValueError(f"{found!r} is not a number from 0")
    return found


def _array(node: Mapping[str, Any], archive: ZipFile) -> np.ndarray:
    found = np.load(io.BytesIO(archive.read(node["file"])), allow_pickle=False)
    if not isinstance(found, np.ndarray) or node["__module__"] != "numpy" or node["__class__"] != "ndarray":
        raise ValueError("a tree has something other than arrays")
    return found
