"""What formats of one file an image share: names below the folder around it all, contents in the archive's order."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from epochgraph.errors import UnreadableFileError
from epochgraph.zoo.archives import HIDDEN, FileTree
from epochgraph.zoo.sources.image_set import Content, Contents, LabelledImage

PARTS = frozenset({"train", "test", "val"})
"""Folders that are a part of a data set, and so never the one around it all."""

LARGEST_FILE = 2**26
"""Bytes of one image file; a larger one is no training image, but may be an attack on the memory."""

Parts = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Names:
    """The names in a tree, without the one folder around everything, if there is one, and without what is hidden.

    Attributes:
        root: That folder; empty if there is none.
        files: The parts of a file's name below it -> the file's name in the tree.
        folders: The parts of each folder's name.
    """

    root: str
    files: dict[Parts, str]
    folders: frozenset[Parts]


def names(tree: FileTree) -> Names:
    """Find the folder around everything, and the names below it."""
    files = {parts: name for name in tree.files if (parts := _visible(name))}
    folders = [parts for name in tree.folders if (parts := _visible(name))]
    tops = {parts[0] for parts in files if len(parts) > 1}
    if len(tops) != 1 or not tops.isdisjoint(PARTS):
        return Names("", files, frozenset(folders))
    root = tops.pop()
    below = {parts[1:]: name for parts, name in files.items() if parts[0] == root and len(parts) > 1}
    return Names(root, below, frozenset(parts[1:] for parts in folders if parts[0] == root))


def _visible(name: str) -> Parts:
    """The parts of a name; none if it is hidden."""
    parts = PurePosixPath(name).parts
    return () if any(part.startswith(HIDDEN) for part in parts) else parts


def contents_of(path: Path, tree: FileTree, images: Sequence[LabelledImage]) -> Contents:
    """Read image files in the order in which the tree has them: a compressed archive is slow in any other."""

    def contents(wanted: Collection[int]) -> Iterator[tuple[int, Content]]:
        indices = {images[index].name: index for index in wanted}
        for name in tree.files:
            if name in indices:
                yield indices[name], content(path, tree, name, at_most=LARGEST_FILE)

    return contents


def content(path: Path, tree: FileTree, name: str, *, at_most: int) -> bytes:
    """The content of a file, unless it is too large.

    Raises:
        UnreadableFileError: It is larger than `at_most` bytes, or cannot be read.
    """
    if tree.files[name] > at_most:
        found = f"has {tree.files[name]} bytes, more than the {at_most} that such a file may have"
        raise UnreadableFileError(path / name, found, "Remove it.")
    return tree.read(name)
