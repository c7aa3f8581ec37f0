"""Functions as machine code, for what would otherwise pass over memory several times."""

import inspect
from collections.abc import Callable
from typing import ParamSpec, TypeVar, cast

from numba import njit

_P = ParamSpec("_P")
_T = TypeVar("_T")


def compiled(function: Callable[_P, _T]) -> Callable[_P, _T]:
    """The function as machine code, made at its first call and kept on disk where there is a place for it.

    The order of a sum may change, so that it can use vector instructions; NaN and infinity keep their meaning.
    """
    plain = inspect.unwrap(function)  # type checks around it are not for the compiler

    def made(*, cache: bool) -> Callable[_P, _T]:
        options = njit(cache=cache, nogil=True, fastmath={"reassoc", "contract"}, error_model="numpy")
        return cast(Callable[_P, _T], options(plain))

    try:
        return made(cache=True)
    except RuntimeError:  # neither this folder nor the user's cache can be written
        return made(cache=False)
