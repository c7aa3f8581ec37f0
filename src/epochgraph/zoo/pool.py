"""A population trained by several processes into its folder, where every finished run is kept."""

import json
import math
import multiprocessing
import os
import queue
import signal
import threading
import traceback
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from epochgraph.errors import EpochgraphError, OutputError, ZooError
from epochgraph.files import atomic_write
from epochgraph.zoo.ensemble import groups
from epochgraph.zoo.population import Status, check_images, locked, note_sitting, status
from epochgraph.zoo.resources import ONE_CORE, Resources
from epochgraph.zoo.running import AnyRecipe, Data, PopulationFolder, Settings, saved_runs, train_runs
from epochgraph.zoo.settings import TrainingSettings
from epochgraph.zoo.sweeps.running import Seams

MALLOC = "glibc.malloc.mmap_threshold=1073741824:glibc.malloc.trim_threshold=4294967296:glibc.malloc.top_pad=67108864"
"""Let the C library keep the memory of a step for the next one instead of requesting it from the system page by page:
a seventh more LeNet images per second."""

PATIENCE = 10.0
"""Seconds to wait for the thread of a pool whose processes have ended."""

ReadData = Callable[[], Data]
Group = tuple[Settings, ...]


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to a run.

    Attributes:
        run: Its name.
        epoch: The epoch that it has reached.
        finished: Whether its file has been written.
        error: Why it failed, if it did; the others go on.
    """

    run: str
    epoch: float = 0.0
    finished: bool = False
    error: str | None = None


def train_population(
    folder: Path,
    read_data: ReadData,
    *,
    limit: int | None = None,
    resources: Resources = ONE_CORE,
    checkpoints: bool = False,
) -> Generator[Event, None, None]:
    """Train the missing runs of the population in a folder; finished runs are kept, whatever happens.

    Each run is trained by one process. An interrupted run resumes from its last saved epoch and ends in the same
    numbers as an uninterrupted one, on a CPU of the same machine with the same number of threads.

    A process may train several networks of the same width side by side, so that a GPU is busy (see `Ensemble`). They
    begin and end together, and if one fails, all do; after an interruption they stay together, unless one has failed.

    Args:
        folder: A folder opened by `open_population`.
        read_data: Reads the images of a grid, or finds the tasks of sweeps, in this process and in every other.
        limit: Train only this many of the recipe's runs, the first of its order.
        resources: What to train with.
        checkpoints: Whether to keep all weights of every snapshot.

    Yields:
        Every epoch that a run has reached, and its end.

    Raises:
        ZooError: Another process trains into the folder, its runs use other images, or a process was killed.
        OutputError: The folder cannot be written, or the disk is full.
    """
    with locked(folder):
        PopulationFolder(folder).sweep()
        data = read_data()
        noted = {} if isinstance(data, Seams) else {"images": data.digest()}  # sweeps note the digest of each task
        check_images(folder, **noted)
        todo = status(folder, limit)
        if todo.missing:
            note_sitting(folder, **noted, **resources.noted())
            job = _Job(folder, todo.recipe, read_data, resources, checkpoints)
            yield from _trained(job, planned(folder, todo, resources))


@dataclass(frozen=True, slots=True)
class _Job:
    """What every process of a population needs to know."""

    folder: Path
    recipe: AnyRecipe
    read_data: ReadData
    resources: Resources
    checkpoints: bool


def planned(folder: Path, todo: Status, resources: Resources) -> list[Group]:
    """The runs that each call of a process trains: first the interrupted ones, in their groups; then the others."""
    known = {own.name: own for own in todo.recipe.settings()}
    missing = {own.name: own for own in todo.missing}
    free = {*missing, *todo.finished}
    interrupted = []
    for state in PopulationFolder(folder).states():
        names = saved_runs(state, resources.device)
        if missing.keys() & set(names) and free >= set(names) and not todo.failed.keys() & set(names):
            interrupted.append(tuple(known[name] for name in names))
            free -= set(names)
    others = [own for name, own in missing.items() if name in free]
    size = resources.together
    if resources.device != "cpu":  # while one process records its snapshots, another keeps the GPU busy
        size = min(size, max(1, math.ceil(len(others) / resources.workers)))
    if size == 1:
        return interrupted + [(own,) for own in others]
    return interrupted + groups([own for own in others if isinstance(own, TrainingSettings)], size)


def _trained(job: _Job, settings: Sequence[Group]) -> Iterator[Event]:
    spawn = multiprocessing.get_context("spawn")  # a forked process would inherit torch's threads in a broken state
    with _unheard():
        events = spawn.Queue()
    workers = max(1, min(job.resources.workers, len(settings)))
    pool = ProcessPoolExecutor(workers, spawn, initializer=_prepare, initargs=(job, events))
    try:
        with _environment(GLIBC_TUNABLES=MALLOC), _unheard():  # now the processes start
            pending = {pool.submit(_train_group, group) for group in settings}
        while pending:
            done, pending = wait(pending, timeout=0.5, return_when=FIRST_COMPLETED)
            yield from _drained(events)
            for future in done:
                yield from _outcome(future, job.folder)
    finally:
        _stop(pool)


def _stop(pool: ProcessPoolExecutor) -> None:
    """End the processes immediately: their work is resumed another time.

    The pool's own thread notices and ends, too. If it were still closing its pipes when Python ends, Python would
    complain that it cannot write to them.
    """
    thread: Any = pool._executor_manager_thread  # noqa: SLF001 - after `shutdown` it is forgotten
    processes = list((pool._processes or {}).values())  # noqa: SLF001 - Python 3.14 has a method for it
    pool.shutdown(wait=False, cancel_futures=True)
    for process in processes:
        process.kill()
    for process in processes:
        process.join()
    if thread is not None:
        thread.join(PATIENCE)


def _drained(events: Any) -> Iterator[Event]:
    while True:
        try:
            yield events.get_nowait()
        except queue.Empty:
            return


def _outcome(future: "Future[list[Event]]", folder: Path) -> list[Event]:
    try:
        return future.result()
    except BrokenProcessPool as error:
        advice = "If the memory was too small, use fewer --workers; then start the same command again."
        raise ZooError(folder, "a worker process was killed", advice) from error


_jobs: list[tuple[_Job, Data, Any]] = []
"""In a worker process, the data: read once, not for every run."""


def _prepare(job: _Job, events: Any) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides when its workers end
    threading.Thread(target=_end_with_parent, daemon=True).start()
    torch.set_num_threads(job.resources.threads)
    _jobs.append((job, job.read_data(), events))


def _end_with_parent() -> None:
    """End this process when its parent does, even if the parent is killed: nobody would wait for the results."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
    os._exit(1)


def _train_group(settings: Group) -> list[Event]:
    job, data, events = _jobs[-1]
    places = PopulationFolder(job.folder)
    try:
        finished = train_runs(
            job.recipe,
            data,
            settings,
            places,
            advance=lambda name, epoch: events.put(Event(name, epoch)),
            device=job.resources.device,
            checkpoints=job.checkpoints,
        )
    except OutputError:
        raise  # the next runs could not be written either
    except Exception as error:
        found = str(error) if isinstance(error, EpochgraphError) else f"{type(error).__name__}: {error}"
        line, trace = " ".join(found.split()), traceback.format_exc()
        return [_failed(places, own.name, line, trace) for own in settings]
    return [Event(name, float(settings[0].epochs), finished=True) for name in finished]


def _failed(places: PopulationFolder, run: str, error: str, trace: str) -> Event:
    with atomic_write(places.failure(run)) as path:
        path.write_text(json.dumps({"run": run, "error": error, "traceback": trace}, indent=1), "utf-8")
    return Event(run, error=error)


@contextmanager
def _unheard() -> Iterator[None]:
    """Let processes that are started meanwhile ignore interrupts: the parent decides when they end.

    A terminal interrupts all of them, while they may still be importing. The parent gets the interrupt a moment later.
    """
    blocks = hasattr(signal, "pthread_sigmask")
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT}) if blocks else set()
    try:
        yield
    finally:
        if blocks:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def _environment(**variables: str) -> Iterator[None]:
    """Let processes that are started meanwhile have these variables, unless the user has set them."""
    added = {name: value for name, value in variables.items() if name not in os.environ}
    os.environ.update(added)
    try:
        yield
    finally:
        for name in added:
            del os.environ[name]
