"""Where the checkpoints of a run lie, what lies beside them, and what the run is called."""

import os
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

from epochgraph.checkpoints.archive import exists, readable
from epochgraph.errors import SettingError

INNER_FOLDERS = frozenset(
    ["checkpoints", "checkpoint", "ckpts", "ckpt", "weights", "models", "model", "snapshots", "saved_models"]
)
"""Folders that trainers make inside that of a run: they do not tell one run from another."""

_LOGGED = ("version_*/", "*/version_*/")  # where Lightning's loggers write, if it is not the run's own folder


def run_name(path: Path) -> str:
    """The name of a run: that of the folder which tells it from others, `version_3` of `version_3/checkpoints`.

    The folder `.` has a name, too, and so has a link that leads to itself.
    """
    return _folder(path).name


def run_names(paths: Sequence[Path]) -> dict[Path, str]:
    """A name of its own for each run: where folders have the same name, with those above that tell them apart.

    Raises:
        SettingError: Two are the same folder.
    """
    places = {path: _folder(path) for path in paths}
    names = {path: _name_among(place, set(places.values()) - {place}) for path, place in places.items()}
    taken = list(names.values())
    twice = [name for name in taken if taken.count(name) > 1]
    if twice:
        raise SettingError("the runs", twice[0], "folders of different names")
    return names


def beside(path: Path, name: str) -> Path:
    """The file of a name that belongs to a run: beside its checkpoints, or in the run's own folder above.

    Args:
        path: The folder of the checkpoints, or one of them.
        name: Such as metrics.csv.

    Returns:
        Its path; where there is none, that beside the checkpoints.

    Raises:
        UnreadableFileError: A folder cannot be looked at.
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
    """The file where a logger of Lightning wrote it, if there is just one."""
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
