"""The suffixes of checkpoints."""

from pathlib import Path

TORCH_SUFFIXES = (".pt", ".pth", ".th", ".ckpt", ".bin")
SAFETENSORS_SUFFIX = ".safetensors"
INDEX_SUFFIXES = (".safetensors.index.json", ".bin.index.json")
_NAMED = (*INDEX_SUFFIXES, *TORCH_SUFFIXES, SAFETENSORS_SUFFIX)
_ALL = (*_NAMED, *(f"{suffix}.tar" for suffix in TORCH_SUFFIXES), ".tar", ".pkl", ".pickle")


def is_named_like_a_checkpoint(path: Path) -> bool:
    """Whether a name ends like a checkpoint's; files with other names may be checkpoints, too."""
    return path.name.lower().endswith(_NAMED)


def bare_name(path: Path) -> str:
    """The name without the ending; a folder such as `checkpoint-0.5` has none."""
    name = path.name
    ending = next((suffix for suffix in _ALL if name.lower().endswith(suffix)), "")
    return name[: len(name) - len(ending)]
