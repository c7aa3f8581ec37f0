"""The format of torch.save before PyTorch 1.6: five pickles, and the storages one after another."""

from io import BufferedReader
from pathlib import Path

from epochgraph.checkpoints.archive import COPY_AGAIN, SAVE_WEIGHTS, Archive, Region, check_byte_order, damaged
from epochgraph.checkpoints.content import HEAD, Foreign, described
from epochgraph.checkpoints.pickles import Outside, read_pickle
from epochgraph.checkpoints.storages import is_storage, storage
from epochgraph.errors import UnreadableFileError

_MAGIC = 0x1950A86A20F9469CFC6C
_VERSION = 1001


def legacy_archive(file: BufferedReader, path: Path, size: int) -> Archive:
    """Read the pickles, and step from storage to storage without reading them.

    Raises:
        UnreadableFileError: The file is damaged, or torch.save did not write it.
        UnsafeCheckpointError: A pickle names a function that could run code.
    """
    _check_start(file, path)
    pickle = read_pickle(file, path)
    keys = read_pickle(file, path).root
    try:
        regions = _regions(file, size, keys, pickle.outside)
    except ValueError as error:
        raise damaged(path, str(error)) from error
    return Archive(pickle.root, regions.__getitem__)


def _check_start(file: BufferedReader, path: Path) -> None:
    """Check the first three pickles: a magic number, a version, and the machine that wrote the file."""
    try:
        magic = read_pickle(file, path).root
    except UnreadableFileError as error:
        file.seek(0)
        neither = "it is neither a zip archive nor a whole pickle, as torch.save writes them"
        kind = described(file.read(HEAD)) or Foreign(neither, COPY_AGAIN)
        raise UnreadableFileError(path, kind.found, kind.advice) from error
    if magic != _MAGIC:
        raise UnreadableFileError(path, "it is a pickle, but not one that torch.save wrote", SAVE_WEIGHTS)
    version, machine = read_pickle(file, path).root, read_pickle(file, path).root
    if version != _VERSION:
        raise damaged(path, "it has an unknown version")
    little = not isinstance(machine, dict) or machine.get("little_endian", True)
    check_byte_order("little" if little else "big", path)


def _regions(file: BufferedReader, size: int, keys: object, outside: list[Outside]) -> dict[str, Region]:
    """Where each storage is.

    Raises:
        ValueError: The list of storages is not that of the pickle, or the file ends too early.
    """
    item_sizes: dict[str, int] = {}
    for source in map(storage, filter(is_storage, outside)):
        item_sizes.setdefault(source.key, source.item_size)  # torch, too, goes by the first mention
    if not isinstance(keys, list) or not all(isinstance(key, str) and key in item_sizes for key in keys):
        raise ValueError("its list of storages is not that of its tensors")
    regions: dict[str, Region] = {}
    for key in keys:
        count = int.from_bytes(file.read(8), "little", signed=True)
        regions[key] = Region(file.tell(), count * item_sizes[key])
        end = file.tell() + regions[key].size
        if count < 0 or end > size:
            raise ValueError("it ends before its weights do")
        file.seek(end)
    return regions
