"""Every format gives back the tensors that were saved; torch.load is the independent witness."""

import argparse
import enum
import json
import pathlib
import pickle
import sys
import zipfile
from collections import OrderedDict, defaultdict

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file
from torch import nn

from epochgraph.checkpoints import Checkpoint, load_checkpoint

FORMATS = [
    pytest.param({"_use_new_zipfile_serialization": True}, id="zip"),
    pytest.param({"_use_new_zipfile_serialization": True, "pickle_protocol": 4}, id="zip-protocol-4"),
    pytest.param({"_use_new_zipfile_serialization": False}, id="legacy"),
    pytest.param({"_use_new_zipfile_serialization": False, "pickle_protocol": 4}, id="legacy-protocol-4"),
]
DTYPES = [torch.float16, torch.bfloat16, torch.float32, torch.float64, torch.int64, torch.uint8, torch.complex64]


class Colour(enum.Enum):
    RED = 1


class Settings(dict):
    pass


class History(list):
    pass


class Tagged(nn.Parameter):
    """A subclass of Parameter, as some libraries have them."""


def same(left: torch.Tensor, right: torch.Tensor) -> bool:
    return left.dtype == right.dtype and left.shape == right.shape and torch.equal(left, right)


def assert_holds(checkpoint: Checkpoint, expected: dict[str, torch.Tensor]) -> None:
    assert list(checkpoint) == list(expected)
    assert checkpoint.shapes == {name: tuple(tensor.shape) for name, tensor in expected.items()}
    for name, tensor in expected.items():
        assert same(checkpoint[name], tensor), name


@pytest.fixture
def state() -> dict[str, torch.Tensor]:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3), nn.Flatten(), nn.Linear(12, 2)).state_dict()


@pytest.mark.parametrize("options", FORMATS)
@pytest.mark.parametrize("suffix", [".pt", ".pth", ".th", ".ckpt", ".bin", ".PT"])
def test_torch_files(tmp_path, state, options, suffix):
    path = tmp_path / f"epoch_3{suffix}"
    torch.save(state, path, **options)
    checkpoint = load_checkpoint(str(path))
    assert_holds(checkpoint, state)
    assert checkpoint.path == path
    assert checkpoint.epoch == 3.0


@pytest.mark.parametrize("options", FORMATS)
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_dtypes_stay_as_they_are(tmp_path, options, dtype):
    state = {"w": torch.arange(6).reshape(2, 3).to(dtype), "scalar": torch.tensor(1).to(dtype)}
    torch.save(state, tmp_path / "w.pt", **options)
    assert_holds(load_checkpoint(tmp_path / "w.pt"), state)


def test_dtypes_without_a_storage_class(tmp_path):
    state = {"w": torch.tensor([1, 2, 65535], dtype=torch.uint16), "v": torch.ones(3).to(torch.float8_e5m2)}
    torch.save(state, tmp_path / "w.pt")
    checkpoint = load_checkpoint(tmp_path / "w.pt")
    assert same(checkpoint["w"], state["w"])
    assert same(checkpoint["v"].float(), state["v"].float())


@pytest.mark.parametrize("options", FORMATS)
def test_views_ties_and_parameters(tmp_path, options):
    base = torch.arange(24.0).reshape(4, 6)
    state = {
        "base": base,
        "tied": base,
        "transposed": base.t(),
        "strided": base[1:, ::2],
        "last": base[-1, -1],
        "empty": torch.zeros(0, 5),
        "parameter": nn.Parameter(base.clone()),
        "subclass": Tagged(base.clone()),
        "flat": base.view(-1)[3:7],
    }
    state["parameter"].note = "attributes make torch pickle a parameter in another way"
    torch.save(state, tmp_path / "w.pt", **options)
    assert_holds(load_checkpoint(tmp_path / "w.pt"), state)


@settings(max_examples=40)
@given(
    shape=st.lists(st.integers(0, 4), max_size=4),
    order=st.randoms(use_true_random=False),
    steps=st.lists(st.integers(1, 3), min_size=4, max_size=4),
    zipped=st.booleans(),
)
def test_any_view_equals_what_torch_loads(tmp_path_factory, shape, order, steps, zipped):
    tensor = torch.randn(shape)
    axes = list(range(len(shape)))
    order.shuffle(axes)
    tensor = tensor.permute(axes)[tuple(slice(order.randint(0, 2), None, step) for step in steps[: len(shape)])]
    path = tmp_path_factory.getbasetemp() / "view.pt"
    torch.save({"w": tensor}, path, _use_new_zipfile_serialization=zipped)
    assert same(load_checkpoint(path)["w"], torch.load(path, weights_only=True)["w"])


def test_a_read_tensor_is_the_callers_own(tmp_path, state):
    torch.save(state, tmp_path / "w.pt")
    save_file(state, tmp_path / "w.safetensors")
    for path in (tmp_path / "w.pt", tmp_path / "w.safetensors"):
        checkpoint = load_checkpoint(path)
        tensor = checkpoint["0.weight"]
        path.write_bytes(bytes(path.stat().st_size))
        assert same(tensor, state["0.weight"])


@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
def test_listing_reads_no_values(tmp_path, suffix):
    path = tmp_path / f"w{suffix}"
    (torch.save if suffix == ".pt" else save_file)({"w": torch.ones(4)}, path)
    checkpoint = load_checkpoint(path)
    path.unlink()
    assert "w" in checkpoint
    assert "v" not in checkpoint
    assert len(checkpoint) == 1
    assert checkpoint.shapes == {"w": (4,)}


def test_checkpoints_are_equal_only_to_themselves(tmp_path, state):
    torch.save(state, tmp_path / "w.pt")
    one, other = load_checkpoint(tmp_path / "w.pt"), load_checkpoint(tmp_path / "w.pt")
    assert one == one  # noqa: PLR0124 - the point of the test
    assert one != other
    assert len({one, other}) == 2


def test_a_checkpoint_travels_to_other_processes(tmp_path, state):
    torch.save(state, tmp_path / "a.pt")
    save_file(state, tmp_path / "b.safetensors")
    for path in (tmp_path / "a.pt", tmp_path / "b.safetensors"):
        assert same(pickle.loads(pickle.dumps(load_checkpoint(path)))["3.weight"], state["3.weight"])  # noqa: S301


def test_checksums_that_torch_left_out_are_not_missed(tmp_path, state):
    torch.serialization.set_crc32_options(compute_crc32=False)
    try:
        torch.save(state, tmp_path / "w.pt")
    finally:
        torch.serialization.set_crc32_options(compute_crc32=True)
    assert_holds(load_checkpoint(tmp_path / "w.pt"), state)


@pytest.mark.parametrize("options", FORMATS)
def test_what_is_not_a_weight_is_left_alone(tmp_path, state, options):
    model = nn.Linear(2, 2)
    optimizer = torch.optim.Adam(model.parameters())
    model(torch.ones(1, 2)).sum().backward()
    optimizer.step()
    content = {
        "state_dict": OrderedDict(state),
        "optimizer": optimizer.state_dict(),
        "scheduler": torch.optim.lr_scheduler.StepLR(optimizer, 1).state_dict(),
        "epoch": 3,
        "enum": Colour.RED,
        "path": pathlib.PurePosixPath("data"),
        "args": argparse.Namespace(lr=0.1, type=int, text=str, steps=range(3)),
        "numpy": (np.float64(1.5), np.ones(3), np.dtype("int8")),
        "subclasses": (Settings(a=1), History([1, 2])),
        "containers": ({1, 2}, frozenset({3}), (1, 2, 3, 4), {(1, 2): 3}, defaultdict(list, a=[1]), b"bytes", 3j, ...),
        "types": (type(None), torch.float32, torch.device("cpu"), torch.Size([1]), 2**100, -1, None, True, False),
        "error": ValueError("text"),
    }
    content["itself"] = content
    torch.save(content, tmp_path / "w.pt", **options)
    assert_holds(load_checkpoint(tmp_path / "w.pt"), state)


@pytest.mark.parametrize("zipped", [True, False])
def test_a_class_is_never_imported(tmp_path, state, zipped, monkeypatch):
    module = tmp_path / "strangers_package.py"
    module.write_text("class Config:\n    def __setstate__(self, state): raise SystemExit('it ran')\n")
    monkeypatch.syspath_prepend(tmp_path)
    import strangers_package

    config = strangers_package.Config()
    config.value = 1
    torch.save({"model": state, "config": config}, tmp_path / "w.pt", _use_new_zipfile_serialization=zipped)
    del sys.modules["strangers_package"]
    allowed = torch.serialization.get_safe_globals()
    assert_holds(load_checkpoint(tmp_path / "w.pt"), state)
    assert "strangers_package" not in sys.modules
    assert torch.serialization.get_safe_globals() == allowed


def test_python_2_wrote_ordered_dicts_as_pairs(tmp_path):
    torch.save({"a.weight": torch.ones(2)}, tmp_path / "new.pt")
    with zipfile.ZipFile(tmp_path / "new.pt") as archive:
        entries = {info.filename: archive.read(info) for info in archive.infolist()}
    name = next(name for name in entries if name.endswith("data.pkl"))
    tensor = entries[name][entries[name].index(b"ctorch._utils") : entries[name].rindex(b"s.")]
    entries[name] = b"\x80\x02ccollections\nOrderedDict\n]](U\x08a.weight" + tensor + b"ea\x85R."
    with zipfile.ZipFile(tmp_path / "old.pt", "w") as archive:
        for entry, content in entries.items():
            archive.writestr(entry, content)
    assert_holds(load_checkpoint(tmp_path / "old.pt"), {"a.weight": torch.ones(2)})


def test_safetensors_in_natural_order(tmp_path):
    state = {f"layer{n}.weight": torch.full((2, n), float(n)) for n in (1, 2, 10, 11)}
    save_file(state, tmp_path / "epoch_2.safetensors")
    assert_holds(load_checkpoint(tmp_path / "epoch_2.safetensors"), state)


def sharded(folder: pathlib.Path, kind: str, state: dict[str, torch.Tensor]) -> pathlib.Path:
    """Write the tensors alternately into two shards, with an index."""
    suffix, stem = (".safetensors", "model") if kind == "safetensors" else (".bin", "pytorch_model")
    weight_map = {name: f"{stem}-{n % 2 + 1:05}-of-00002{suffix}" for n, name in enumerate(state)}
    for shard in set(weight_map.values()):
        part = {name: state[name] for name, place in weight_map.items() if place == shard}
        (save_file if kind == "safetensors" else torch.save)(part, folder / shard)
    index = folder / f"{stem}{suffix}.index.json"
    index.write_text(json.dumps({"metadata": {}, "weight_map": weight_map}))
    return index


@pytest.mark.parametrize("kind", ["safetensors", "bin"])
def test_shards(tmp_path, state, kind):
    index = sharded(tmp_path, kind, state)
    assert_holds(load_checkpoint(index), state)
    assert load_checkpoint(index).path == index


@pytest.mark.parametrize("kind", ["safetensors", "bin"])
@pytest.mark.parametrize("shards", [True, False])
def test_a_folder_of_hugging_face_is_one_checkpoint(tmp_path, state, kind, shards):
    folder = tmp_path / "checkpoint-500"
    folder.mkdir()
    if shards:
        sharded(folder, kind, state)
    elif kind == "safetensors":
        save_file(state, folder / "model.safetensors")
    else:
        torch.save(state, folder / "pytorch_model.bin")
    for companion in ("optimizer.pt", "scheduler.pt", "training_args.bin", "rng_state_0.pth"):
        (folder / companion).write_bytes(b"not read")
    checkpoint = load_checkpoint(folder)
    assert {name: tuple(t.shape) for name, t in state.items()} == checkpoint.shapes
    assert same(checkpoint["3.weight"], state["3.weight"])
    assert (checkpoint.path, checkpoint.epoch) == (folder, 500.0)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
def test_some_rows_are_read_without_the_others(tmp_path, suffix, dtype):
    weights = {"a": torch.arange(60.0).reshape(10, 2, 3).to(dtype), "b": torch.arange(8.0).reshape(2, 4).to(dtype)}
    path = tmp_path / f"model{suffix}"
    if suffix == ".pt":
        weights["b"] = weights["b"].T  # columns that lie in the file as rows do
        torch.save(weights, path)
    else:
        save_file(weights, path)
    checkpoint = load_checkpoint(path)
    for name, begin, end in (("a", 3, 7), ("a", 0, 10), ("b", 1, 2)):
        location = checkpoint.stored[name].location
        stored = location if location.splits else location.turned
        expected = weights[name] if location.splits else weights[name].T
        torch.testing.assert_close(stored.rows(begin, end), expected[begin:end], rtol=0, atol=0)
