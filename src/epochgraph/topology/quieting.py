"""Code of others runs without a word: what matters of its messages is in the error that it raises."""

import logging
import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from io import TextIOBase
from typing import Any

from typing_extensions import override


@contextmanager
def quiet() -> Iterator[None]:
    """Keep warnings, logs and printed lines of this thread to itself; torch prints whole graphs, models what they like.

    Examples:
        >>> with quiet():
        ...     print("nobody reads this")
    """
    level = logging.root.manager.disable
    with warnings.catch_warnings(), redirect_stdout(_Silenced(sys.stdout)), redirect_stderr(_Silenced(sys.stderr)):
        warnings.simplefilter("ignore")
        logging.disable(logging.CRITICAL)
        try:
            yield
        finally:
            logging.disable(level)


class _Silenced(TextIOBase):
    """A stream that takes nothing from the thread that made it, and hands on what other threads write.

    Args:
        stream: Whatever stands in `sys.stdout`: notebooks and tests have streams of kinds of their own, and a program
            without a console has None.
    """

    def __init__(self, stream: Any) -> None:
        super().__init__()
        self.stream = stream
        self.thread = threading.get_ident()

    @override
    def write(self, text: str, /) -> int:
        if threading.get_ident() != self.thread and self.stream is not None:
            self.stream.write(text)
        return len(text)

    @override
    def flush(self) -> None:
        if self.stream is not None:
            self.stream.flush()

    @override
    def isatty(self) -> bool:
        return False
