"""A whole population, trained by several processes into one folder, where every finished run is safe."""

import json
import multiprocessing
import os
import platform
import queue
import signal
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from filelock import FileLock, Timeout

from epochgraph.errors import EpochgraphError, OutputError, ZooError
from epochgraph.files import atomic_write
from epochgraph.zoo.datasets import Split
from epochgraph.zoo.recipe import Recipe, parse_recipe
from epochgraph.zoo.running import Places, run_name, train_run
from epochgraph.zoo.settings import TrainingSettings

RECIPE, SITTINGS, LOCK = "recipe.toml", "sittings.jsonl", ".lock"

MALLOC = "glibc.malloc.mmap_threshold=1073741824:glibc.malloc.trim_threshold=4294967296:glibc.malloc.top_pad=67108864"
"""Let the C library keep the memory of a step for the next one instead of fetching it from the system page by page: a
seventh more LeNet images a second."""

ReadSplit = Callable[[], Split]


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


@dataclass(frozen=True, slots=True)
class Status:
    """How far a population is.

    Attributes:
        recipe: What it is made of.
        finished: Names of the runs that are done.
        failed: Names of the runs that failed, and why.
        missing: Settings of the runs that are not done, failed ones among them.
    """

    recipe: Recipe
    finished: tuple[str, ...]
    failed: dict[str, str]
    missing: tuple[TrainingSettings, ...]


def open_population(folder: Path, recipe: Recipe, text: str) -> None:
    """Make a folder the place of a population, or see that it is.

    Raises:
        ZooError: It is that of another recipe.
        OutputError: It cannot be written.
    """
    path = folder / RECIPE
    if path.exists():
        if parse_recipe(path.read_text("utf-8"), path) != recipe:
            raise ZooError(folder, "it holds runs of another recipe", "Give this recipe a folder of its own.")
        return
    with atomic_write(path) as temporary:
        temporary.write_text(text, "utf-8")


def status(folder: Path, limit: int | None = None) -> Status:
    """How far the population in a folder is.

    Raises:
        ZooError: There is none.
    """
    path = folder / RECIPE
    if not path.exists():
        raise ZooError(folder, "it holds no population (recipe.toml is missing)", "Start one with `zoo train`.")
    recipe = parse_recipe(path.read_text("utf-8"), path)
    places = Places(folder)
    wanted = {run_name(settings): settings for settings in recipe.settings()[:limit]}
    finished = tuple(name for name in wanted if places.run(name).exists())
    failures = {name: places.failure(name) for name in wanted if name not in finished}
    failed = {name: json.loads(file.read_text("utf-8"))["error"] for name, file in failures.items() if file.exists()}
    return Status(recipe, finished, failed, tuple(s for name, s in wanted.items() if name not in finished))


def train_population(
    folder: Path,
    read_split: ReadSplit,
    *,
    limit: int | None = None,
    workers: int = 1,
    threads: int = 1,
    checkpoints: bool = False,
) -> Iterator[Event]:
    """Train what is missing of the population in a folder; what is finished stays, whatever happens.

    Each run is trained by one process on `threads` cores. A run that was interrupted goes on from its last saved epoch
    and ends in the same numbers as an undisturbed one, on the same machine with the same number of threads.

    Args:
        folder: Of `open_population`.
        read_split: Reads the images, in every process.
        limit: Train only so many of the recipe's runs, the first of its order.
        workers: Processes.
        threads: Cores of each.
        checkpoints: Whether to keep all weights of every snapshot.

    Yields:
        Every epoch that a run has reached, and its end.

    Raises:
        ZooError: Another process trains into the folder, or a process was killed.
        OutputError: The folder cannot be written, or the disk is full.
    """
    todo = status(folder, limit)
    with _locked(folder):
        _note_sitting(folder, workers=workers, threads=threads)
        settings = todo.missing
        yield from _trained(_Job(folder, todo.recipe, read_split, threads, checkpoints), settings, workers)


@dataclass(frozen=True, slots=True)
class _Job:
    """What every process of a population is told."""

    folder: Path
    recipe: Recipe
    read_split: ReadSplit
    threads: int
    checkpoints: bool


def _trained(job: _Job, settings: Sequence[TrainingSettings], workers: int) -> Iterator[Event]:
    spawn = multiprocessing.get_context("spawn")  # a forked process would inherit torch's threads in a broken state
    events = spawn.Queue()
    workers = max(1, min(workers, len(settings)))
    with _environment(GLIBC_TUNABLES=MALLOC):
        pool = ProcessPoolExecutor(workers, spawn, initializer=_prepare, initargs=(job, events))
        pending = {pool.submit(_train_one, one) for one in settings}
    try:
        while pending:
            done, pending = wait(pending, timeout=0.5, return_when=FIRST_COMPLETED)
            yield from _drained(events)
            for future in done:
                yield _outcome(future, job.folder)
    finally:
        _stop(pool)


def _stop(pool: ProcessPoolExecutor) -> None:
    """End the processes at once: what they were at goes on another time."""
    processes = list((pool._processes or {}).values())  # noqa: SLF001 - Python 3.14 has a method for it
    pool.shutdown(wait=False, cancel_futures=True)
    for process in processes:
        process.kill()
    for process in processes:
        process.join()


def _drained(events: Any) -> Iterator[Event]:
    while True:
        try:
            yield events.get_nowait()
        except queue.Empty:
            return


def _outcome(future: "Future[Event]", folder: Path) -> Event:
    try:
        return future.result()
    except BrokenProcessPool as error:
        advice = "If the memory was too small, use fewer --workers; then start the same command again."
        raise ZooError(folder, "a worker process was killed", advice) from error


_jobs: list[tuple[_Job, Split, Any]] = []
"""In a worker process, what it works on: read once, not for every run."""


def _prepare(job: _Job, events: Any) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides on the end of its workers
    threading.Thread(target=_end_with_parent, daemon=True).start()
    torch.set_num_threads(job.threads)
    _jobs.append((job, job.read_split(), events))


def _end_with_parent() -> None:
    """End this process when its parent does, even if that is killed: nobody would wait for the results."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
    os._exit(1)


def _train_one(settings: TrainingSettings) -> Event:
    job, split, events = _jobs[-1]
    name, places = run_name(settings), Places(job.folder)
    try:
        train_run(
            job.recipe,
            split,
            settings,
            places,
            advance=lambda epoch: events.put(Event(name, epoch)),
            checkpoints=job.checkpoints,
        )
    except OutputError:
        raise  # the next run could not be written either
    except Exception as error:
        found = str(error) if isinstance(error, EpochgraphError) else f"{type(error).__name__}: {error}"
        document = {"run": name, "error": " ".join(found.split()), "traceback": traceback.format_exc()}
        with atomic_write(places.failure(name)) as path:
            path.write_text(json.dumps(document, indent=1), "utf-8")
        return Event(name, error=document["error"])
    return Event(name, float(settings.epochs), finished=True)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Let no other process train into the folder; a lock ends with its process, however that ends."""
    lock = FileLock(folder / LOCK)
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        raise ZooError(folder, "another process is training into it", "Wait for it, or stop it.") from error
    except OSError as error:
        raise OutputError(folder / LOCK, error.strerror or str(error)) from error
    try:
        yield
    finally:
        lock.release()


def _note_sitting(folder: Path, **options: int) -> None:
    """Add to the record of what the runs were trained on."""
    sitting = {
        "started": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        **{name: version(name) for name in ("epochgraph", "torch", "numpy", "scipy")},
        **options,
    }
    path = folder / SITTINGS
    known = path.read_text("utf-8") if path.exists() else ""
    with atomic_write(path) as temporary:
        temporary.write_text(known + json.dumps(sitting) + "\n", "utf-8")


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
        return next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


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
