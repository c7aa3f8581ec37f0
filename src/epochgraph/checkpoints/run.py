"""A folder -> the checkpoints of one run, in time order."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, overload

from epochgraph.checkpoints.archive import readable
from epochgraph.checkpoints.checkpoint import Checkpoint
from epochgraph.checkpoints.content import Foreign
from epochgraph.checkpoints.folder import checkpoints_in, inner_folder, otherwise
from epochgraph.checkpoints.loading import load_checkpoint
from epochgraph.checkpoints.naming import numbers, template
from epochgraph.checkpoints.pattern import times_from
from epochgraph.checkpoints.sharded import model_file
from epochgraph.checkpoints.times import gap, time_of, times
from epochgraph.errors import CheckpointMismatchError, MissingCheckpointError, UnreadableFileError

if TYPE_CHECKING:
    _Checkpoints = Sequence[Checkpoint]
else:  # with its type, a checker at run time (beartype) would open any of the checkpoints to look at it
    _Checkpoints = Sequence

_WEIGHT = re.compile("(?:^|_)weight(?:_|$)")
_NOTHING = Foreign(
    "it holds no checkpoints",
    "Name the folder that has files of torch.save (*.pt, *.pth, *.th, *.ckpt, *.bin) or *.safetensors in it.",
)
_NAMING = "Name each file by its epoch, such as epoch_3.pt"


@dataclass(frozen=True, slots=True, eq=False)
class CheckpointRun(_Checkpoints):
    """The checkpoints of one run in time order; each is opened when it is asked for, and closed again.

    Every checkpoint is compared with the first: the weights and biases of layers must have the same names and shapes.
    Other tensors may come, go and grow: buffers, observers, memory banks. Access raises what `load_checkpoint` raises,
    and CheckpointMismatchError.

    Attributes:
        path: The folder, or the only checkpoint.
        files: The checkpoints' paths, in time order.
        epochs: Their times; None for a single checkpoint without a number in its name.
        skipped: Checkpoints without a number in their names beside others that have one, such as `best.pt`.
        shapes: The shape of every tensor of the first checkpoint.
    """

    path: Path
    files: tuple[Path, ...]
    epochs: tuple[float | None, ...]
    skipped: tuple[Path, ...]
    shapes: Mapping[str, tuple[int, ...]] = field(repr=False)

    def __len__(self) -> int:
        return len(self.files)

    @overload
    def __getitem__(self, index: int) -> Checkpoint: ...
    @overload
    def __getitem__(self, index: slice) -> "CheckpointRun": ...
    def __getitem__(self, index: int | slice) -> "Checkpoint | CheckpointRun":
        if isinstance(index, slice):
            return replace(self, files=self.files[index], epochs=self.epochs[index])
        checkpoint = replace(load_checkpoint(self.files[index]), epoch=self.epochs[index])
        _check_shapes(checkpoint, self.shapes)
        return checkpoint


def read_run(folder: Path | str, *, allow_gaps: bool = False, epochs_from: str | None = None) -> CheckpointRun:
    """Find the checkpoints of one run and put them in the order of the times in their names.

    Only the first is opened now. Other files beside checkpoints (optimizer.pt, training_args.bin, ...), hidden files
    and other folders are ignored. If a trainer put the checkpoints into a subfolder of the run, such as `checkpoints`,
    they are found there.

    Args:
        folder: A folder of checkpoint files, or of folders with one checkpoint each; or a single checkpoint.
        allow_gaps: Accept whole-numbered times that are not evenly spaced, such as 1, 2, 4.
        epochs_from: Where the epoch is in the names, such as `weights.{epoch}-{_}.pt` (see `times_from`); None to find
            it automatically. Names that do not fit are skipped.

    Raises:
        MissingCheckpointError: There is a gap in the times.
        UnknownEpochsError: The names have several numbers, and it is unclear which is the epoch.
        SettingError: `epochs_from` is not a pattern, or fits no name.
        UnreadableFileError: There are no checkpoints, their order is unknown, or two have the same time.
        EpochgraphError: The first checkpoint cannot be read; see `load_checkpoint`.

    Examples:
        >>> from pathlib import Path
        >>> from tempfile import TemporaryDirectory
        >>> import torch
        >>> with TemporaryDirectory() as folder:
        ...     for epoch in (10, 0, 5):
        ...         torch.save({"fc.weight": torch.eye(2)}, Path(folder) / f"epoch_{epoch}.pt")
        ...     [checkpoint.epoch for checkpoint in read_run(folder)]
        [0.0, 5.0, 10.0]
    """
    folder = Path(folder)
    with readable(folder):
        folder, found = _checkpoints(folder)
        whole = [folder] if model_file(folder) else found
    read = times(found) if epochs_from is None else times_from(epochs_from, found)
    timed = list(zip(read, found, strict=True))
    dated = sorted((epoch, path) for epoch, path in timed if epoch is not None)
    if not dated:
        return _single(folder, whole)
    _check_order(folder, dated, allow_gaps=allow_gaps)
    epochs, files = zip(*dated, strict=True)
    skipped = tuple(path for epoch, path in timed if epoch is None)
    return CheckpointRun(folder, files, epochs, skipped, load_checkpoint(files[0]).shapes)


def _checkpoints(path: Path) -> tuple[Path, list[Path]]:
    """The folder of a run's checkpoints, and the checkpoints; a path that is not a folder is a checkpoint itself."""
    if not path.is_dir():
        return path, [path]
    found = checkpoints_in(path)
    inner = None if found or model_file(path) else inner_folder(path)
    return (path, found) if inner is None else (inner, checkpoints_in(inner))


def _single(path: Path, found: Sequence[Path]) -> CheckpointRun:
    """A run with one checkpoint, whose name needs no number."""
    if not found:
        with readable(path):
            known = otherwise(path) or _NOTHING
        raise UnreadableFileError(path, known.found, known.advice)
    if len(found) > 1:
        shown = ", ".join(entry.name for entry in found[:3]) + (", ..." if len(found) > 3 else "")
        order = f"its {len(found)} checkpoints ({shown}) have no order: nothing in their names is known to be an epoch"
        raise UnreadableFileError(path, order, _naming(found[0]))
    return CheckpointRun(path, (found[0],), (time_of(found[0]),), (), load_checkpoint(found[0]).shapes)


def _naming(path: Path) -> str:
    """Advice on how to say which number is the epoch, if a checkpoint's name has any."""
    there = numbers(path)
    if not there:
        return f"{_NAMING}."
    return f"{_NAMING}. If a number in them is the epoch after all, say so: --epochs-from '{template(path, there[0])}'."


def _check_order(folder: Path, dated: Sequence[tuple[float, Path]], *, allow_gaps: bool) -> None:
    for (before, first), (after, second) in pairwise(dated):
        if before == after:
            found = f"{first.name} and {second.name} have the same time {before:g}"
            raise UnreadableFileError(folder, found, "Keep one of them, or give each run a folder of its own.")
    missing = None if allow_gaps else gap([epoch for epoch, _ in dated])
    if missing is not None:
        raise MissingCheckpointError(folder, *missing)


def _check_shapes(checkpoint: Checkpoint, expected: Mapping[str, tuple[int, ...]]) -> None:
    found = checkpoint.shapes
    for name in {**expected, **found}:
        if expected.get(name) != found.get(name) and (_is_of_layer(name, expected) or _is_of_layer(name, found)):
            raise CheckpointMismatchError(checkpoint.path, name, expected.get(name), found.get(name))


def _is_of_layer(name: str, shapes: Mapping[str, tuple[int, ...]]) -> bool:
    """Whether a tensor is the weight of a layer, or the bias beside one."""
    owner, dot, leaf = name.rpartition(".")
    weight = name if _WEIGHT.search(leaf) else f"{owner}{dot}weight" if leaf == "bias" else ""
    return len(shapes.get(weight, ())) > 1
