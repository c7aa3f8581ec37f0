"""Checkpoints of several files: an index with its shards, and the folders that Hugging Face writes."""

import json
import re
from collections.abc import Callable
from pathlib import Path

from epochgraph.checkpoints.archive import COPY_AGAIN, damaged
from epochgraph.checkpoints.checkpoint import Stored
from epochgraph.errors import UnreadableFileError

_MODEL_FILES = (
    "model.safetensors",
    "model.safetensors.index.json",
    "pytorch_model.bin",
    "pytorch_model.bin.index.json",
    "adapter_model.safetensors",
    "adapter_model.bin",
    "diffusion_pytorch_model.safetensors",
    "diffusion_pytorch_model.safetensors.index.json",
    "diffusion_pytorch_model.bin",
)
_OF_DEEPSPEED = re.compile("(?:zero_pp_rank_0_)?mp_rank_00_model_states[.]pt")
_SHARD = re.compile(r"-[0-9]{2,}-of-[0-9]{2,}\.")


def is_shard(path: Path) -> bool:
    """Say whether a name is that of one shard of several, such as `model-00001-of-00002.safetensors`."""
    return _SHARD.search(path.name) is not None


def model_file(folder: Path) -> Path | None:
    """The file with the weights in a Hugging Face folder, in whichever format; None if there is none.

    In a DeepSpeed folder it is the file of the first process, if the model is not split further.
    """
    found = next((folder / name for name in _MODEL_FILES if (folder / name).is_file()), None)
    if found is not None or any(folder.glob("*mp_rank_01*")):
        return found
    return next((entry for entry in folder.glob("*mp_rank_00_model_states.pt") if _is_first(entry)), None)


def _is_first(path: Path) -> bool:
    return _OF_DEEPSPEED.fullmatch(path.name) is not None and path.is_file()


def sharded_weights(index: Path, shard_weights: Callable[[Path], dict[str, Stored]]) -> dict[str, Stored]:
    """The tensors of all shards that an index names, in the order of the index.

    Args:
        index: The index, a JSON file beside its shards.
        shard_weights: Reads one shard.

    Raises:
        UnreadableFileError: The index is damaged, or names a shard that is missing or in another folder.
        EpochgraphError: A shard cannot be read.
        OSError: A file cannot be read.
    """
    places = _weight_map(index)
    shards = {name: shard_weights(_shard(index, name)) for name in sorted(set(places.values()))}
    for tensor, name in places.items():
        if tensor not in shards[name]:
            raise damaged(index, f"it places {tensor!r} in {name!r}, which does not have it")
    return {tensor: shards[name][tensor] for tensor, name in places.items()}


def _weight_map(index: Path) -> dict[str, str]:
    """The shard of each tensor."""
    try:
        document = json.loads(index.read_bytes())
    except (ValueError, RecursionError) as error:
        raise damaged(index, "it is not a JSON file") from error
    match document:
        case {"weight_map": dict(places)} if places and all(isinstance(shard, str) for shard in places.values()):
            return places
        case _:
            raise damaged(index, "it has no 'weight_map' from tensors to files")


def _shard(index: Path, name: str) -> Path:
    if name != Path(name).name or "\\" in name or "\0" in name or name == "..":
        advice = "Do not trust this index: a shard's name has no folder."
        raise UnreadableFileError(index, f"it names the shard {name!r}, which is outside its folder", advice)
    shard = index.parent / name
    if not shard.is_file():
        raise UnreadableFileError(index, f"it names the shard {name!r}, which is missing", COPY_AGAIN)
    return shard
