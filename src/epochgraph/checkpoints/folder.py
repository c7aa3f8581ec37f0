"""The contents of a folder: the checkpoints of a run, or why there are none."""

import os
import re
from collections.abc import Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path

from epochgraph.checkpoints.content import DCP, JAX, KERAS, TENSORFLOW, Foreign, foreign, head_of, kind_of
from epochgraph.checkpoints.layout import INNER_FOLDERS
from epochgraph.checkpoints.sharded import is_shard, model_file
from epochgraph.checkpoints.suffixes import bare_name, is_named_like_a_checkpoint
from epochgraph.checkpoints.times import time_of

ZERO = "Convert it with the script that DeepSpeed puts beside it: python zero_to_fp32.py . pytorch_model.bin."
MEGATRON = "Convert it with Megatron-LM's tools/checkpoint/convert.py, or save it as Hugging Face models are."

_ROLE = r"optim(?:izer)?s?|optim_states|(?:lr_?)?schedulers?|(?:grad_?)?scaler|rng_state|random_states|training_args"
_COMPANION = re.compile(rf"(?:{_ROLE})(?![a-z]).*|.*(?<![a-z])(?:{_ROLE})[^a-z]*", re.IGNORECASE)
_OTHER_SUFFIXES = frozenset(
    """
    .csv .json .jsonl .txt .yaml .yml .toml .ini .cfg .md .rst .html .py .ipynb .sh .log .out .png .jpg .jpeg .gif .svg
    .pdf .parquet .arrow .npy .npz .gz .zst .lock .tfevents .distcp
    """.split()  # noqa: SIM905 - as in danger.py
)
_TOOLS = tuple(
    (re.compile(pattern), found, advice)
    for pattern, found, advice in (
        (r".*\.distcp", "it is a checkpoint of torch.distributed.checkpoint (DCP)", DCP),
        (r"zero_to_fp32\.py|.*_optim_states\.pt", "it is a checkpoint of DeepSpeed", ZERO),
        (r"mp_rank_.*", "it is a checkpoint of Megatron-LM or DeepSpeed in several parts", MEGATRON),
        (r"_CHECKPOINT_METADATA|_METADATA|manifest\.ocdbt", "it is a checkpoint of Orbax", JAX),
        (r".*\.(keras|h5|hdf5)", "it holds files of Keras", KERAS),
        (r"saved_model\.pb|.*\.data-[0-9]+-of-[0-9]+", "it holds a checkpoint of TensorFlow", TENSORFLOW),
    )
)
_SHOWN = 3
_DEPTH = 3
_FOLDERS = 500


def checkpoints_in(folder: Path) -> list[Path]:
    """Everything in a folder that is a checkpoint: files, whatever their names, and folders that hold one.

    Raises:
        OSError: It cannot be read.
    """
    return [entry for entry in sorted(folder.iterdir()) if _is_checkpoint(entry)]


def only_file(folder: Path) -> Path | None:
    """The checkpoint in a folder that holds one; None if there is none, or there are several.

    Raises:
        OSError: It cannot be read.
    """
    found = [entry for entry in folder.iterdir() if entry.is_file() and _is_checkpoint(entry)]
    return found[0] if len(found) == 1 else None


def inner_folder(folder: Path) -> Path | None:
    """The folder within a run's folder where a trainer put its checkpoints; None if there is none, or several.

    Raises:
        OSError: It cannot be read.
    """
    inner = [e for e in folder.iterdir() if e.name.lower() in INNER_FOLDERS and e.is_dir() and checkpoints_in(e)]
    return inner[0] if len(inner) == 1 else None


def otherwise(folder: Path) -> Foreign | None:
    """What is in a folder that holds no checkpoints, with advice; None if nothing is recognised.

    Raises:
        OSError: It cannot be read.
    """
    below = list(islice(_below(folder), _FOLDERS))
    for place in (folder, *below):
        known = _of_another_tool(place)
        if known is not None:
            return known if place == folder else Foreign(f"in its folder {place.name}, {known.found}", known.advice)
    holding = [str(place) for place in below if checkpoints_in(place)]
    if holding:
        shown = ", ".join(holding[:_SHOWN]) + (", ..." if len(holding) > _SHOWN else "")
        return Foreign("it holds no checkpoints, but folders in it do", f"Name these, one a run: {shown}.")
    other = next(filter(None, map(_foreign, sorted(folder.iterdir()))), None)
    return other and Foreign(f"it holds no checkpoints of PyTorch: of one file, {other.found}", other.advice)


def _is_checkpoint(entry: Path) -> bool:
    if entry.name.startswith(".") or _COMPANION.fullmatch(bare_name(entry)) or is_shard(entry):
        return False
    if is_named_like_a_checkpoint(entry):
        return True
    if entry.is_dir():
        return model_file(entry) is not None or (time_of(entry) is not None and only_file(entry) is not None)
    if not entry.is_file() or entry.suffix.lower() in _OTHER_SUFFIXES:
        return False
    with suppress(OSError):  # what may not be read, and is not called a checkpoint, is none
        return kind_of(entry, head_of(entry)) is not None
    return False


def _of_another_tool(folder: Path) -> Foreign | None:
    """What a folder is if its files together are a checkpoint that must be converted."""
    names = [entry.name for entry in folder.iterdir()]
    for pattern, found, advice in _TOOLS:
        if any(map(pattern.fullmatch, names)):
            return Foreign(found, advice.format(folder=folder))
    if folder.name.isdecimal() and "default" in names:
        return Foreign("it is a checkpoint of Orbax", JAX)
    return None


def _foreign(entry: Path) -> Foreign | None:
    with suppress(OSError):
        return foreign(entry, head_of(entry)) if entry.is_file() else None
    return None


def _below(folder: Path, depth: int = _DEPTH) -> Iterator[Path]:
    """The folders within a folder, to a limited depth, except hidden or unreadable ones."""
    entries: list[Path] = []
    with suppress(OSError):
        entries = [entry for entry in sorted(folder.iterdir()) if entry.is_dir() and not entry.name.startswith(".")]
    readable = [entry for entry in entries if os.access(entry, os.R_OK | os.X_OK)]
    yield from readable
    for entry in readable if depth > 1 else ():
        if not entry.is_symlink():
            yield from _below(entry, depth - 1)
