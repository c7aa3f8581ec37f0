"""One small set of images, written in every format that is read."""

import io
import json
import pickle
import struct
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from PIL import Image

from epochgraph.zoo import Split

CLASSES = ("bird", "cat", "dog")
COUNTS = {"train": 10, "test": 4}

Picture = tuple[str, str, int, np.ndarray]


def pictures(classes: Iterable[str] = CLASSES, *, side: int = 32) -> list[Picture]:
    """Part, class, number and pixels of each image, in an order that mixes the classes; no two are alike."""
    generator = np.random.default_rng(0)
    return [
        (part, name, number, generator.integers(0, 256, (side, side, 3), np.uint8))
        for part, count in COUNTS.items()
        for number in range(count)
        for name in classes
    ]


def png(pixels: np.ndarray) -> bytes:
    content = io.BytesIO()
    Image.fromarray(pixels).save(content, "PNG")
    return content.getvalue()


def _written(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def write_folders(root: Path, images: Iterable[Picture]) -> Path:
    for part, name, number, pixels in images:
        _written(root / part / name / f"{number:02}.png", png(pixels))
    return root


def write_tiny_imagenet(root: Path, images: Iterable[Picture]) -> Path:
    """The images to test are those of `val`; in `test` lie some without labels."""
    lines = []
    for place, (part, name, number, pixels) in enumerate(images):
        if part == "train":
            _written(root / "train" / name / "images" / f"{name}_{number}.JPEG", png(pixels))
            _written(root / "train" / name / f"{name}_boxes.txt", b"0\t0\t31\t31\n")
        else:
            _written(root / "val" / "images" / f"val_{place:02}.JPEG", png(pixels))
            lines.append(f"val_{place:02}.JPEG\t{name}\t0\t0\t31\t31\n")
    _written(root / "val" / "val_annotations.txt", "".join(lines).encode())
    _written(root / "test" / "images" / "test_0.JPEG", b"unlabelled")
    _written(root / "wnids.txt", "\n".join(CLASSES).encode())
    return root


def write_parquet(root: Path, images: Iterable[Picture], *, test: str = "test", named: bool = True) -> Path:
    """Two files to train, one to test; the columns as `datasets` writes them."""
    parts: dict[str, list[Picture]] = {"train": [], "test": []}
    for picture in images:
        parts[picture[0]].append(picture)
    half = len(parts["train"]) // 2
    write_shard(root / "train-00000-of-00002.parquet", parts["train"][:half], named=named)
    write_shard(root / "train-00001-of-00002.parquet", parts["train"][half:], named=named)
    write_shard(root / f"{test}-00000-of-00001.parquet", parts["test"], named=named)
    return root


def write_shard(
    path: Path, images: list[Picture], *, named: bool = True, columns: tuple[str, str] = ("img", "fine_label")
) -> None:
    content = [{"bytes": png(pixels), "path": None} for _, _, _, pixels in images]
    labels = [CLASSES.index(name) for _, name, _, _ in images]
    table = pa.table({columns[0]: content, columns[1]: labels})
    if named:
        features = {columns[1]: {"names": list(CLASSES), "_type": "ClassLabel"}}
        table = table.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})})
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, path, row_group_size=4)


def write_cifar10(root: Path, images: Iterable[Picture], *, protocol: int = 0) -> Path:
    """Five batches and one to test; protocol 0 stands for the pickles of Python 2, as they were published."""
    train = [image for image in images if image[0] == "train"]
    batches = {f"data_batch_{n + 1}": train[n * len(train) // 5 : (n + 1) * len(train) // 5] for n in range(5)}
    batches["test_batch"] = [image for image in images if image[0] == "test"]
    for file, batch in batches.items():
        _written(root / file, pickled(document(batch, "labels"), protocol))
    _written(root / "batches.meta", pickled({"label_names": list(CLASSES), "num_vis": 3072}, protocol))
    _written(root / "readme.html", b"<html>")
    return root


def write_cifar100(root: Path, images: Iterable[Picture], *, protocol: int = 0) -> Path:
    for part in ("train", "test"):
        batch = document([image for image in images if image[0] == part], "fine_labels")
        _written(root / part, pickled(batch | {"coarse_labels": [0] * len(batch["fine_labels"])}, protocol))
    _written(root / "meta", pickled({"fine_label_names": list(CLASSES), "coarse_label_names": ["animal"]}, protocol))
    return root


def document(images: Iterable[Picture], key: str) -> dict[str, object]:
    rows = [pixels.transpose(2, 0, 1).ravel() for _, _, _, pixels in images]
    return {"data": np.stack(rows), key: [CLASSES.index(name) for _, name, _, _ in images], "batch_label": "one"}


def pickled(content: Mapping[str, object], protocol: int) -> bytes:
    return pickle.dumps(content, protocol=protocol) if protocol else b"\x80\x02" + _python2(content) + b"."


def _python2(item: object) -> bytes:
    """The instructions by which cPickle of Python 2 wrote an object: all text is bytes, all bytes are text."""
    match item:
        case int():
            return b"J" + struct.pack("<i", item)
        case str():
            return b"U" + bytes([len(item)]) + item.encode()
        case list():
            return b"](" + b"".join(map(_python2, item)) + b"e"
        case dict():
            return b"}(" + b"".join(_python2(key) + _python2(value) for key, value in item.items()) + b"u"
        case np.ndarray():
            empty = b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R"
            shape = b"".join(map(_python2, item.shape)) + b"\x86"
            dtype = b"cnumpy\ndtype\nU\x02u1K\x00K\x01\x87R(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
            return (
                empty + b"(K\x01" + shape + dtype + b"\x89T" + struct.pack("<i", item.nbytes) + item.tobytes() + b"tb"
            )
    raise TypeError(item)


def parts(split: Split):
    return split.train, split.validation, split.test


def same(a: Split, b: Split) -> bool:
    return all(
        torch.equal(x.images, y.images) and torch.equal(x.labels, y.labels) and x.classes == y.classes
        for x, y in zip(parts(a), parts(b), strict=True)
    )
