"""Where the checkpoints of a run are, what is beside them, and the name of the run."""

import os
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

from epochgraph.checkpoints.archive import exists, readable
from epochgraph.errors import SettingError

INNER_FOLDERS = frozenset(
    ["checkpoints", "checkpoint", "ckpts", "ckpt", "weights", "models", "model", "snapshots", "saved_models"]
)
"""Folders that trainers create inside a run's folder: they do not identify a run."""

_LOGGED = ("version_*/", "*/version_*/")  # where Lightning's loggers write, if not to the run's own folder


def run_name(path: Path) -> str:
    """The name of a run: that of the folder that identifies it, `version_3` for `version_3/checkpoints`.

    The folder `.` has a name, too, and so does a link to itself.
    """
    return _folder(path).name


def run_names(paths: Sequence[Path]) -> dict[Path, str]:
    """A distinct name for each run: folders with the same name are prefixed by the folders above that distinguish them.

    Raises:
        SettingError: Two runs are the same folder.
    """
    places = {path: _folder(path) for path in paths}
    names = {path: _name_among(place, set(places.values()) - {place}) for path, place in places.items()}
    taken = list(names.values())
    twice = [name for name in taken if taken.count(name) > 1]
    if twice:
        raise SettingError("the runs", twice[0], "folders of different names")
    return names


def beside(path: Path, name: str) -> Path:
    """The file with a name that belongs to a run: beside its checkpoints, or in the run's own folder above.

    Args:
        path: The folder of the checkpoints, or one of them.
        name: Such as metrics.csv.

    Returns:
        Its path; if there is none, the one that it would have beside the checkpoints.

    Raises:
        UnreadableFileError: A folder cannot be read.
    """
    folder = path if path.is_dir() else path.parent
    candidates = [place / name for place in _run_folders(folder)]
    found = next((place for place in candidates if exists(place)), None)
    return found or _logged(candidates[-1].parent, name) or candidates[0]


def _run_folders(folder: Path) -> Iterator[Path]:
    """A folder of checkpoints, and the folders above it up to that of the run."""
    yield folder
    while _is_inner(folder):
        folder = folder.parent if folder.name not in ("", "..") else Path(os.path.realpath(folder)).parent
        yield folder


def _logged(folder: Path, name: str) -> Path | None:
    """The file that a Lightning logger wrote, if there is exactly one."""
    with readable(folder):
        found = [place for pattern in _LOGGED for place in folder.glob(pattern + name)]
    return found[0] if len(found) == 1 else None


def _folder(path: Path) -> Path:
    place = Path(os.path.realpath(path))
    while _is_inner(place) and place.parent.name:
        place = place.parent
    return place


def _is_inner(folder: Path) -> bool:
    return Path(os.path.realpath(folder)).name.lower() in INNER_FOLDERS


def _name_among(place: Path, others: Collection[Path]) -> str:
    """The shortest end of a path that no other path has."""
    parts = place.parts[1:]
    for count in range(1, len(parts) + 1):
        end = parts[-count:]
        if not any(other.parts[-count:] == end for other in others):
            return "-".join(end)
    return "-".join(parts)
