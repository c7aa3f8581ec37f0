"""Models measured in processes of their own, a batch in each, so that none can harm the others."""

import os
import sys
import time
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess

import torch
from torch import nn

from benchmarks.coverage.libraries import Name, version
from benchmarks.coverage.measuring import limit_memory, measured
from benchmarks.coverage.rows import Row
from epochgraph.topology import trace


@dataclass(frozen=True, slots=True)
class Limits:
    """What a model may take.

    Attributes:
        seconds: Time to build and trace it.
        gibibytes: Memory of its process.
        start_seconds: For a process to begin and to import the library, added to the time of its first model.
    """

    seconds: float = 120.0
    gibibytes: float = 8.0
    start_seconds: float = 120.0


@dataclass(slots=True)
class Worker:
    """A process at work on a batch.

    Attributes:
        process: It.
        names: The models that it has not told of yet.
        deadline: When the first of them must be done, on the monotonic clock.
    """

    process: SpawnProcess
    names: deque[str]
    deadline: float


def rows(library: Name, names: Sequence[str], *, workers: int, batch: int, limits: Limits) -> Iterator[Row]:
    """The rows of the models as they come in.

    A model that takes too long is killed with its process, and the rest of its batch goes on in a new one.
    """
    waiting = deque(deque(names[begin : begin + batch]) for begin in range(0, len(names), batch))
    running: dict[Connection, Worker] = {}
    try:
        while waiting or running:
            while waiting and len(running) < workers:
                connection, worker = _started(library, waiting.popleft(), workers, limits)
                running[connection] = worker
            nearest = min(worker.deadline for worker in running.values())
            ready = wait(list(running), timeout=max(0.0, nearest - time.monotonic()))
            late = [c for c, worker in running.items() if c not in ready and worker.deadline <= time.monotonic()]
            for connection in [c for c in running if c in ready or c in late]:
                worker = running[connection]
                row = None if connection in late else _received(connection)
                yield row or _lost(library, worker, limits, late=connection in late)
                worker.names.popleft()
                worker.deadline = time.monotonic() + limits.seconds
                if row is None or not worker.names:
                    del running[connection]
                    _end(connection, worker)
                    waiting.extendleft([worker.names] if worker.names else [])
    finally:
        for connection, worker in running.items():
            _end(connection, worker)


def work(connection: Connection, library: Name, names: Sequence[str], threads: int, limits: Limits) -> None:
    """Measure models one after another and tell of each; the body of a process.

    What the libraries print goes nowhere. A first small trace warms up, for torch loads its tracers at their first use.
    """
    quiet = os.open(os.devnull, os.O_WRONLY)
    os.dup2(quiet, sys.stdout.fileno())
    os.dup2(quiet, sys.stderr.fileno())
    torch.set_num_threads(threads)
    limit_memory(limits.gibibytes)
    trace(nn.Linear(2, 2), torch.zeros(1, 2))
    for name in names:
        connection.send(measured(library, name))


def _started(library: Name, names: deque[str], workers: int, limits: Limits) -> tuple[Connection, Worker]:
    context = get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    threads = max(1, (os.cpu_count() or 1) // workers)
    process = context.Process(target=work, args=(theirs, library, tuple(names), threads, limits), daemon=True)
    process.start()
    theirs.close()  # so that the end of the process is the end of the pipe
    return ours, Worker(process, names, time.monotonic() + limits.start_seconds + limits.seconds)


def _received(connection: Connection) -> Row | None:
    """What the process tells; None if it is dead."""
    try:
        row = connection.recv()
    except EOFError:
        return None
    return row if isinstance(row, Row) else None


def _lost(library: Name, worker: Worker, limits: Limits, *, late: bool) -> Row:
    """The row of a model that took its process with it."""
    row = (library, worker.names[0], version(library))
    if late:
        return Row(*row, "out of time", seconds=limits.seconds, error=f"not done after {limits.seconds:g} s")
    worker.process.join()
    code = worker.process.exitcode
    killed = code == -9  # by the system, which does that to the one that takes the memory
    return Row(*row, "out of memory" if killed else "failed", error=f"the process ended with {code}")


def _end(connection: Connection, worker: Worker) -> None:
    connection.close()
    worker.process.kill()
    worker.process.join()
