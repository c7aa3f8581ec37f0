"""Files that are no checkpoints, or damaged ones: each gets its own message, on one line, and nothing is read of it."""

import json
import os
import pickle
import struct
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from epochgraph.checkpoints import load_checkpoint, read_run
from epochgraph.errors import EpochgraphError, UnreadableFileError, WeightDtypeError

STATE = {"fc.weight": torch.arange(200.0).reshape(10, 20), "fc.bias": torch.ones(10)}
HTML = b"\n<!DOCTYPE html>\n<html><head><title>404</title></head></html>"


def saved(path: Path, content: object = STATE, **options: object) -> bytes:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch's own, about quantised tensors
        torch.save(content, path, **options)
    return path.read_bytes()


def truncated(path: Path) -> None:
    path.write_bytes(saved(path)[:-300])


def truncated_legacy(path: Path) -> None:
    path.write_bytes(saved(path, _use_new_zipfile_serialization=False)[:-30])


def legacy_cut_in_its_pickle(path: Path) -> None:
    path.write_bytes(saved(path, _use_new_zipfile_serialization=False)[:200])


def rewritten(path: Path, change: Callable[[str, bytes], tuple[str, bytes] | None], method: int = 0) -> None:
    """Write a checkpoint, and write its zip archive again with other entries."""
    saved(path)
    with zipfile.ZipFile(path) as archive:
        entries = [change(info.filename.partition("/")[2], archive.read(info)) for info in archive.infolist()]
    with zipfile.ZipFile(path, "w", method) as archive:
        for entry in filter(None, entries):
            archive.writestr(f"archive/{entry[0]}", entry[1])


def compressed(path: Path) -> None:
    rewritten(path, lambda name, data: (name, data), zipfile.ZIP_DEFLATED)


def overlapping(path: Path) -> None:
    """One stretch of data, that a hundred entries share."""
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", bytes(10_000))
        (entry,) = archive.filelist
        for n in range(100):
            twin = zipfile.ZipInfo(f"archive/data/{n}")
            twin.header_offset, twin.file_size, twin.compress_size, twin.CRC = 0, 10_000, 10_000, entry.CRC
            archive.filelist.append(twin)
            archive.NameToInfo[twin.filename] = twin


def misplaced(path: Path) -> None:
    """The table of contents names places where no entry is."""
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", bytes(1000))
        archive.filelist[0].header_offset = 500


def beyond_the_end(path: Path) -> None:
    content = bytearray(saved(path))
    name_length = content.index(b"PK\3\4") + 26
    content[name_length : name_length + 4] = b"\xff\xff\xff\xff"
    path.write_bytes(content)


def script(path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.script(nn.Linear(2, 2)).save(path)


def quantised(path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        saved(path, {"w": torch.quantize_per_tensor(torch.ones(2), 0.1, 0, torch.qint8)})


def other_byte_order(path: Path) -> None:
    rewritten(path, lambda name, data: (name, b"big" if name == "byteorder" else data))


TORCH = [
    (lambda path: None, "there is no such file"),
    (lambda path: path.write_bytes(b""), "it is empty"),
    (lambda path: path.mkdir(), "it is a folder without a model.safetensors or pytorch_model.bin"),
    (os.mkfifo, "it is a device or a pipe"),
    (lambda path: path.symlink_to("nowhere"), "there is no such file"),
    (lambda path: path.symlink_to(path.name), "there is no such file"),
    (truncated, "its zip archive is cut short or contradicts itself"),
    (truncated_legacy, "it ends before its weights do"),
    (legacy_cut_in_its_pickle, "its pickle is cut short or contradicts itself"),
    (lambda path: path.write_bytes(HTML), "it is a web page, not a checkpoint"),
    (lambda path: path.write_text("accuracy: 0.9\nerror: ü"), "it is a text file, not a checkpoint"),
    (lambda path: path.write_text("version https://git-lfs.github.com/spec/v1\n"), "it is a Git LFS pointer"),
    (lambda path: path.write_bytes(bytes(range(250, 0, -1)) * 9), "it is neither a zip archive nor a whole pickle"),
    (lambda path: path.write_bytes(pickle.dumps({"a": [1.0]})), "it is a pickle, but not one that torch.save wrote"),
    (compressed, "is compressed, which torch.save never does (a zip bomb?)"),
    (overlapping, "its entries promise 1010000 bytes, but the whole file has"),
    (misplaced, "an entry of its zip archive is not where the table of contents says"),
    (beyond_the_end, "an entry of its zip archive ends behind the end of the file"),
    (other_byte_order, "its numbers are in the byte order 'big'"),
    (lambda path: rewritten(path, lambda n, d: (n, d) if n != "data.pkl" else None), "that torch.save did not write"),
    (lambda path: rewritten(path, lambda n, d: (n, d) if n != "data/0" else None), "the file does not contain"),
    (script, "it is a TorchScript program"),
    (lambda path: saved(path, nn.Linear(2, 2)), "a whole pickled model (torch.nn.modules.linear.Linear)"),
    (lambda path: saved(path, {"model": nn.Linear(2, 2)}, _use_new_zipfile_serialization=False), "whole pickled model"),
    (lambda path: saved(path, {"epoch": 3, "loss": [0.5]}), "it holds no tensors by name (only 'epoch', 'loss')"),
    (lambda path: saved(path, torch.ones(3)), "it holds no tensors by name."),
    (lambda path: saved(path, {"w": np.ones(3)}), "it holds no tensors by name (only 'w')"),
    (lambda path: saved(path, {"w": torch.ones(1).expand(9)}), "needs 9 values, but its storage has 1"),
    (lambda path: saved(path, {"w": torch.eye(2).to_sparse()}), "is sparse, or of another special kind"),
    (lambda path: saved(path, {"w": torch.ones(2, device="meta")}), "is sparse, or of another special kind"),
    (lambda path: saved(path, {"w": torch.ones(2, dtype=torch.complex64).conj()}), "of another special kind"),
    (quantised, "'w' holds qint8 values"),
]


@pytest.mark.parametrize(("build", "message"), TORCH, ids=[message for _, message in TORCH])
@pytest.mark.parametrize("suffix", [".pt", ".bin"])
def test_torch_files(tmp_path, build, message, suffix):
    path = tmp_path / f"x{suffix}"
    build(path)
    error = WeightDtypeError if "qint8" in message else UnreadableFileError
    with pytest.raises(error) as caught:
        load_checkpoint(path)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    assert str(caught.value).endswith(".")


def header(content: object, data: bytes = b"") -> bytes:
    """A .safetensors file with a header of one's own."""
    text = content if isinstance(content, bytes) else json.dumps(content).encode()
    return struct.pack("<Q", len(text)) + text + data


def entry(dtype: str = "F32", shape: tuple[int, ...] = (4,), end: int = 16) -> dict[str, object]:
    return {"w": {"dtype": dtype, "shape": list(shape), "data_offsets": [0, end]}}


SAFETENSORS = [
    (b"", "it is empty"),
    (HTML, "it is a web page, not a checkpoint"),
    (b"only text, but enough of it", "it is a text file"),
    (bytes(range(256)), "it is damaged"),
    (header(entry())[:20], "it is damaged"),
    (header(entry(), bytes(15)), "it is damaged"),
    (header(entry(), bytes(17)), "it is damaged"),
    (header(entry(end=1000), bytes(16)), "it is damaged"),
    (header(entry(shape=(5,)), bytes(16)), "it is damaged"),
    (header(entry(shape=(2**40, 2**40)), bytes(16)), "it is damaged"),
    (header(entry(shape=(0, 2**63), end=0)), "has a shape that no tensor can have"),
    (header(entry(shape=(1,) * 100, end=4), bytes(4)), "has a shape that no tensor can have"),
    (header({**entry(), "v": entry()["w"]}, bytes(16)), "it is damaged"),
    (header(b"{nonsense\n"), "it is damaged"),
    (header(b"[" * 1000), "it is damaged"),
    (struct.pack("<Q", 2**63) + b"{}", "it is damaged"),
    (header({}), "it holds no tensors"),
    (header(entry("F4", (4,), 2), bytes(2)), "'w' holds F4 values"),
]


@pytest.mark.parametrize(("content", "message"), SAFETENSORS)
def test_safetensors_files(tmp_path, content, message):
    path = tmp_path / "x.safetensors"
    path.write_bytes(content)
    with pytest.raises(WeightDtypeError if "F4" in message else UnreadableFileError) as caught:
        load_checkpoint(path)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


INDICES = [
    ("", "it is not a JSON file"),
    ("[" * 100_000, "it is not a JSON file"),
    ("[]", "it has no 'weight_map'"),
    ('{"weight_map": {}}', "it has no 'weight_map'"),
    ('{"weight_map": {"w": 3}}', "it has no 'weight_map'"),
    ('{"weight_map": {"w": "absent.safetensors"}}', "names the shard 'absent.safetensors', which is missing"),
    ('{"weight_map": {"w": "../w.safetensors"}}', "names the shard '../w.safetensors', which is outside its folder"),
    ('{"weight_map": {"w": "/etc/passwd"}}', "which is outside its folder"),
    (r'{"weight_map": {"w": "..\\w.safetensors"}}', "which is outside its folder"),
    ('{"weight_map": {"w": ".."}}', "which is outside its folder"),
    ('{"weight_map": {"w": ""}}', "which is missing"),
    ('{"weight_map": {"w": "a\\u0000.bin"}}', "which is outside its folder"),
    ('{"weight_map": {"w": "model.safetensors.index.json"}}', "its suffix is '.json'"),
    ('{"weight_map": {"w": "shard.safetensors"}}', "places 'w' in 'shard.safetensors', which does not have it"),
]


@pytest.mark.parametrize(("content", "message"), INDICES)
def test_index_files(tmp_path, content, message):
    folder = tmp_path / "folder"
    folder.mkdir()
    for place in (folder / "shard.safetensors", tmp_path / "w.safetensors"):
        save_file({"v": torch.ones(2)}, place)
    (folder / "model.safetensors.index.json").write_text(content)
    for path in (folder, folder / "model.safetensors.index.json"):
        with pytest.raises(UnreadableFileError) as caught:
            load_checkpoint(path)
        assert message in str(caught.value)
        assert "\n" not in str(caught.value)


def test_an_unknown_suffix(tmp_path):
    (tmp_path / "weights.h5").write_bytes(b"x")
    with pytest.raises(UnreadableFileError, match=r"its suffix is '.h5'. Expected one of .pt .pth"):
        load_checkpoint(tmp_path / "weights.h5")


@pytest.mark.parametrize("path", ["a\0b.pt", "x" * 5000 + ".pt", ""])
def test_paths_that_cannot_be(path):
    for read in (load_checkpoint, read_run):
        with pytest.raises(EpochgraphError):
            read(path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
def test_a_file_that_may_not_be_read(tmp_path, suffix):
    path = tmp_path / f"epoch_1{suffix}"
    path.write_bytes(b"x")
    path.chmod(0)
    for read in (load_checkpoint, read_run):
        with pytest.raises(UnreadableFileError, match="cannot be read"):
            read(path)


@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
@pytest.mark.parametrize("content", [None, b"", b"x" * 9])
def test_a_file_that_changes_after_it_was_opened(tmp_path, suffix, content):
    path = tmp_path / f"x{suffix}"
    (save_file if suffix == ".safetensors" else torch.save)(STATE, path)
    checkpoint = load_checkpoint(path)
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UnreadableFileError):
        checkpoint["fc.weight"]


def test_a_folder_named_like_a_file_is_no_silent_gap(tmp_path):
    saved(tmp_path / "epoch_1.pt")
    (tmp_path / "epoch_2.pt").mkdir()
    run = read_run(tmp_path)
    with pytest.raises(UnreadableFileError, match="it is a folder"):
        run[1]
