"""Names of files -> which image belongs to which class, for training or for the test."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from epochgraph.errors import UnreadableFileError
from epochgraph.zoo.archives import FileTree

FOLDERS = frozenset({"train", "test", "val"})

ADVICE = "Put every image into train/<class>/, or into test/<class>/ (or val/<class>/)."


@dataclass(frozen=True, slots=True)
class Layout:
    """The image files of a data set that has one folder a class.

    Attributes:
        classes: Names of the classes, sorted.
        train: For each class, the names of its training images, sorted.
        test: For each class, the names of its test images, sorted.
    """

    classes: tuple[str, ...]
    train: tuple[tuple[str, ...], ...]
    test: tuple[tuple[str, ...], ...]


def layout(path: Path, tree: FileTree, *, limit_per_class: int | None = None) -> Layout:
    """Find the images of a folder or archive by the names alone.

    Args:
        path: The folder or archive, for the errors.
        tree: Its files.
        limit_per_class: Take at most that many images of each class for training, and as many for the test: evenly
            spaced, because neighbours in a folder are often alike.

    Raises:
        UnreadableFileError: `train`, or both `test` and `val`, are missing, or a class has too few images: it needs two
            to train, of which one can be held out, and one to test.
    """
    root, found = _found(tree)
    judged = "val" if "test" not in found and "val" in found else "test"
    for folder in ("train", judged):
        if folder not in found:
            raise UnreadableFileError(path / root, f"has no folder {folder}/<class>/", ADVICE)
    classes = tuple(sorted({*found["train"], *found[judged]}))
    for folder, least in (("train", 2), (judged, 1)):
        for name in classes:
            count = len(found[folder].get(name, ()))
            if count < least:
                advice = f"Every class needs at least {least} there. {ADVICE}"
                raise UnreadableFileError(path / root / folder / name, f"has {count} images of its class", advice)
    train, test = (
        tuple(_spread(found[folder][name], limit_per_class) for name in classes) for folder in ("train", judged)
    )
    return Layout(classes, train, test)


def _found(tree: FileTree) -> tuple[str, dict[str, dict[str, list[str]]]]:
    """The folder around everything if there is one; and folder (train, test, val) -> class -> names of its files."""
    files, folders = _visible(tree.files), _visible(tree.folders)
    tops = {parts[0] for parts in files.values() if len(parts) > 1}
    root = tops.pop() if len(tops) == 1 and tops.isdisjoint(FOLDERS) else ""
    start = 1 if root else 0
    found: dict[str, dict[str, list[str]]] = {}
    for parts in folders.values():
        if len(parts) == start + 2 and parts[start] in FOLDERS:
            found.setdefault(parts[start], {})[parts[start + 1]] = []
    for name, parts in files.items():
        if len(parts) == start + 3 and parts[start] in FOLDERS:
            found.setdefault(parts[start], {}).setdefault(parts[start + 1], []).append(name)
    return root, found


def _visible(names: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Name -> its parts, without what operating systems hide: .DS_Store, __MACOSX."""
    split = {name: PurePosixPath(name).parts for name in names}
    return {name: parts for name, parts in split.items() if parts and not _hidden(parts)}


def _hidden(parts: Sequence[str]) -> bool:
    return any(part.startswith((".", "__MACOSX")) for part in parts)


def _spread(names: list[str], limit: int | None) -> tuple[str, ...]:
    """At most `limit` of the names, sorted and evenly spaced."""
    ordered, count = sorted(names), len(names)
    if limit is None or limit >= count:
        return tuple(ordered)
    return tuple(ordered[n * count // limit] for n in range(limit))
