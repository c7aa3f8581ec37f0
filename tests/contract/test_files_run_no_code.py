"""No file of any kind runs code: each carries a canary, which would leave a file behind if anything in it were run."""

import json
import pickle
import tarfile
import zipfile
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from command_line import epochgraph
from epochgraph.checkpoints import load_checkpoint, read_run
from epochgraph.errors import EpochgraphError
from epochgraph.graph import rolled_graph
from epochgraph.predictors import SignatureClassifier, read_predictor
from epochgraph.predictors.storage import Predictor, write_predictor
from epochgraph.runs import read_stored_runs
from epochgraph.runs.storage import KEY
from epochgraph.topology import read_topology
from epochgraph.zoo import read_images
from epochgraph.zoo.recipe import read_recipe

Use = Callable[[Path], object]


class Canary:
    """A pickle of it makes a file when it is read by `pickle`."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


def code(canary: Path) -> str:
    return f"__import__('pathlib').Path({str(canary)!r}).touch()"


def measured(path: Path) -> object:
    """A harmless checkpoint is measured with a topology."""
    return rolled_graph({"fc.weight": torch.ones(2, 3)}, read_topology(path)).row_sums


def topology(path: Path, steps: list[list[object]]) -> Path:
    source = {"name": "p", "kind": "parameter", "target": "fc.weight", "shape": [2, 3], "integer": False}
    document = {
        "format": "epochgraph topology",
        "version": 2,
        "parts": [{"name": "input", "size": 3, "bias": None}, {"name": "fc", "size": 2, "bias": None}],
        "joins": [{"source": 0, "target": 1, "parameter": "w", "inputs": [[0, 3, 1, 1]], "groups": 1}],
        "folds": [],
        "coverage": [],
        "tied": [],
        "program": None,
        "computed": {"w": {"sources": [{**source, "values": None}], "steps": steps}},
        "rung": "",
    }
    path.write_text(json.dumps(document))
    return path


def topology_of_attributes(folder: Path, canary: Path) -> tuple[Path, Use]:
    """From an operator's packet to the globals of its module, and to `eval`."""

    def ref(name):
        return {"ref": name}

    steps = [
        ["s0", "aten.add.__getattribute__", ["__init__"], {}, [], ""],
        ["s1", "aten.mul.__setattr__", ["_op", ref("s0")], {}, [], ""],
        ["s2", "aten.mul.__getattr__", ["__globals__"], {}, [], ""],
        ["s3", "<built-in function getitem>", [ref("s2"), "__builtins__"], {}, [], ""],
        ["s4", "<built-in function getitem>", [ref("s3"), "eval"], {}, [], ""],
        ["s5", "aten.sub.__setattr__", ["_op", ref("s4")], {}, [], ""],
        ["s6", "aten.sub.__call__", [code(canary)], {}, [], ""],
    ]
    return topology(folder / "topology.json", steps), measured


def topology_of_a_function(folder: Path, canary: Path) -> tuple[Path, Use]:
    return topology(folder / "topology.json", [["s", "builtins.eval.default", [code(canary)], {}, [], ""]]), measured


def topology_of_a_mapped_file(folder: Path, canary: Path) -> tuple[Path, Use]:
    """An operation of ATen that makes a file."""
    steps = [["s", "aten.from_file.default", [str(canary), True, 6], {}, [6], ""]]
    return topology(folder / "topology.json", steps), measured


def predictor(folder: Path, change: Callable[[dict], object]) -> Path:
    """A predictor whose description of objects is changed."""
    table = pd.DataFrame(np.arange(8.0)[:, None], columns=["degree/graph/mean@1"])
    made = SignatureClassifier("trees").fit(table, [0, 0, 0, 0, 1, 1, 1, 1])
    write_predictor(Predictor(made, 0.5, {}, {}), folder / "good.skops")
    path = folder / "bad.skops"
    with zipfile.ZipFile(folder / "good.skops") as good, zipfile.ZipFile(path, "w") as bad:
        for name in good.namelist():
            content = good.read(name)
            if name == "schema.json":
                document = json.loads(content)
                change(document)
                content = json.dumps(document).encode()
            bad.writestr(name, content)
    return path


def node(module: str, name: str, loader: str, **more: object) -> dict[str, object]:
    return {"__module__": module, "__class__": name, "__loader__": loader, **more}


def predictor_of_a_function(folder: Path, canary: Path) -> tuple[Path, Use]:
    def change(document):
        document["content"]["content"]["method"] = node("os", "system", "FunctionNode")

    return predictor(folder, change), read_predictor


def predictor_of_an_object(folder: Path, canary: Path) -> tuple[Path, Use]:
    """An object whose constructor runs a command."""

    def change(document):
        state = node(
            "builtins", "dict", "DictNode", content={}, key_types=node("builtins", "list", "ListNode", content=[])
        )
        document["content"]["content"]["method"] = node("subprocess", "Popen", "ObjectNode", content=state)

    return predictor(folder, change), read_predictor


def predictor_of_a_saving_function(folder: Path, canary: Path) -> tuple[Path, Use]:
    """A function of NumPy that writes a file, in place of the one that compresses the features."""

    def change(document):
        steps = document["content"]["content"]["pipeline_"]["content"]["content"]["steps"]["content"]
        steps[0]["content"][1]["content"]["content"]["func"] = node("numpy", "save", "FunctionNode")

    return predictor(folder, change), read_predictor


def predictor_with_a_pickled_array(folder: Path, canary: Path) -> tuple[Path, Use]:
    path = predictor(folder, lambda document: None)
    with zipfile.ZipFile(path) as good:
        entries = {name: good.read(name) for name in good.namelist()}
    buffer = BytesIO()
    np.save(buffer, np.array([Canary(canary)], dtype=object), allow_pickle=True)
    with zipfile.ZipFile(path, "w") as bad:
        for name, content in entries.items():
            bad.writestr(name, buffer.getvalue() if name.endswith(".npy") else content)
    return path, read_predictor


def stored_run(folder: Path, canary: Path) -> tuple[Path, Use]:
    """A pickle, and code, wherever a stored run has text: in its header, its settings and the names of its columns."""
    text = pickle.dumps(Canary(canary), protocol=0).decode()
    columns = {
        "run": [text],
        "epoch": [1.0],
        "diverged": [False],
        f"feature:{code(canary)}": [0.5],
        f"metric:{text}": [0.5],
    }
    runs = [{"name": text, "settings": {code(canary): text, "x": "{__class__}"}}]
    document = {"version": 2, "about": {code(canary): text}, "runs": runs}
    metadata = {KEY: json.dumps(document), b"pandas": text.encode()}
    pq.write_table(pa.table(columns).replace_schema_metadata(metadata), folder / "run.parquet")
    return folder / "run.parquet", read_stored_runs


def stored_run_of_an_extension_type(folder: Path, canary: Path) -> tuple[Path, Use]:
    """Arrow has a type for whatever Python can pickle."""
    field = pa.field(
        "feature:x",
        pa.float64(),
        metadata={
            b"ARROW:extension:name": b"arrow.py_extension_type",
            b"ARROW:extension:metadata": pickle.dumps(Canary(canary)),
        },
    )
    document = {"version": 2, "about": {}, "runs": [{"name": "a", "settings": {}}]}
    schema = pa.schema([("run", pa.string()), ("epoch", pa.float64()), ("diverged", pa.bool_()), field])
    table = pa.table([["a"], [1.0], [False], [0.5]], schema=schema.with_metadata({KEY: json.dumps(document)}))
    pq.write_table(table, folder / "run.parquet")
    return folder / "run.parquet", read_stored_runs


def checkpoint(folder: Path, canary: Path) -> tuple[Path, Use]:
    torch.save({"fc.weight": torch.ones(2, 3), "more": Canary(canary)}, folder / "epoch_0.pt")
    return folder / "epoch_0.pt", load_checkpoint


def old_checkpoint(folder: Path, canary: Path) -> tuple[Path, Use]:
    content = {"fc.weight": torch.ones(2, 3), "more": Canary(canary)}
    torch.save(content, folder / "epoch_0.pt", _use_new_zipfile_serialization=False)
    return folder / "epoch_0.pt", load_checkpoint


def plain_pickle(folder: Path, canary: Path) -> tuple[Path, Use]:
    (folder / "epoch_0.pt").write_bytes(pickle.dumps(Canary(canary)))
    return folder, read_run


def index_of_shards(folder: Path, canary: Path) -> tuple[Path, Use]:
    path = folder / "model.bin.index.json"
    torch.save({"fc.weight": Canary(canary)}, folder / "part.bin")
    path.write_text(json.dumps({"weight_map": {"fc.weight": "part.bin", code(canary): f"../{code(canary)}"}}))
    return path, load_checkpoint


def recipe(folder: Path, canary: Path) -> tuple[Path, Use]:
    path = folder / "recipe.toml"
    path.write_text(f'name = "{code(canary)}"\narchitecture = "{code(canary)}"\nabout = "{{__class__}}"\n')
    return path, read_recipe


def archive_of_images(folder: Path, canary: Path) -> tuple[Path, Use]:
    """Names that lead outside, links, and the pickles of CIFAR-10."""
    content = pickle.dumps(Canary(canary))
    with tarfile.open(folder / "images.tar", "w") as archive:
        for name in (
            "cifar-10-batches-py/data_batch_1",
            "cifar-10-batches-py/batches.meta",
            "../executed",
            str(canary),
        ):
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, BytesIO(content))
    return folder / "images.tar", read_images


HOSTILE = [
    topology_of_attributes,
    topology_of_a_function,
    topology_of_a_mapped_file,
    predictor_of_a_function,
    predictor_of_an_object,
    predictor_of_a_saving_function,
    predictor_with_a_pickled_array,
    stored_run,
    stored_run_of_an_extension_type,
    checkpoint,
    old_checkpoint,
    plain_pickle,
    index_of_shards,
    recipe,
    archive_of_images,
]
"""Each makes a file with a canary, and says how such files are read. A new kind of file belongs here."""


def test_the_canary_sings(tmp_path):
    pickle.loads(pickle.dumps(Canary(tmp_path / "executed")))  # noqa: S301 - that this runs code is the point
    assert (tmp_path / "executed").exists()
    eval(code(tmp_path / "again"))  # noqa: S307 - likewise
    assert (tmp_path / "again").exists()


@pytest.mark.parametrize("hostile", HOSTILE, ids=lambda hostile: hostile.__name__)
def test_no_file_runs_code(tmp_path, hostile):
    canary = tmp_path / "executed"
    (tmp_path / "files").mkdir()
    path, read = hostile(tmp_path / "files", canary)
    before = sorted(tmp_path.rglob("*"))
    try:
        found = read(path)
    except EpochgraphError as error:
        assert "\n" not in str(error)  # noqa: PT017 - to be read as data is as good
    else:
        assert found is not None
    assert not canary.exists()
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize(
    "arguments",
    [
        ("inspect", "{checkpoint}", "--topology", "{topology}"),
        ("predict", "{run}", "--predictor", "{predictor}"),
        ("inspect", "{checkpoint}", "--model", "{module}:nothing", "--input", "{code}"),
        ("inspect", "{checkpoint}", "--wire", "{code}={code}"),
        ("extract", "{checkpoint}", "-o", "{out}", "--measures", "{code}"),
        ("zoo", "train", "{recipe}", "-d", "digits", "-o", "{out}"),
    ],
    ids=" ".join,
)
def test_nothing_given_to_the_command_line_runs_code(tmp_path, arguments):
    """But for `--model`, which names the user's own code."""
    canary, out = tmp_path / "executed", tmp_path / "out"
    torch.save({"fc.weight": torch.ones(2, 3)}, tmp_path / "epoch_0.pt")
    given = {
        "checkpoint": tmp_path / "epoch_0.pt",
        "topology": topology_of_attributes(tmp_path, canary)[0],
        "predictor": predictor_of_a_function(tmp_path, canary)[0],
        "run": stored_run(tmp_path, canary)[0],
        "recipe": recipe(tmp_path, canary)[0],
        "code": code(canary),
        "module": "json",
        "out": out,
    }
    result = epochgraph(*(one.format(**given) for one in arguments), cwd=tmp_path)
    assert result.returncode == 2, result.stderr
    assert "Traceback" not in result.stderr
    assert not canary.exists()
