"""Functions compiled to machine code, where NumPy would pass over memory several times.

numba caches machine code on disk and reads it back with `pickle`: whoever can write there can run anything in this
process. So the cache is in a folder that belongs to the user and that nobody else can write to, or there is none.
"""

import inspect
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import ParamSpec, TypeVar, cast

import platformdirs
from numba import config, njit

_P = ParamSpec("_P")
_T = TypeVar("_T")

OWN = 0o700
"""The permissions of the folder: everything for its owner, nothing for others."""


def compiled(function: Callable[_P, _T]) -> Callable[_P, _T]:
    """The function as machine code, compiled on its first call and cached on disk if there is a safe place for it.

    Sums may be reordered, to use vector instructions; NaN and infinity keep their meaning.
    """
    plain = inspect.unwrap(function)  # the compiler cannot see the type checks around it

    def made(*, cache: bool) -> Callable[_P, _T]:
        options = njit(cache=cache, nogil=True, fastmath={"reassoc", "contract"}, error_model="numpy")
        return cast(Callable[_P, _T], options(plain))

    folder = private_folder()
    if folder is None:
        return made(cache=False)
    try:
        with _kept_in(folder):
            return made(cache=True)
    except RuntimeError:  # the folder cannot be written to after all
        return made(cache=False)


@cache
def private_folder() -> Path | None:
    """Where machine code is cached: `NUMBA_CACHE_DIR`, or a folder in the user's cache; None if that is not safe."""
    asked = os.environ.get("NUMBA_CACHE_DIR")
    folder = Path(asked or platformdirs.user_cache_path("epochgraph", appauthor=False) / "compiled")
    with suppress(OSError):
        folder.mkdir(mode=OWN, parents=True, exist_ok=True)
        folder = folder.resolve()
        if is_private(folder):
            return folder
    return None


def is_private(folder: Path) -> bool:
    """Whether nobody but the user can put a file into a folder, or another folder in its place.

    It must belong to the user and be closed to others. The folders above it must belong to the user or the system, and
    be writable by nobody else; except where, as in a folder for temporary files, users can remove only their own files.
    """
    if not hasattr(os, "geteuid"):  # Windows: the user's cache is in the user's profile, which is closed to others
        return True
    own = folder.lstat()
    if not stat.S_ISDIR(own.st_mode) or own.st_uid != os.geteuid() or own.st_mode & 0o077:
        return False
    return all(map(_is_kept_by_others, (above.lstat() for above in folder.parents)))


def _is_kept_by_others(above: os.stat_result) -> bool:
    """Whether only the user and the system can replace what is in a folder."""
    if above.st_uid not in (0, os.geteuid()):
        return False
    return not above.st_mode & 0o022 or bool(above.st_mode & stat.S_ISVTX)


@contextmanager
def _kept_in(folder: Path) -> Iterator[None]:
    """Let numba cache what is decorated within the block in a folder."""
    before = config.CACHE_DIR  # type: ignore[attr-defined]  # numba makes its settings as it is imported
    config.CACHE_DIR = str(folder)  # type: ignore[attr-defined]
    try:
        yield
    finally:
        config.CACHE_DIR = before  # type: ignore[attr-defined]
