"""Whether a stored run is what would be extracted now."""

from pathlib import Path

from epochgraph.checkpoints.archive import exists
from epochgraph.commands.reading import SETTINGS_FILE, Reading
from epochgraph.errors import SettingError, UnreadableFileError
from epochgraph.extraction import PREFIX, Extraction, extraction
from epochgraph.runs import Run, read_stored_run

FORCE = "Give `--force` to extract it anew."


def current(path: Path, target: Path, how: Extraction, read: Reading) -> Run:
    """The stored run, if extracting it now would give the same; one whose checkpoints are gone is taken as it is.

    Raises:
        UnreadableFileError: It was extracted with other options, or before its metrics, settings or checkpoints came.
    """
    try:
        stored = read_stored_run(target)
        found = None if extraction(stored.settings) == how else _difference(extraction(stored.settings), how)
    except (UnreadableFileError, SettingError) as error:
        raise UnreadableFileError(target, f"it is no stored run ({error})", FORCE) from error
    if found is None and exists(path):
        found = _newer(stored, path, read)
    if found is not None:
        raise UnreadableFileError(target, found, FORCE)
    return stored


def _difference(stored: Extraction, how: Extraction) -> str:
    """How a stored run was extracted otherwise than is asked for."""
    before, now = stored.settings(), how.settings()
    parts = [f"{n.removeprefix(PREFIX)} {before[n]!r}, not {now[n]!r}" for n in now if before[n] != now[n]]
    return f"it was extracted with other options: {'; '.join(parts)}"


def _newer(stored: Run, path: Path, read: Reading) -> str | None:
    """What has come beside the checkpoints, or changed there, since a run was stored."""
    checkpoints = read.checkpoints(path)
    log, settings = read.recorded(checkpoints)
    times = [time for time in checkpoints.epochs if time is not None]
    if times and times != stored.signature.times.tolist():
        return f"it has the checkpoints up to epoch {stored.signature.times[-1]:g}, and there are {len(times)} now"
    if log.path is not None and not log.metrics.equals(stored.metrics):
        return f"{log.path.name} has come or changed since it was extracted"
    own = {name: value for name, value in stored.settings.items() if not name.startswith(PREFIX)}
    return f"{SETTINGS_FILE} has come or changed since it was extracted" if settings and settings != own else None
