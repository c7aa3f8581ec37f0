"""What a file is, judging by its first bytes: a torch or safetensors file whatever its name, or something else."""

import struct
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from epochgraph.checkpoints.archive import COPY_AGAIN

Kind = Literal["torch", "safetensors"]

HEAD = 512
"""The number of first bytes to look at."""

KERAS = (
    "Keras is not PyTorch: take the weights out with Keras or h5py, transpose each kernel (Keras has its inputs first) "
    "and write them with safetensors.numpy.save_file."
)
DCP = (
    "Convert it with PyTorch's own tool: python -m torch.distributed.checkpoint.format_utils dcp_to_torch {folder} "
    "{folder}.pt."
)
ONNX = (
    "Convert it to PyTorch, torch.save(onnx2torch.convert('model.onnx').state_dict(), 'weights.pt'), "
    "or save the weights of the model that it was exported from."
)
SCRIPT = "Save its weights: torch.save(torch.jit.load('script.pt').state_dict(), 'weights.pt'), if you trust the file."
EXPORTED = (
    "Save its weights: torch.save(torch.export.load('model.pt2').state_dict, 'weights.pt'), if you trust the file."
)
GGUF = "Its weights are packed: give those that it was made of, or unpack it with transformers (gguf_file=...)."
NUMPY = "Write its arrays, as a PyTorch model has them, with safetensors.numpy.save_file."
JAX = (
    "JAX is not PyTorch: restore it there, transpose each kernel (Flax has its inputs first) and write them with "
    "safetensors.numpy.save_file."
)
TENSORFLOW = (
    "TensorFlow is not PyTorch: read it with tf.train.load_checkpoint, transpose each kernel and write them with "
    "safetensors.numpy.save_file."
)

_HTML = (b"<!doctype html", b"<html", b"<?xml", b"<head", b"<body")
_MAGIC_OF_LEGACY = b"\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."  # the number that old files of torch.save begin with
_BY_BYTES = (
    (b"\x89HDF\r\n\x1a\n", "it is an HDF5 file, as Keras writes them", KERAS),
    (b"GGUF", "it is a GGUF file of llama.cpp", GGUF),
    (b"\x93NUMPY", "it is an array of NumPy", NUMPY),
    (b"\x1f\x8b", "it is compressed with gzip", "Unpack it with gunzip."),
    (b"\x28\xb5\x2f\xfd", "it is compressed with zstd", "Unpack it with unzstd."),
    (b"7z\xbc\xaf", "it is a 7z archive", "Unpack it, and name a file in it."),
)
_BY_NAME = {
    ".onnx": ("it is an ONNX model, not a checkpoint of PyTorch", ONNX),
    ".keras": ("it is a Keras model", KERAS),
    ".distcp": ("it is one piece of a checkpoint of torch.distributed.checkpoint (DCP)", DCP),
    ".msgpack": ("it is a checkpoint of Flax", JAX),
    ".pb": ("it is a TensorFlow model", TENSORFLOW),
    ".tflite": ("it is a TensorFlow Lite model", TENSORFLOW),
    ".index": ("it is the index of a TensorFlow checkpoint", TENSORFLOW),
}


@dataclass(frozen=True, slots=True)
class Foreign:
    """Something that is not a PyTorch checkpoint.

    Attributes:
        found: What it is.
        advice: The way out, such as the tool that converts it.
    """

    found: str
    advice: str


def head_of(path: Path) -> bytes:
    """The first bytes of a file.

    Raises:
        OSError: It cannot be read.
    """
    with path.open("rb") as file:
        return file.read(HEAD)


def kind_of(path: Path, head: bytes) -> Kind | None:
    """The format of a file, whatever its name; None if it is not one that can be read here."""
    if path.suffix == ".distcp":
        return None  # made by torch.save, of a piece of many tensors without their names
    if head.startswith(b"PK\3\4"):
        return "torch" if any(name.rpartition("/")[2] == "data.pkl" for name in _entries(path)) else None
    if _MAGIC_OF_LEGACY in head[:32]:
        return "torch"
    length = int.from_bytes(head[:8], "little")
    return "safetensors" if head[8:9] == b"{" and 2 <= length < 1 << 32 else None


def foreign(path: Path, head: bytes) -> Foreign | None:
    """What else a file is, with advice; None if it may be a checkpoint, or is unknown."""
    for magic, found, advice in _BY_BYTES:
        if head.startswith(magic):
            return Foreign(found, advice)
    if head[257:262] == b"ustar":
        return Foreign("it is a tar archive", "Unpack it with tar -xf, and name a file in it.")
    named = _BY_NAME.get(path.suffix.lower())
    if named is not None:
        return Foreign(named[0], named[1].format(folder=path.parent))
    return _foreign_zip(_entries(path)) if head.startswith(b"PK\3\4") else None


def described(head: bytes) -> Foreign | None:
    """What a file seems to be, judging by its first bytes, so that the user sees the mistake; None if unknown."""
    if head.lstrip().lower().startswith(_HTML):
        return Foreign("it is a web page, not a checkpoint (a failed download?)", COPY_AGAIN)
    if head.startswith(b"version https://git-lfs"):
        return Foreign("it is a Git LFS pointer, not the checkpoint itself", "Fetch that with `git lfs pull`.")
    text = head.decode("utf-8", "ignore")
    whole = len(text.encode()) >= len(head) - 3  # the last character may be cut in two
    if whole and all(c.isprintable() or c.isspace() for c in text):
        return Foreign("it is a text file, not a checkpoint", COPY_AGAIN)
    return None


def _entries(path: Path) -> list[str]:
    try:
        with zipfile.ZipFile(path) as archive:
            return archive.namelist()
    except (zipfile.BadZipFile, ValueError, NotImplementedError, OverflowError, OSError, struct.error):
        return []  # a damaged one: what reads it says how


def _foreign_zip(entries: Sequence[str]) -> Foreign | None:
    ends = {name.rpartition("/")[2] for name in entries}
    if "model.weights.h5" in ends:
        return Foreign("it is a Keras model", KERAS)
    if "constants.pkl" in ends:
        return Foreign("it is a TorchScript program, not a file of weights", SCRIPT)
    if "serialized_exported_program.json" in ends or "archive_format" in ends:
        return Foreign("it is a program of torch.export, not a file of weights", EXPORTED)
    if entries and all(name.endswith(".npy") for name in entries):
        return Foreign("it is an archive of NumPy arrays", NUMPY)
    inside = [name for name in entries if name.endswith((".pth", ".pt", ".safetensors", ".ckpt"))]
    if inside and "data.pkl" not in ends:
        return Foreign(f"it is a zip archive with {inside[0]!a} in it", "Unpack it, and name that file.")
    return None
