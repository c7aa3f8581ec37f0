"""Functions as machine code, for what would otherwise pass over memory several times.

Machine code is kept on disk by numba, which reads it back by `pickle`: whoever can write there can run whatever they
like in this process. So it is kept in a folder that belongs to the user and that nobody else can reach, or not at all.
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
"""The rights of the folder: all for its owner, none for others."""


def compiled(function: Callable[_P, _T]) -> Callable[_P, _T]:
    """The function as machine code, made at its first call and kept on disk where there is a safe place for it.

    The order of a sum may change, so that it can use vector instructions; NaN and infinity keep their meaning.
    """
    plain = inspect.unwrap(function)  # type checks around it are not for the compiler

    def made(*, cache: bool) -> Callable[_P, _T]:
        options = njit(cache=cache, nogil=True, fastmath={"reassoc", "contract"}, error_model="numpy")
        return cast(Callable[_P, _T], options(plain))

    folder = private_folder()
    if folder is None:
        return made(cache=False)
    try:
        with _kept_in(folder):
            return made(cache=True)
    except RuntimeError:  # it cannot be written after all
        return made(cache=False)


@cache
def private_folder() -> Path | None:
    """Where machine code is kept: `NUMBA_CACHE_DIR`, else a folder of the user's cache; None if it is not safe."""
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

    It has to be the user's own and closed to others. Folders above it have to be the user's or the system's, and
    writable by nobody else; unless, as in a folder for temporary files, each may only remove what is their own.
    """
    if not hasattr(os, "geteuid"):  # Windows: the user's cache lies in the user's profile, which is closed to others
        return True
    own = folder.lstat()
    if not stat.S_ISDIR(own.st_mode) or own.st_uid != os.geteuid() or own.st_mode & 0o077:
        return False
    return all(map(_is_kept_by_others, (above.lstat() for above in folder.parents)))


def _is_kept_by_others(above: os.stat_result) -> bool:
    """Whether what lies in a folder cannot be replaced by anybody but the user and the system."""
    if above.st_uid not in (0, os.geteuid()):
        return False
    return not above.st_mode & 0o022 or bool(above.st_mode & stat.S_ISVTX)


@contextmanager
def _kept_in(folder: Path) -> Iterator[None]:
    """Let numba keep what is decorated meanwhile in a folder."""
    before = config.CACHE_DIR  # type: ignore[attr-defined]  # numba makes its settings as it is imported
    config.CACHE_DIR = str(folder)  # type: ignore[attr-defined]
    try:
        yield
    finally:
        config.CACHE_DIR = before  # type: ignore[attr-defined]
