"""Inputs are tried in a process of their own: a crash or an endless loop ends it, and not the fuzzer."""

import multiprocessing
import resource
import signal
import sys
import tempfile
import traceback
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path

from benchmarks.fuzz.kinds import kind_of
from epochgraph.errors import EpochgraphError

READ, REFUSED = "read", "refused"
"""The two right ends of an input."""

WAITING = 30
"""How many times as long an input may take by the clock: others use the machine, too."""

MEMORY = 12 << 30
"""Bytes of address space that a process may have."""


class Trial:
    """A process that tries one input after another.

    Args:
        kind: Name of the kind of file.
        seconds: After so many of processor time an input counts as one that never ends.
    """

    def __init__(self, kind: str, seconds: float) -> None:
        self.kind = kind
        self.seconds = seconds
        self._start()

    def _start(self) -> None:
        spawn = multiprocessing.get_context("spawn")
        self.connection, theirs = spawn.Pipe()
        self.process = spawn.Process(target=_try_each, args=(self.kind, self.seconds, theirs), daemon=True)
        self.process.start()
        theirs.close()
        self.connection.recv()  # it has imported what it needs

    def end_of(self, content: bytes) -> str:
        """How an input ends: `READ`, `REFUSED`, or what went wrong."""
        self.connection.send_bytes(content)
        try:
            if self.connection.poll(WAITING * self.seconds):
                return str(self.connection.recv())
            found = "it waits for ever"
        except EOFError:
            self.process.join()
            found = f"the process died of {_signal(self.process.exitcode)}"
        self.close()
        self._start()
        return found

    def close(self) -> None:
        """End the process."""
        self.process.kill()
        self.process.join()
        self.connection.close()


def _signal(code: int | None) -> str:
    if code == -signal.SIGPROF:
        return "an endless loop"
    return signal.Signals(-code).name if code is not None and code < 0 else f"exit code {code}"


def _try_each(name: str, seconds: float, connection: Connection) -> None:
    warnings.simplefilter("ignore")
    kind = kind_of(name)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    with tempfile.TemporaryDirectory(prefix="fuzz-") as folder, _printing_nothing():
        path = Path(folder) / f"input{kind.suffix}"
        connection.send("ready")
        while True:
            path.write_bytes(connection.recv_bytes())
            signal.setitimer(signal.ITIMER_PROF, seconds)  # its signal ends the process, whatever that is at
            end = _end(kind.use, path)
            signal.setitimer(signal.ITIMER_PROF, 0)
            connection.send(end)


@contextmanager
def _printing_nothing() -> Iterator[None]:
    with Path("/dev/null").open("w") as nothing:
        sys.stdout = sys.stderr = nothing
        yield


def _end(use: object, path: Path) -> str:
    try:
        use(path)  # type: ignore[operator]
    except EpochgraphError as error:
        return _as_line(error)
    except BaseException as error:
        where = traceback.extract_tb(error.__traceback__)[-1]
        place = f"{Path(where.filename).name}:{where.lineno}"
        return f"{type(error).__name__} at {place}: {str(error)[:150]!r}"
    return READ


def _as_line(error: EpochgraphError) -> str:
    """Whether an error is one line that can be printed."""
    try:
        line = str(error)
        line.encode()
    except UnicodeError:
        return "an error that cannot be printed"
    return REFUSED if "\n" not in line else "an error of several lines"
