"""The format of torch.save since PyTorch 1.6: an uncompressed zip archive with one entry per storage."""

import struct
import zipfile
from collections.abc import Mapping, Sequence
from functools import partial
from io import BufferedReader, BytesIO
from pathlib import Path

from epochgraph.checkpoints.archive import SAVE_WEIGHTS, Archive, Region, check_byte_order, damaged
from epochgraph.checkpoints.content import SCRIPT
from epochgraph.checkpoints.pickles import read_pickle
from epochgraph.errors import UnreadableFileError

_Entries = Mapping[str, zipfile.ZipInfo]
_LOCAL_HEADER = struct.Struct("<26xHH")  # at its end, the lengths of the name and the extra field that follow it


def zip_archive(file: BufferedReader, path: Path, size: int) -> Archive:
    """Read the table of contents and the pickle, but not the storages.

    Python's `zipfile` reads the table, but not the entries: it would insist on checksums, which torch may leave out.

    Raises:
        UnreadableFileError: The archive is damaged, compressed, or not one of torch.save.
        UnsafeCheckpointError: The pickle names a function that could run code.
    """
    table = _table(file, path)
    prefix = _prefix([entry.filename for entry in table], path)
    _refuse_bombs(table, path, size)
    entries = {entry.filename: entry for entry in table}
    region = partial(_region, file, size, entries)
    try:
        order = _content(file, region(f"{prefix}byteorder")) if f"{prefix}byteorder" in entries else b"little"
        pickle = _content(file, region(f"{prefix}data.pkl"))
    except ValueError as error:
        raise damaged(path, str(error)) from error
    check_byte_order(order.decode("latin-1"), path)
    return Archive(read_pickle(BytesIO(pickle), path).root, lambda key: region(f"{prefix}data/{key}"))


def _table(file: BufferedReader, path: Path) -> list[zipfile.ZipInfo]:
    try:
        with zipfile.ZipFile(file) as archive:
            return archive.infolist()
    except (zipfile.BadZipFile, struct.error, ValueError, NotImplementedError, OverflowError, OSError) as error:
        raise damaged(path, "its zip archive is cut short or contradicts itself") from error


def _prefix(names: Sequence[str], path: Path) -> str:
    """The folder inside the archive that contains everything."""
    if any(name.endswith("/constants.pkl") for name in names):
        raise UnreadableFileError(path, "it is a TorchScript program, not a file of weights", SCRIPT)
    pickles = [name for name in names if name.rpartition("/")[2] == "data.pkl" and name.count("/") <= 1]
    if len(pickles) != 1:
        found = f"it is a zip archive that torch.save did not write ({len(pickles)} entries data.pkl instead of one)"
        raise UnreadableFileError(path, found, SAVE_WEIGHTS)
    return pickles[0].removesuffix("data.pkl")


def _refuse_bombs(table: list[zipfile.ZipInfo], path: Path, size: int) -> None:
    """Refuse a small file that promises a lot of data, before any of it is read."""
    for entry in table:
        if entry.compress_type != zipfile.ZIP_STORED:
            found = f"its entry {entry.filename[-60:]!r} is compressed, which torch.save never does (a zip bomb?)"
            raise UnreadableFileError(path, found, SAVE_WEIGHTS)
    promised = sum(entry.file_size for entry in table)
    if promised > size:
        found = f"its entries promise {promised} bytes, but the whole file has {size} (a zip bomb?)"
        raise UnreadableFileError(path, found, SAVE_WEIGHTS)


def _region(file: BufferedReader, size: int, entries: _Entries, name: str) -> Region:
    """Where an entry's data is; only the header in front of it tells how long that header is."""
    entry = entries[name]
    file.seek(entry.header_offset)
    header = file.read(_LOCAL_HEADER.size)
    if len(header) < _LOCAL_HEADER.size or not header.startswith(b"PK\3\4"):
        raise ValueError("an entry of its zip archive is not where the table of contents says")
    name_length, extra_length = _LOCAL_HEADER.unpack(header)
    region = Region(entry.header_offset + _LOCAL_HEADER.size + name_length + extra_length, entry.file_size)
    if region.position + region.size > size:
        raise ValueError("an entry of its zip archive ends behind the end of the file")
    return region


def _content(file: BufferedReader, region: Region) -> bytes:
    file.seek(region.position)
    return file.read(region.size)
