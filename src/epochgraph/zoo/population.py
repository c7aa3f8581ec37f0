"""The folder of a population: its recipe, what is finished, what it was trained on."""

import json
import os
import platform
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from filelock import FileLock, Timeout

from epochgraph import __version__
from epochgraph.checkpoints.archive import readable
from epochgraph.errors import OutputError, UnreadableFileError, ZooError
from epochgraph.files import atomic_write
from epochgraph.runs import Run, read_stored_run
from epochgraph.zoo.recipe import parse_recipe
from epochgraph.zoo.running import AnyRecipe, PopulationFolder, Settings

RECIPE, SITTINGS, LOCK = "recipe.toml", "sittings.jsonl", ".lock"

Sitting = dict[str, int | str]
"""The data, machine and versions that some runs were trained with."""


@dataclass(frozen=True, slots=True)
class Status:
    """The progress of a population.

    Attributes:
        recipe: Its recipe.
        finished: Names of the runs that are done.
        failed: Names of the runs that failed, and why.
        missing: Settings of the runs that are not done, including failed ones.
    """

    recipe: AnyRecipe
    finished: tuple[str, ...]
    failed: dict[str, str]
    missing: tuple[Settings, ...]


def open_population(folder: Path, recipe: AnyRecipe, text: str) -> None:
    """Make a folder the home of a population, or check that it is.

    Raises:
        ZooError: It belongs to another recipe.
        UnreadableFileError: It cannot be read.
        OutputError: It cannot be written.
    """
    path = folder / RECIPE
    known = _text(path)
    if known is not None:
        if parse_recipe(known, path) != recipe:
            raise ZooError(folder, "it holds runs of another recipe", "Give this recipe a folder of its own.")
        return
    with atomic_write(path) as temporary:
        temporary.write_text(text, "utf-8")


def status(folder: Path, limit: int | None = None) -> Status:
    """The progress of the population in a folder.

    Raises:
        ZooError: There is none.
        UnreadableFileError: It cannot be read.
    """
    path = folder / RECIPE
    text = _text(path)
    if text is None:
        raise ZooError(folder, "it holds no population (recipe.toml is missing)", "Start one with `zoo train`.")
    recipe = parse_recipe(text, path)
    places = PopulationFolder(folder)
    wanted = {settings.name: settings for settings in recipe.settings()[:limit]}
    finished = tuple(name for name in wanted if places.run(name).exists())
    failures = {name: _text(places.failure(name)) for name in wanted if name not in finished}
    failed = {name: json.loads(failure)["error"] for name, failure in failures.items() if failure is not None}
    return Status(recipe, finished, failed, tuple(s for name, s in wanted.items() if name not in finished))


def _text(path: Path) -> str | None:
    """What a file says; None if there is none."""
    try:
        with readable(path):
            return path.read_text("utf-8") if path.exists() else None
    except UnicodeDecodeError as error:
        raise UnreadableFileError(path, "it is no text", "Remove it, or copy it again.") from error


def finished_runs(folder: Path, now: Status) -> list[Run]:
    """Read the runs of a population that are done.

    Raises:
        UnreadableFileError: One of them is damaged.
    """
    places = PopulationFolder(folder)
    return [read_stored_run(places.run(name)) for name in sorted(now.finished)]


def finished_since(folder: Path, now: Status, moment: float) -> int:
    """How many runs have finished since a time, given in seconds of the system's clock."""
    places = PopulationFolder(folder)
    return sum(places.run(name).stat().st_mtime >= moment for name in now.finished)


def training_seconds(run: Run) -> float:
    """How long the steps of all epochs took; a report within an epoch holds the time of that epoch so far."""
    return float(run.metrics["seconds"].loc[run.metrics.index % 1 == 0].sum())


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Keep other processes from training into the folder; the lock ends with its process, however that ends."""
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


def sittings(folder: Path) -> list[Sitting]:
    """What the runs of a population were trained with: one for each time that training started or resumed.

    Raises:
        UnreadableFileError: Its record is damaged.
    """
    path = folder / SITTINGS
    return parse_sittings(_text(path) or "", path)


def parse_sittings(text: str, path: Path) -> list[Sitting]:
    """Read the record of a population's sittings from its text.

    Raises:
        UnreadableFileError: It is damaged.
    """
    try:
        found = [json.loads(line) for line in text.splitlines()]
    except (ValueError, RecursionError):
        found = [None]
    if not all(isinstance(sitting, dict) and "started" in sitting for sitting in found):
        advice = "Take its runs out of an earlier copy, or train them anew."
        raise UnreadableFileError(path, f"the record of what its runs were trained on ({SITTINGS}) is damaged", advice)
    return found


def sittings_text(found: Sequence[Sitting]) -> str:
    """The text that `parse_sittings` reads."""
    return "".join(json.dumps(sitting) + "\n" for sitting in found)


def check_images(folder: Path, images: str | None = None) -> None:
    """Check that a population uses these images.

    Args:
        folder: The population's folder; without a record of its images, nothing is checked.
        images: Their digest; None if there is none.

    Raises:
        ZooError: It uses others.
    """
    for earlier in sittings(folder) if images else ():
        if earlier.get("images", images) != images:
            found = f"its runs are of other images, or of another order (digest {earlier['images']}, not {images})"
            advice = (
                f"Give the same files, decoded by the Pillow that {SITTINGS} tells, or these a folder of their own."
            )
            raise ZooError(folder, found, advice)


def add_sittings(folder: Path, added: Sequence[Sitting]) -> None:
    """Add what is missing to the record of what the runs were trained with.

    Raises:
        OutputError: It cannot be written.
    """
    known = sittings(folder)
    text = sittings_text([*known, *(sitting for sitting in added if sitting not in known)])
    with atomic_write(folder / SITTINGS) as temporary:
        temporary.write_text(text, "utf-8")


def note_sitting(folder: Path, **options: int | str) -> None:
    """Add this machine and these options to the record of what the runs were trained with."""
    sitting: Sitting = {
        "started": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "processor": _processor(),
        "cores": os.cpu_count() or 1,
        "python": platform.python_version(),
        "epochgraph": __version__,
        **{name: version(name) for name in ("torch", "numpy", "scipy", "pillow")},
        **options,
    }
    add_sittings(folder, [sitting])


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
        return next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()
