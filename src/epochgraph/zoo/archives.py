"""The files of a folder or an archive, by name; nothing is unpacked to disk, so no name can escape a folder."""

import gzip
import lzma
import os
import tarfile
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from io import BufferedIOBase
from pathlib import Path

from epochgraph.checkpoints.archive import exists
from epochgraph.errors import EpochgraphError, UnreadableFileError

TAR_OPENERS: Mapping[str, Callable[[Path], BufferedIOBase]] = {
    ".tar": lambda path: path.open("rb"),
    ".tar.gz": gzip.GzipFile,
    ".tgz": gzip.GzipFile,
    ".tar.xz": lzma.LZMAFile,
    ".txz": lzma.LZMAFile,
}
"""Ending of a tar archive -> what opens the plain archive within."""

LEVELS = 5
"""The levels of a folder that are listed: tiny-imagenet-200/train/n01443537/images/n01443537_0.JPEG has five."""

HIDDEN = (".", "__MACOSX")
"""Prefixes of files that operating systems hide: .DS_Store, __MACOSX."""

TAR_BLOCK = 512
PIECE = 2**20


@dataclass(frozen=True, slots=True)
class FileTree:
    """The files of a folder or archive.

    Attributes:
        files: Name of each file, with "/" between the parts, and its size in bytes. In a compressed archive,
            going back means decompressing from the start again, so read in this order.
        folders: Names of the folders that the archive lists, without a "/" at the end.
        read: The content of a file, by its name.
    """

    files: Mapping[str, int]
    folders: tuple[str, ...]
    read: Callable[[str], bytes]


@contextmanager
def open_tree(path: Path) -> Iterator[FileTree]:
    """Lend the files of a folder, a .tar, .tar.gz, .tar.xz or a .zip archive.

    Links and devices within an archive are not listed; of a folder, nothing hidden is, and nothing deeper than
    `LEVELS`.

    Args:
        path: The folder or archive.

    Yields:
        Its files.

    Raises:
        UnreadableFileError: There is no such path, it is not an archive, or it is damaged, truncated or encrypted; also
            from `read`.
    """
    with ExitStack() as stack:
        with intact(path):
            tree = _tree(path, stack)
        yield tree


def check_exists(path: Path) -> None:
    """Refuse a path that does not exist.

    Raises:
        UnreadableFileError: It does not exist, or cannot be accessed.
    """
    if not exists(path):
        raise UnreadableFileError(path, "no such file or folder", "Check the path.")


def _tree(path: Path, stack: ExitStack) -> FileTree:
    check_exists(path)
    if path.is_dir():
        return _folder(path)
    name = path.name.lower()
    if name.endswith(".zip"):
        return _zip(path, stack.enter_context(zipfile.ZipFile(path)))
    for ending, opened in TAR_OPENERS.items():
        if name.endswith(ending):
            return _tar(path, stack.enter_context(opened(path)))
    endings = ", ".join((*TAR_OPENERS, ".zip"))
    raise UnreadableFileError(path, "neither a folder nor a known archive", f"Give a folder or one of {endings}.")


def _folder(path: Path) -> FileTree:
    def read(name: str) -> bytes:
        with intact(path / name):
            return (path / name).read_bytes()

    files: dict[str, int] = {}
    folders: list[str] = []
    for place, below, names in os.walk(path, followlinks=True):
        folder = Path(place).relative_to(path)
        below[:] = sorted(name for name in below if not name.startswith(HIDDEN))
        folders += [(folder / name).as_posix() for name in below]
        for file in (path / folder / name for name in sorted(names) if not name.startswith(HIDDEN)):
            if file.is_file():
                files[file.relative_to(path).as_posix()] = file.stat().st_size
        if len(folder.parts) == LEVELS - 1:
            below.clear()  # a link back up would otherwise never end
    return FileTree(files, tuple(folders), read)


def _zip(path: Path, archive: zipfile.ZipFile) -> FileTree:
    def read(name: str) -> bytes:
        with intact(path):
            return archive.read(members[name])

    members = {member.filename.strip("/"): member for member in archive.infolist()}
    files = {name: member.file_size for name, member in members.items() if not member.is_dir()}
    return FileTree(files, tuple(name for name, member in members.items() if member.is_dir()), read)


def _tar(path: Path, stream: BufferedIOBase) -> FileTree:
    def read(name: str) -> bytes:
        with intact(path):
            content = archive.extractfile(members[name])
            return content.read() if content else b""

    archive = tarfile.open(fileobj=stream, mode="r:")  # noqa: SIM115 - it holds nothing but the stream
    members = {member.name.strip("/"): member for member in archive.getmembers()}
    # Python accepts an archive that stops between two files; but a complete one ends with blocks of zeros.
    stream.seek(archive.offset)  # to the block read last, still in the buffer: nothing is decompressed again
    if stream.read(TAR_BLOCK) != bytes(TAR_BLOCK):
        raise tarfile.ReadError("its end is missing")
    while stream.read(PIECE):
        pass  # only at the very end are the checksums of compressed data compared
    files = {name: member.size for name, member in members.items() if member.isreg()}
    return FileTree(files, tuple(name for name, member in members.items() if member.isdir()), read)


def reason(error: Exception) -> str:
    """The message of a library's error, without the path, on one line; its type if there is no message."""
    said = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return " ".join(str(said).split())


@contextmanager
def intact(path: Path) -> Iterator[None]:
    """Turn any error of a library while reading a file into one error that names the file.

    Raises:
        UnreadableFileError: Anything but our own errors was raised.
    """
    try:
        yield
    except EpochgraphError:
        raise
    except Exception as error:  # a damaged archive can raise almost anything, from EOFError to struct.error
        advice = "Compare its size or checksum with its source: it may be cut short."
        raise UnreadableFileError(path, f"cannot be read ({reason(error)})", advice) from error
