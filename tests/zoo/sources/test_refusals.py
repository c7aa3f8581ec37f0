"""What is wrong with a data set of any format is one line that names the file, and runs nothing."""

import os
import pickle
import shutil
from contextlib import suppress
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from epochgraph.errors import EpochgraphError, UnreadableFileError
from epochgraph.zoo import read_images
from epochgraph.zoo.sources import cifar
from imagesets import (
    COUNTS,
    document,
    parts,
    pickled,
    pictures,
    png,
    write_cifar10,
    write_cifar100,
    write_parquet,
    write_shard,
    write_tiny_imagenet,
)


def refused(path: Path, message: str, *, names: str) -> None:
    with pytest.raises(UnreadableFileError, match=message) as caught:
        read_images(path)
    text = str(caught.value)
    assert "\n" not in text
    assert text.startswith(f"{path / names}: ")


# CIFAR.


class Attack:
    """Makes a file when it is unpickled."""

    def __init__(self, victim: Path) -> None:
        self.victim = victim

    def __reduce__(self):
        return os.mkdir, (str(self.victim),)


@pytest.mark.parametrize("protocol", [2, 4])
@pytest.mark.parametrize("file", ["data_batch_3", "batches.meta"])
def test_a_hostile_pickle_executes_nothing(tmp_path, protocol, file):
    folder, victim = write_cifar10(tmp_path / "set", pictures()), tmp_path / "victim"
    content = pickle.dumps({"data": Attack(victim)}, protocol=protocol)
    (folder / file).write_bytes(content)
    refused(folder, "asks for posix.mkdir, which can run code; nothing was executed", names=file)
    assert not victim.exists()
    pickle.loads(content)  # noqa: S301 - it is our own
    assert victim.exists()  # so it was no dud


@pytest.mark.parametrize("file", ["data_batch_2", "test_batch"])
def test_a_missing_batch_is_named(tmp_path, file):
    folder = write_cifar10(tmp_path / "around" / "set", pictures())
    (folder / file).unlink()
    refused(tmp_path / "around", f"has no file {file}", names="set")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"data": None}, "'data' is not one row of 3072 bytes for each of its 12 labels"),
        ({"data": np.zeros((11, 3072), np.uint8)}, "'data' is not one row"),
        ({"data": np.zeros((12, 3072), np.float32)}, "'data' is not one row"),
        ({"data": np.zeros((3072, 12), np.uint8).T}, "'data' is not one row"),
        ({"data": "\u20ac" * 36864}, "'data' is not one row"),
        ({"fine_labels": [0, 1, 2] * 3 + [0, 1, 3]}, "no list 'fine_labels' of numbers below 3"),
        ({"fine_labels": [0, 1, 2] * 3 + [0, 1, -1]}, "no list 'fine_labels' of numbers below 3"),
        ({"fine_labels": [True] * 12}, "no list 'fine_labels'"),
        ({"fine_labels": "cat"}, "no list 'fine_labels'"),
    ],
)
def test_a_batch_that_contradicts_itself_is_named(tmp_path, change, message):
    images = pictures()
    folder = write_cifar100(tmp_path / "set", images)
    batch = document([image for image in images if image[0] == "test"], "fine_labels")
    (folder / "test").write_bytes(pickled(batch | change, 4))
    refused(folder, message, names="test")


def test_other_pickles_are_refused(tmp_path):
    folder = write_cifar100(tmp_path / "set", pictures())
    for content, message in (([1, 2], "not one of CIFAR"), ({"fine_label_names": [1]}, "no list 'fine_label_names'")):
        (folder / "meta").write_bytes(pickled(content, 4))
        refused(folder, message, names="meta")
    (folder / "meta").write_bytes(b"no pickle at all")
    refused(folder, "damaged", names="meta")


def test_a_batch_too_large_is_not_even_read(tmp_path, monkeypatch):
    folder = write_cifar100(tmp_path / "set", pictures())
    monkeypatch.setattr(cifar, "LARGEST_BATCH", 50_000)
    refused(folder, "has [0-9]+ bytes, more than the 50000", names="train")


# Tiny ImageNet.


def test_an_annotation_without_an_image_is_named(tmp_path):
    folder = write_tiny_imagenet(tmp_path / "set", pictures())
    annotations = folder / "val" / "val_annotations.txt"
    (folder / "val" / "images" / "val_31.JPEG").unlink()
    refused(folder, "its line 2 does not name another file", names="val/val_annotations.txt")
    annotations.write_text("val_30.JPEG\tcat\nval_30.JPEG\tdog\n")
    refused(folder, "its line 2 does not name another file", names="val/val_annotations.txt")
    annotations.write_text("no tabs")
    refused(folder, "its line 1 does not name another file", names="val/val_annotations.txt")


def test_tiny_imagenet_without_training_images_is_refused(tmp_path):
    folder = write_tiny_imagenet(tmp_path / "set", pictures())
    shutil.rmtree(folder / "train")
    refused(folder, "has no folder train/<class>/images/", names="")


def test_a_damaged_image_of_tiny_imagenet_is_named(tmp_path):
    folder = write_tiny_imagenet(tmp_path / "around" / "set", pictures())
    (folder / "val" / "images" / "val_30.JPEG").write_bytes(b"broken")
    archive = Path(shutil.make_archive(str(tmp_path / "set"), "zip", tmp_path / "around"))
    refused(archive, "is no image of a known format", names="set/val/images/val_30.JPEG")


# Parquet.


def shards(folder: Path, rows: list[dict[str, object]], **columns: list[object]) -> Path:
    """A good file to train, and one to test that is given by its columns."""
    write_parquet(folder, pictures())
    pq.write_table(pa.table({"img": rows} | columns), folder / "test-00000-of-00001.parquet")
    return folder


GOOD = {"bytes": png(pictures()[0][3]), "path": "x.png"}


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"bytes": b"broken", "path": None}, "is no image of a known format"),
        ({"bytes": GOOD["bytes"][:200], "path": None}, "cannot be decoded"),
        ({"bytes": None, "path": "x.png"}, "has no image, only its path"),
        (None, "has no image, only its path"),
    ],
)
def test_a_damaged_row_is_named(tmp_path, value, message):
    folder = shards(tmp_path, [GOOD] * 100 + [value] + [GOOD] * 2, label=[0, 1] + [2] * 101)
    # Numbers here, names in the other file: of classes without a training image nothing is decoded.
    with pytest.raises(UnreadableFileError, match="has 0 images"):
        read_images(folder)
    for file in folder.glob("train*"):
        write_shard(file, pictures()[:9], named=False)
    refused(folder, message, names="test-00000-of-00001.parquet/row 100")


@pytest.mark.parametrize("label", [-1, 3, None])
def test_a_label_that_is_no_class_is_named(tmp_path, label):
    folder = shards(tmp_path, [GOOD] * 4, fine_label=[0, 1, label, 2])
    file = folder / "test-00000-of-00001.parquet"
    if label == 3:
        metadata = pq.read_schema(folder / "train-00000-of-00002.parquet").metadata
        pq.write_table(pq.read_table(file).replace_schema_metadata(metadata), file)
    refused(folder, f"has the label {label}, which is no class", names=f"{file.name}/row 2")


@pytest.mark.parametrize(
    "columns", [{"words": [1]}, {"label": ["cat"]}, {"label": [0.5]}], ids=["no label", "text", "fraction"]
)
def test_other_columns_are_refused(tmp_path, columns):
    folder = shards(tmp_path, [GOOD], **columns)
    message = f"has the columns img, {next(iter(columns))}, but not one of images"
    refused(folder, message, names="test-00000-of-00001.parquet")


def test_images_that_are_no_structs_are_refused(tmp_path):
    write_parquet(tmp_path, pictures())
    pq.write_table(pa.table({"image": [b"png"], "label": [0]}), tmp_path / "train-00000-of-00002.parquet")
    refused(tmp_path, "has the columns image, label, but not", names="train-00000-of-00002.parquet")


def test_a_damaged_parquet_file_is_named(tmp_path):
    write_parquet(tmp_path, pictures())
    file = tmp_path / "train-00001-of-00002.parquet"
    file.write_bytes(file.read_bytes()[:-10])
    refused(tmp_path, "cannot be read", names=file.name)


def test_files_without_a_row_are_refused(tmp_path):
    """Nor do they name classes, of which images could be missing."""
    for file in write_parquet(tmp_path, pictures()).iterdir():
        pq.write_table(pq.read_table(file).slice(0, 0).replace_schema_metadata({}), file)
    refused(tmp_path, "has no images", names="")


def test_a_name_too_long_for_the_system_is_named(tmp_path):
    for cache in (None, tmp_path / "cache"):
        with pytest.raises(UnreadableFileError, match=r"x: it cannot be read \(File name too long"):
            read_images(tmp_path / ("x" * 300), cache=cache)


@pytest.mark.parametrize("part", ["train", "test"])
def test_a_missing_part_is_named(tmp_path, part):
    for file in write_parquet(tmp_path, pictures()).glob(f"{part}-*"):
        file.unlink()
    refused(tmp_path, rf"has no {part}-\*.parquet", names="")


def test_files_of_several_data_sets_are_refused(tmp_path):
    for name in ("plain", "other"):
        write_parquet(tmp_path / name, pictures())
    refused(tmp_path, r"of several data sets \(other, plain\)", names="")


@pytest.mark.parametrize(
    "metadata", [{}, {"huggingface": "no JSON"}, {"huggingface": "{}"}, {"huggingface": '{"info": []}'}]
)
def test_classes_without_names_are_numbers(tmp_path, metadata):
    write_parquet(tmp_path, pictures(), named=False)
    for file in tmp_path.iterdir():
        pq.write_table(pq.read_table(file).replace_schema_metadata(metadata), file)
    split = read_images(tmp_path)
    assert split.train.classes == ("00000", "00001", "00002")
    assert [len(part) for part in parts(split)] == [27, 3, 3 * COUNTS["test"]]


def test_two_classes_of_one_name_stay_two(tmp_path):
    write_parquet(tmp_path, pictures())
    for file in tmp_path.iterdir():
        table = pq.read_table(file)
        twins = table.schema.metadata[b"huggingface"].replace(b"bird", b"cat")
        pq.write_table(table.replace_schema_metadata({b"huggingface": twins}), file)
    assert read_images(tmp_path).train.classes == ("00000", "00001", "00002")


@pytest.mark.parametrize(
    ("write", "file"),
    [
        (write_cifar10, "data_batch_3"),
        (write_cifar100, "meta"),
        (write_parquet, "train-00000-of-00002.parquet"),
        (write_tiny_imagenet, "val/val_annotations.txt"),
    ],
)
@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.floats(0, 1), new=st.binary(max_size=8), length=st.integers(0, 8))
def test_no_damage_raises_anything_else(tmp_path, write, file, place, new, length):
    folder = write(tmp_path / "set", pictures())
    content = (folder / file).read_bytes()
    start = int(place * len(content))
    (folder / file).write_bytes(content[:start] + new + content[start + length :])
    with suppress(EpochgraphError):
        read_images(folder)
