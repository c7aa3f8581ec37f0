"""Predictors: what is read tells of a run how it will end."""

import io
import json
from pathlib import Path
from random import Random
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile

import numpy as np
import pandas as pd

from benchmarks.fuzz.form import Kind
from benchmarks.fuzz.mutations import STRANGE, changed_bytes, changed_document, changed_number
from epochgraph.predictors import (
    SignatureClassifier,
    SignatureRegressor,
    fitted,
    predict_runs,
    read_predictor,
    write_predictor,
)
from epochgraph.runs import Run
from epochgraph.signature import Signature

FEATURES = ("degree/graph/mean", "degree/graph/std", "degree/graph/mean_since_initial")

WORDS = (
    *("ObjectNode", "JsonNode", "NdArrayNode", "TreeNode", "FunctionNode", "TypeNode", "MethodNode", "CachedNode"),
    *("sklearn.svm._classes", "SVC", "SVR", "sklearn.tree._tree", "Tree", "sklearn.pipeline", "Pipeline"),
    *("numpy", "arcsinh", "save", "fromfile", "builtins", "eval", "dict", "os", "system", "poly", "linear", "rbf"),
    *("true", "false", "null", "0", "1", "-1", "1000000000000", "NaN", "[]", "{}", '"x"', '"\\ud800"', "1e400"),
)


def _runs() -> list[Run]:
    random = np.random.default_rng(0)
    found = []
    for number in range(16):
        values = random.normal(size=(2, len(FEATURES)))
        values[0, 2] = np.nan if number % 3 else 0.5
        signature = Signature(np.array([0.0, 1.0]), FEATURES, values, np.zeros(2, dtype=bool))
        found.append(Run(f"run{number}", signature, pd.DataFrame(index=pd.Index([], float, name="epoch")), {}))
    return found


RUNS = _runs()


def _table() -> pd.DataFrame:
    names = [f"{name}@{time}" for time in (0, 1) for name in FEATURES]
    return pd.DataFrame([run.signature.values.ravel() for run in RUNS], columns=names)


def _samples(folder: Path) -> list[bytes]:
    table, found = _table(), []
    ends = table["degree/graph/mean@1"].rank(pct=True).tolist()
    for method in ("svm", "mlp", "trees"):
        for kind in (SignatureClassifier, SignatureRegressor):
            made = fitted(kind(method), table, ends, threshold=0.5, extraction={}, trained_on={"runs": len(RUNS)})
            write_predictor(made, folder / "sample.skops")
            found.append((folder / "sample.skops").read_bytes())
    return found


def _mutated(content: bytes, random: Random) -> bytes:
    if random.random() < 0.05:
        return changed_bytes(content, random)
    with ZipFile(io.BytesIO(content)) as archive:
        entries = {name: archive.read(name) for name in archive.namelist()}
    for _ in range(random.choice((1, 1, 2))):
        documents = [name for name in entries if name.endswith(".json")]
        name = random.choice(documents if random.random() < 0.5 else list(entries))
        entries[name] = _changed_entry(name, entries[name], random)
    buffer = io.BytesIO()
    with ZipFile(buffer, "w", ZIP_DEFLATED) as archive:
        for name, entry in entries.items():
            archive.writestr(name, entry)
    return buffer.getvalue()


def _changed_entry(name: str, content: bytes, random: Random) -> bytes:
    try:
        if name.endswith(".json"):
            return json.dumps(changed_document(json.loads(content), random, WORDS)).encode()
        array = np.load(io.BytesIO(content), allow_pickle=False)
    except ValueError:  # it was changed before
        return changed_bytes(content, random)
    buffer = io.BytesIO()
    np.save(buffer, _changed_array(array, random), allow_pickle=False)
    return buffer.getvalue()


def _changed_array(array: np.ndarray, random: Random) -> np.ndarray:
    match random.randrange(8):
        case 0 if array.ndim:
            return array[: random.randrange(len(array) + 1)]
        case 1:
            return np.concatenate([array.ravel(), array.ravel()])
        case 2:
            return np.asfortranarray(array[..., None])
        case 3 if array.dtype.names is None:
            return array.astype(random.choice((np.float32, np.int64, np.int32, ">f8", np.int8, bool, np.complex128)))
        case 4:
            return array.T.reshape(-1)
        case _:
            return _with_another_value(array, random)


def _with_another_value(array: np.ndarray, random: Random) -> np.ndarray:
    changed = array.copy()
    if not changed.size:
        return np.zeros(3, changed.dtype)
    numbers = [value for value in STRANGE if isinstance(value, int | float)]
    for _ in range(random.choice((1, 1, 3))):
        place = tuple(random.randrange(n) for n in changed.shape)
        field: Any = random.choice(changed.dtype.names) if changed.dtype.names else None
        target = changed[field] if field else changed
        near = changed_number(target[place].item(), random) if target.dtype.kind in "if" else 0
        try:
            target[place] = random.choice((near, near, random.choice(numbers)))
        except (OverflowError, TypeError, ValueError):
            target[place] = -1 if target.dtype.kind == "i" else 0
    return changed


def _use(path: Path) -> None:
    predictor = read_predictor(path)
    found = predict_runs(predictor, RUNS[:3])
    json.dumps([str(one) for one in found]).encode()
    write_predictor(predictor, path)
    read_predictor(path)


KIND = Kind(".skops", _samples, _mutated, _use)
