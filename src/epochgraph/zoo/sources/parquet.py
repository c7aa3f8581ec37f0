"""Parquet files as on the Hugging Face hub: a column of encoded images, one of labels, the part in the file's name."""

import json
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from epochgraph.errors import UnreadableFileError
from epochgraph.zoo.archives import FileTree, intact
from epochgraph.zoo.sources.files import names
from epochgraph.zoo.sources.image_set import Content, ImageSet, ImageSource, LabelledImage

SUFFIX = ".parquet"
IMAGES = ("image", "img")
LABELS = ("label", "fine_label")
TESTS = ("test", "validation", "valid", "val")
"""Words for images to test with, the best first."""

ROWS = 64
"""Rows that are read at once, if their file was written in groups no larger."""

ADVICE = "Give train-*.parquet and test-*.parquet (or validation-*.parquet) with images and integer labels."

_PART = re.compile(rf"({'|'.join(('train', *TESTS))})(?=[-.]|$)")


@dataclass(frozen=True, slots=True)
class Table:
    """What one file says before an image is read.

    Attributes:
        file: Its path.
        column: The column of images.
        labels: The class of each row.
        classes: Names of all classes that the file knows of.
    """

    file: Path
    column: str
    labels: Sequence[str]
    classes: Sequence[str]


def parquet_set(path: Path, tree: FileTree) -> ImageSet | None:
    """Find the Parquet files of a folder.

    Returns:
        Their images; None if there are no such files.

    Raises:
        UnreadableFileError: The files are those of several data sets; from `source`, as `parquet_source`.
    """
    found = [name for name in names(tree).files.values() if name.endswith(SUFFIX)]
    if not path.is_dir() or not found:
        return None
    files = [path / name for name in found if _part(path / name)]
    folders = sorted({_home(file).relative_to(path).as_posix() for file in files})
    if len(folders) > 1:
        several = f"has Parquet files of several data sets ({', '.join(folders)})"
        raise UnreadableFileError(path, several, "Name the folder of one of them.")
    return ImageSet([file.relative_to(path).as_posix() for file in files], partial(parquet_source, path, files))


def parquet_source(path: Path, files: Sequence[Path]) -> ImageSource:
    """List the images of Parquet files that make one data set together.

    Args:
        path: What to name in errors about all of them.
        files: The files; those of no part (`unsupervised-*`) are passed over.

    Raises:
        UnreadableFileError: A part is missing; a file is damaged or has not the columns; a label is no class.
    """
    parts: dict[str, list[Path]] = {}
    for file in sorted(files):
        parts.setdefault(_part(file) or "", []).append(file)
    judged = next((word for word in TESTS if word in parts), "test")
    for part in ("train", judged):
        if part not in parts:
            raise UnreadableFileError(path, f"has no {part}-*.parquet", ADVICE)
    tables = [_table(file) for part in ("train", judged) for file in parts[part]]
    images = [
        LabelledImage(table.file.parent, f"{table.file.name}/row {row}", label, table.file in parts[judged])
        for table in tables
        for row, label in enumerate(table.labels)
    ]

    def contents(wanted: Collection[int]) -> Iterator[tuple[int, Content]]:
        start = 0
        for table in tables:
            end = start + len(table.labels)
            for row, content in _rows(table, {index - start for index in wanted if start <= index < end}):
                yield start + row, content
            start = end

    return ImageSource({name for table in tables for name in table.classes}, images, ("train", judged), contents)


def _part(file: Path) -> str | None:
    """The part that a file belongs to, by its name (train-00000-of-00001.parquet) or its folder's (train/0.parquet)."""
    match = _PART.match(file.name) or _PART.match(file.parent.name)
    return match[1] if match else None


def _home(file: Path) -> Path:
    """The folder of the data set that a file belongs to."""
    return file.parent if _PART.match(file.name) else file.parent.parent


def _table(file: Path) -> Table:
    with intact(file), pq.ParquetFile(file) as opened:
        schema = opened.schema_arrow
        image = next((name for name in IMAGES if name in schema.names and _is_image(schema.field(name).type)), None)
        label = next((n for n in LABELS if n in schema.names and pa.types.is_integer(schema.field(n).type)), None)
        if image is None or label is None:
            found = f"has the columns {', '.join(schema.names)}, but not one of images {IMAGES} and one of {LABELS}"
            raise UnreadableFileError(file, found, ADVICE)
        numbers = opened.read(columns=[label]).column(label).to_pylist()
    classes = _class_names(schema.metadata or {}, label)
    for row, number in enumerate(numbers):
        if number is None or number < 0 or (classes and number >= len(classes)):
            found = f"has the label {number}, which is no class"
            raise UnreadableFileError(file / f"row {row}", found, "Remove the file if its images have no labels.")
    # Numbers of a fixed width are in order, whatever files they come from.
    labels = [classes[number] if classes else f"{number:05}" for number in numbers]
    return Table(file, image, labels, classes or sorted(set(labels)))


def _is_image(type_: pa.DataType) -> bool:
    return bool(pa.types.is_struct(type_) and type_.get_field_index("bytes") >= 0)


def _class_names(metadata: Mapping[bytes, bytes], label: str) -> list[str]:
    """The names of the classes, as the `datasets` library notes them; none if there are none, or not one a class."""
    try:
        document: Any = json.loads(metadata[b"huggingface"])
        found = document["info"]["features"][label]["names"]
    except (KeyError, TypeError, ValueError):
        return []
    usable = isinstance(found, list) and all(isinstance(name, str) for name in found) and len({*found}) == len(found)
    return found if usable else []


def _rows(table: Table, wanted: Collection[int]) -> Iterator[tuple[int, bytes]]:
    """Read the images of some rows; the others are not even copied."""
    if not wanted:
        return
    with intact(table.file), pq.ParquetFile(table.file) as opened:
        row = 0
        for batch in opened.iter_batches(ROWS, columns=[f"{table.column}.bytes"]):
            for value in batch.column(0).field("bytes"):
                if row in wanted:
                    yield row, _content(table.file / f"row {row}", value.as_py())
                row += 1


def _content(file: Path, content: object) -> bytes:
    if not isinstance(content, bytes):
        raise UnreadableFileError(file, "has no image, only its path or nothing", "Write the images into the file.")
    return content
