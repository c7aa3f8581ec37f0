"""Files that are written whole or not at all."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from epochgraph.errors import OutputError


@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """Lend a temporary path beside `path`, and move the file to `path` once the block has succeeded.

    No reader ever sees half a file, not even after a crash or on a full disk: the move is one step of the file system,
    and a failure before it removes the temporary file and leaves an earlier `path` as it was. Missing folders are
    created.

    Args:
        path: Where the file will be.

    Yields:
        The path to write to; it has the suffix of `path`.

    Raises:
        OutputError: The folder or the file cannot be written, or the disk is full.
    """
    temporary: Path | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.stem}-", suffix=path.suffix)
        os.close(handle)
        temporary = Path(name)
        temporary.chmod(0o666 & ~_umask())  # a temporary file is private; the finished one gets the usual permissions
        yield temporary
        _flush(temporary)
        temporary.replace(path)
    except OSError as error:
        if isinstance(error, OutputError):
            raise
        raise OutputError(path, error.strerror or str(error)) from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


def left_behind(folder: Path) -> Iterator[Path]:
    """The files in a folder, at any depth, that `atomic_write` left behind when its process was killed."""
    return (path for path in folder.rglob(f".*-{8 * '?'}.*") if path.is_file())


def _umask() -> int:
    """The process's file mode mask, which can be read only by setting a new one."""
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _flush(path: Path) -> None:
    """Wait until the file's content is on disk, so that the move cannot come first."""
    with path.open("rb") as file:
        os.fsync(file.fileno())
