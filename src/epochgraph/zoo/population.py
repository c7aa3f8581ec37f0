"""The folder of a population: its recipe, what is finished, what it was trained on."""

import json
import os
import platform
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from filelock import FileLock, Timeout

from epochgraph.errors import OutputError, ZooError
from epochgraph.files import atomic_write
from epochgraph.runs import Run, read_stored_run
from epochgraph.zoo.recipe import Recipe, parse_recipe
from epochgraph.zoo.running import Places, run_name
from epochgraph.zoo.settings import TrainingSettings

RECIPE, SITTINGS, LOCK = "recipe.toml", "sittings.jsonl", ".lock"


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


def finished_runs(folder: Path, now: Status) -> list[Run]:
    """Read the runs of a population that are done.

    Raises:
        UnreadableFileError: One of them is damaged.
    """
    places = Places(folder)
    return [read_stored_run(places.run(name)) for name in sorted(now.finished)]


def training_seconds(run: Run) -> float:
    """How long the steps of all epochs took; a report within an epoch tells what the epoch has taken so far."""
    return float(run.metrics["seconds"].loc[run.metrics.index % 1 == 0].sum())


@contextmanager
def locked(folder: Path) -> Iterator[None]:
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


def sittings(folder: Path) -> list[dict[str, int | str]]:
    """What the runs of a population were trained on: an object for each time that training began or went on."""
    path = folder / SITTINGS
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()] if path.exists() else []


def check_images(folder: Path, images: str) -> None:
    """See that a population is of these images.

    Args:
        folder: Of the population; of one without a record of its images, nothing can be said.
        images: Their digest.

    Raises:
        ZooError: It is of others.
    """
    for earlier in sittings(folder):
        if earlier.get("images", images) != images:
            found = f"its runs were trained on other images (digest {earlier['images']}, not {images})"
            raise ZooError(folder, found, "Give the same data, or these a folder of their own.")


def note_sitting(folder: Path, **options: int | str) -> None:
    """Add to the record of what the runs were trained on."""
    sitting = {
        "started": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        **{name: version(name) for name in ("epochgraph", "torch", "numpy", "scipy")},
        **options,
    }
    with atomic_write(folder / SITTINGS) as temporary:
        lines = [json.dumps(one) + "\n" for one in (*sittings(folder), sitting)]
        temporary.write_text("".join(lines), "utf-8")


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
        return next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()
