"""Paths -> the labelled images of a data set, whatever its format; one format a file."""

import hashlib
import json
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from epochgraph.zoo.archives import FileTree, check_exists, intact, open_tree
from epochgraph.zoo.sources.cifar import cifar_source
from epochgraph.zoo.sources.folders import folder_source
from epochgraph.zoo.sources.parquet import SUFFIX, parquet_files, parquet_source
from epochgraph.zoo.sources.structure import Content, LabelledImage, Source, joined
from epochgraph.zoo.sources.tiny_imagenet import tiny_imagenet_source

__all__ = ["Content", "LabelledImage", "Source", "fingerprint", "open_source"]


@contextmanager
def open_source(paths: Sequence[Path]) -> Iterator[Source]:
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
        sources = [parquet_files(single[0], single)] if single else []
        others = [path for path in paths if path not in single]
        sources += [_recognised(path, stack.enter_context(open_tree(path))) for path in others]
        yield joined(sources)


def _is_parquet(path: Path) -> bool:
    return path.suffix == SUFFIX and path.is_file()


def _recognised(path: Path, tree: FileTree) -> Source:
    for format_ in (parquet_source, cifar_source, tiny_imagenet_source):
        source = format_(path, tree)
        if source is not None:
            return source
    return folder_source(path, tree)


def fingerprint(paths: Sequence[Path]) -> str:
    """A hash of all that decides on the images of some paths, so that other content never has the same.

    Of an archive it is the content, whatever its name; of a folder, the names and contents of the files in use.

    Raises:
        UnreadableFileError: A path is missing, of no known format, or cannot be read.
    """
    return hashlib.sha256(json.dumps([_marks(path) for path in paths]).encode()).hexdigest()


def _marks(path: Path) -> object:
    """What is hashed of one path."""
    check_exists(path)
    if not path.is_dir():
        return path.name if _is_parquet(path) else None, _hash(path)
    with open_source([path]) as source:
        return source.classes, [(name, _hash(path / name)) for name in sorted(source.files)]


def _hash(file: Path) -> str:
    with intact(file), file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()
