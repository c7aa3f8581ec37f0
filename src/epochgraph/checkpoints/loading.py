"""A path -> a Checkpoint, whatever the format."""

from pathlib import Path

from epochgraph.checkpoints.archive import readable
from epochgraph.checkpoints.nesting import plain_names
from epochgraph.checkpoints.safetensors_file import safetensors_weights
from epochgraph.checkpoints.sharded import model_file, sharded_weights
from epochgraph.checkpoints.structure import Checkpoint, Stored
from epochgraph.checkpoints.suffixes import INDEX_SUFFIXES, SAFETENSORS_SUFFIX, TORCH_SUFFIXES
from epochgraph.checkpoints.times import time_of
from epochgraph.checkpoints.torch_file import torch_weights
from epochgraph.errors import UnreadableFileError

_CHECK = "Check the path."


def load_checkpoint(path: Path | str) -> Checkpoint:
    """Open a checkpoint of PyTorch or safetensors: one file, an index with its shards, or a folder of Hugging Face.

    Files may come from strangers. A pickle is read as data: nothing in it is imported or run, and a pickle that asks
    for a function that could run code is refused. Everything that is not a weight is left alone.

    Args:
        path: `.pt .pth .th .ckpt .bin` of torch.save, `.safetensors`, their `.index.json`, or a folder with a
            `model.safetensors` or `pytorch_model.bin`.

    Returns:
        The weights by the names that the bare model gives them, without what DataParallel, `torch.compile`, FSDP or
        Lightning put in front. A tensor is read when it is asked for, whatever its values are.

    Raises:
        UnreadableFileError: There is no such file, or it is damaged or of another format, or holds no weights.
        UnsafeCheckpointError: The pickle names a function that could run code.
        WeightDtypeError: A tensor is quantised.
    """
    path = Path(path)
    with readable(path):
        stored = _weights(path)
    if not stored:
        raise UnreadableFileError(path, "it holds no tensors", "Save the model's weights in it.")
    names = plain_names(stored)
    return Checkpoint(path, time_of(path), {names[name]: tensor for name, tensor in stored.items()})


def _weights(path: Path) -> dict[str, Stored]:
    if not path.exists():
        raise UnreadableFileError(path, "there is no such file", _CHECK)
    file = path
    if path.is_dir():
        inner = model_file(path)
        if inner is None:
            found = "it is a folder without a model.safetensors or pytorch_model.bin"
            raise UnreadableFileError(path, found, "Name a file in it, or read the folder as a run.")
        file = inner
    if not file.is_file():
        raise UnreadableFileError(path, "it is a device or a pipe, not a file", _CHECK)
    if file.name.lower().endswith(INDEX_SUFFIXES):
        return sharded_weights(file, _file_weights)
    return _file_weights(file)


def _file_weights(path: Path) -> dict[str, Stored]:
    suffix = path.suffix.lower()
    if suffix == SAFETENSORS_SUFFIX:
        return safetensors_weights(path)
    if suffix in TORCH_SUFFIXES:
        return torch_weights(path)
    expected = " ".join((*TORCH_SUFFIXES, SAFETENSORS_SUFFIX))
    raise UnreadableFileError(path, f"its suffix is {path.suffix!r}", f"Expected one of {expected}.")
