"""Paths -> the labelled images of a data set, whatever its format; one format a file."""

import hashlib
import json
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from epochgraph.zoo.archives import FileTree, check_exists, intact, open_tree
from epochgraph.zoo.sources.cifar import cifar_set
from epochgraph.zoo.sources.folders import folder_set
from epochgraph.zoo.sources.image_set import Content, ImageSet, ImageSource, LabelledImage, joined
from epochgraph.zoo.sources.parquet import SUFFIX, parquet_set, parquet_source
from epochgraph.zoo.sources.tiny_imagenet import tiny_imagenet_set

__all__ = ["Content", "ImageSource", "LabelledImage", "fingerprint", "open_source"]


@contextmanager
def open_source(paths: Sequence[Path]) -> Iterator[ImageSource]:
    """Lend the images of some paths as one data set.

    Args:
        paths: At least one folder or archive; Parquet files that are named one by one belong together.

    Yields:
        The images to train, class by class, and then those to test. None is read yet.

    Raises:
        UnreadableFileError: A path is missing, damaged, or of no known format; also from `contents`.
    """
    single = [path for path in paths if _is_parquet(path)]
    with ExitStack() as stack:
        sources = [parquet_source(single[0], single)] if single else []
        others = [path for path in paths if path not in single]
        sources += [_recognised(path, stack.enter_context(open_tree(path))).source() for path in others]
        yield joined(sources)


def _is_parquet(path: Path) -> bool:
    return path.suffix == SUFFIX and path.is_file()


def _recognised(path: Path, tree: FileTree) -> ImageSet:
    for format_ in (parquet_set, cifar_set, tiny_imagenet_set):
        found = format_(path, tree)
        if found is not None:
            return found
    return folder_set(path, tree)


def fingerprint(paths: Sequence[Path]) -> str:
    """A hash of all that decides on the images of some paths, so that other content never has the same.

    Of an archive it is the content, whatever its name; of a folder, the names and contents of the files in use.

    Raises:
        UnreadableFileError: A path is missing, of no known format, or cannot be read.
    """
    return hashlib.sha256(json.dumps([_marks(path) for path in paths]).encode()).hexdigest()


def _marks(path: Path) -> object:
    """What is hashed of one path; of an empty folder, which may be a class, its name."""
    check_exists(path)
    if not path.is_dir():
        return path.name if _is_parquet(path) else None, _hash(path)
    with open_tree(path) as tree:
        names = sorted(_recognised(path, tree).made_of)
    return [(name, _hash(path / name) if (path / name).is_file() else None) for name in names]


def _hash(file: Path) -> str:
    with intact(file), file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()
