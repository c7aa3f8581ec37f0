"""How an interrupted or terminated command ends: with one line, whenever it happens and however often.

The first signal ends the command by an exception, so that it stops its processes and removes what is half written. A
second one would interrupt just that, and is ignored; a third one comes from a user who will not wait.
"""

import os
import signal
import sys
from collections.abc import Callable
from multiprocessing import util
from typing import Any

INTERRUPTED = 128 + signal.SIGINT
TERMINATED = 128 + signal.SIGTERM

ENDS = {INTERRUPTED: "interrupted", TERMINATED: "terminated"}
"""Exit code -> how the program ended."""

PATIENCE = 3
"""The signal that ends the process immediately."""


def listen(program: str, when_interrupted: str) -> None:
    """Turn the signals of this process into exceptions: KeyboardInterrupt for interrupts, SystemExit to terminate.

    Args:
        program: The beginning of the line printed if the process ends immediately.
        when_interrupted: The end of that line.
    """
    received: list[int] = []

    def handle(number: int, _: object) -> None:
        received.append(number)
        if len(received) >= PATIENCE:
            _leave(f"{program}: {ENDS[128 + number]}; {when_interrupted}.\n", 128 + number)
        if len(received) == 1:
            raise KeyboardInterrupt if number == signal.SIGINT else SystemExit(128 + number)

    for number in (signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, handle)
    sys.unraisablehook = _again(received, sys.unraisablehook)


def deafen() -> None:
    """Ignore signals: only leaving is left to do."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)


def _leave(line: str, code: int) -> None:
    """End this process immediately, but release its locks: otherwise a helper process of Python's would complain."""
    try:
        util._run_finalizers(0)  # type: ignore[attr-defined]  # noqa: SLF001 - Python has no other name for it
    finally:
        os.write(2, line.encode())
        os._exit(code)


def _again(received: list[int], before: Callable[[Any], object]) -> Callable[[Any], None]:
    """A hook for exceptions that Python cannot raise, such as those in a destructor: ours are raised again."""

    def hook(found: Any) -> None:
        if received and isinstance(found.exc_value, KeyboardInterrupt | SystemExit):
            number = received.pop()
            received.clear()
            signal.raise_signal(number)
        else:
            before(found)

    return hook
