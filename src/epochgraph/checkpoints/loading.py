"""A path -> a Checkpoint, whatever the format."""

from collections.abc import Mapping
from pathlib import Path

from epochgraph.checkpoints.archive import readable
from epochgraph.checkpoints.checkpoint import Checkpoint, Stored
from epochgraph.checkpoints.content import Foreign, foreign, head_of, kind_of
from epochgraph.checkpoints.folder import ZERO, checkpoints_in, only_file, otherwise
from epochgraph.checkpoints.nesting import plain_names
from epochgraph.checkpoints.safetensors_file import safetensors_weights
from epochgraph.checkpoints.sharded import model_file, sharded_weights
from epochgraph.checkpoints.suffixes import INDEX_SUFFIXES, SAFETENSORS_SUFFIX, TORCH_SUFFIXES
from epochgraph.checkpoints.times import time_of
from epochgraph.checkpoints.torch_file import torch_weights
from epochgraph.errors import UnreadableFileError

_CHECK = "Check the path."


def load_checkpoint(path: Path | str) -> Checkpoint:
    """Open a PyTorch or safetensors checkpoint: one file, an index with its shards, or a Hugging Face folder.

    Files may come from untrusted sources. A pickle is read as data: nothing in it is imported or run, and a pickle that
    asks for a function that could run code is refused. Everything that is not a weight is ignored, and a tensor of a
    special kind, such as a sparse one, is refused only when its values are asked for.

    Args:
        path: `.pt .pth .th .ckpt .bin` of torch.save, `.safetensors`, their `.index.json`, or a folder with a
            `model.safetensors` or `pytorch_model.bin`.

    Returns:
        The weights by their names in the bare model, without the prefixes of DataParallel, `torch.compile`, FSDP or
        Lightning. A tensor is read when it is asked for, whatever its values are.

    Raises:
        UnreadableFileError: There is no such file, or it is damaged or of another format, or holds no weights.
        UnsafeCheckpointError: The pickle names a function that could run code.
        WeightDtypeError: All tensors are quantised.

    Examples:
        >>> from pathlib import Path
        >>> from tempfile import TemporaryDirectory
        >>> import torch
        >>> with TemporaryDirectory() as folder:
        ...     path = Path(folder) / "epoch_3.pt"
        ...     torch.save({"epoch": 3, "state_dict": {"module.fc.weight": torch.eye(2)}}, path)
        ...     checkpoint = load_checkpoint(path)
        ...     list(checkpoint), checkpoint["fc.weight"].shape
        (['fc.weight'], torch.Size([2, 2]))
    """
    path = Path(path)
    with readable(path):
        stored = _weights(path)
    if not stored:
        raise UnreadableFileError(path, "it holds no tensors", "Save the model's weights in it.")
    _check_whole(path, stored)
    refusals = [tensor.refusal for tensor in stored.values() if tensor.refusal is not None]
    if len(refusals) == len(stored):
        raise refusals[0]
    names = plain_names(stored)
    return Checkpoint(path, time_of(path), {names[name]: tensor for name, tensor in stored.items() if name in names})


def _check_whole(path: Path, stored: Mapping[str, Stored]) -> None:
    """Refuse one part of a checkpoint whose weights are elsewhere, or have lost their shapes.

    Raises:
        UnreadableFileError: It is such a part.
    """
    if len(stored) > 1 and all(tensor.shape == (0,) for tensor in stored.values()):
        found = f"all of its {len(stored)} tensors are empty, as in one part of a checkpoint of DeepSpeed's ZeRO-3"
        raise UnreadableFileError(path, found, ZERO)
    if any(name.rpartition(".")[2] in ("_flat_param", "flat_param") for name in stored):
        advice = "Save a full state dict: FSDP.state_dict_type(model, StateDictType.FULL_STATE_DICT)."
        raise UnreadableFileError(path, "its weights are flattened, as FSDP keeps them", advice)


def _weights(path: Path) -> dict[str, Stored]:
    if not path.exists():
        raise UnreadableFileError(path, "there is no such file", _CHECK)
    file = path
    if path.is_dir():
        inner = model_file(path) or only_file(path)
        if inner is None:
            raise _no_checkpoint(path)
        file = inner
    if not file.is_file():
        raise UnreadableFileError(path, "it is a device or a pipe, not a file", _CHECK)
    if file.name.lower().endswith(INDEX_SUFFIXES):
        return sharded_weights(file, _file_weights)
    return _file_weights(file)


def _no_checkpoint(folder: Path) -> UnreadableFileError:
    """The error for a folder that is not one checkpoint."""
    several = Foreign(
        "it is a folder without a model.safetensors or pytorch_model.bin",
        "Name a file in it, or read the folder as a run.",
    )
    known = None if checkpoints_in(folder) else otherwise(folder)
    return UnreadableFileError(folder, (known or several).found, (known or several).advice)


def _file_weights(path: Path) -> dict[str, Stored]:
    """The tensors of a file; its format is judged by its content, and only if that is unclear by its name."""
    head, suffix = head_of(path), path.suffix.lower()
    kind = kind_of(path, head)
    known = None if kind else foreign(path, head)
    if known is not None:
        raise UnreadableFileError(path, known.found, known.advice)
    if kind == "safetensors" or (kind is None and suffix == SAFETENSORS_SUFFIX):
        return safetensors_weights(path)
    if kind == "torch" or suffix in TORCH_SUFFIXES:
        return torch_weights(path)
    expected = " ".join((*TORCH_SUFFIXES, SAFETENSORS_SUFFIX))
    raise UnreadableFileError(path, f"its suffix is {path.suffix!r}", f"Expected one of {expected}.")
