"""Folders and archives hold the same images; whatever is wrong with them is one line that names the file."""

import gzip
import io
import lzma
import shutil
import tarfile
import zipfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from epochgraph.errors import EpochgraphError, SettingError, UnreadableFileError
from epochgraph.zoo import Split, decoding, read_images
from epochgraph.zoo.sources import files
from imagesets import parts, same

ENDINGS = (".tar", ".tar.gz", ".tgz", ".tar.xz", ".txz", ".zip")
RECORD = 20 * 512


def packed(folder: Path, ending: str, *, prefix: str = "") -> Path:
    """Pack the content of a folder, in any order, for an archive promises none."""
    archive = folder.with_name(f"packed{ending}")
    files = sorted(folder.rglob("*"))
    np.random.default_rng(0).shuffle(files)
    if ending == ".zip":
        with zipfile.ZipFile(archive, "w") as zipped:
            for file in files:
                zipped.write(file, prefix + file.relative_to(folder).as_posix())
        return archive
    mode = {"gz": "w:gz", "xz": "w:xz"}.get(ending[-2:], "w")
    with tarfile.open(archive, mode) as tar:
        for file in files:
            tar.add(file, prefix + file.relative_to(folder).as_posix(), recursive=False)
    return archive


def numbers(split: Split) -> list[list[int]]:
    """What the green channel of the album's images says: the number, plus 100 in the test folder."""
    return [sorted(part.images[:, 1, 0, 0].tolist()) for part in parts(split)]


def refused(path: Path, message: str, *, names: str, **options: object) -> None:
    with pytest.raises(UnreadableFileError, match=message) as caught:
        read_images(path, **options)
    text = str(caught.value)
    assert "\n" not in text
    assert text.startswith(str(path / names))


# What is read.


def test_images_and_labels_are_those_of_the_folders(album):
    split = read_images(album)
    assert split.train.classes == ("cat", "dog")
    assert [len(part) for part in parts(split)] == [18, 2, 6]
    for part in parts(split):
        assert part.images.shape[1:] == (3, 4, 4)
        assert torch.equal(part.images[:, 0, 0, 0].long(), part.labels)
        assert (part.images[:, 2] == torch.arange(16).reshape(4, 4)).all()
    assert sorted(numbers(split)[0] + numbers(split)[1]) == sorted([*range(10)] * 2)
    assert numbers(split)[2] == sorted([100, 101, 102] * 2)


def test_one_image_of_each_class_is_held_out_at_least(album):
    for share, count in ((0.01, 1), (0.5, 5), (0.99, 9)):
        split = read_images(album, validation_share=share)
        assert torch.bincount(split.validation.labels).tolist() == [count, count]
        assert torch.bincount(split.train.labels).tolist() == [10 - count, 10 - count]


def test_the_seed_decides_on_what_is_held_out(album):
    first, again, other = (read_images(album, validation_share=0.5, seed=seed) for seed in (0, 0, 1))
    assert same(first, again)
    assert not same(first, other)


@pytest.mark.parametrize("share", [0.01, 0.34, 0.99])
@pytest.mark.parametrize("limit", [None, 3])
def test_validation_images_may_be_held_out_of_those_to_test(album, share, limit):
    split = read_images(album, held_out="test", validation_share=share, limit_per_class=limit)
    train, validation, test = numbers(split)
    assert train == sorted([*(range(10) if limit is None else (0, 3, 6))] * 2)
    assert sorted(validation + test) == sorted([100, 101, 102] * 2)
    for part in (split.validation, split.test):
        assert torch.bincount(part.labels).min() >= 1
        assert torch.equal(part.images[:, 0, 0, 0].long(), part.labels)
    assert len(validation) == {0.01: 2, 0.34: 2, 0.99: 4}[share]


def test_no_image_is_in_two_parts(album):
    for held_out in ("train", "test"):
        for seed in range(3):
            split = read_images(album, held_out=held_out, validation_share=0.4, seed=seed)
            rows = [tuple(image.flatten().tolist()) for part in parts(split) for image in part.images]
            assert len(set(rows)) == len(rows) == 26


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("prefix", ["", "./", "/", "around/"])
def test_an_archive_is_read_as_the_folder_it_was_made_of(album, ending, prefix):
    assert same(read_images(packed(album, ending, prefix=prefix)), read_images(album))
    assert same(
        read_images(str(packed(album, ending, prefix=prefix)), limit_per_class=3), read_images(album, limit_per_class=3)
    )


def test_an_ending_may_be_in_capitals(album):
    archive = packed(album, ".zip")
    assert same(read_images(archive.rename(archive.with_suffix(".ZIP"))), read_images(album))


def test_nothing_is_unpacked(album, tmp_path):
    archive = packed(album, ".tar.xz", prefix="../")
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(EpochgraphError):
        read_images(archive)
    read_images(packed(album, ".tar.xz"))
    assert sorted(tmp_path.rglob("*")) == before


def test_a_limit_takes_images_evenly_spaced(album):
    split = read_images(album, limit_per_class=4)
    assert sorted(numbers(split)[0] + numbers(split)[1]) == sorted([0, 2, 5, 7] * 2)
    assert numbers(split)[2] == sorted([100, 101, 102] * 2)
    assert numbers(read_images(album, limit_per_class=2))[2] == sorted([100, 101] * 2)


def test_only_what_is_used_is_decoded(album):
    (album / "train" / "cat" / "01.png").write_bytes(b"broken")
    read_images(album, limit_per_class=4)
    refused(album, "is no image", names="train/cat/01.png")


def test_a_generous_limit_changes_nothing(album):
    assert same(read_images(album, limit_per_class=10), read_images(album))


def test_val_is_the_test_set_where_there_is_no_other(album):
    expected = read_images(album)
    shutil.copytree(album / "train", album / "val")
    assert same(read_images(album), expected)
    shutil.rmtree(album / "val")
    (album / "test").rename(album / "val")
    assert same(read_images(album), expected)


def test_what_lies_beside_the_images_is_passed_over(album):
    expected = read_images(album)
    (album / "words.txt").write_text("cat dog")
    (album / "train" / "README.md").write_text("two classes")
    (album / "train" / "cat" / ".DS_Store").write_bytes(b"hidden")
    (album / "train" / ".cache").mkdir()
    (album / "extra" / "cow").mkdir(parents=True)
    (album / "extra" / "cow" / "1.png").write_bytes(b"no image")
    (album / "__MACOSX" / "train").mkdir(parents=True)
    (album / "__MACOSX" / "train" / "._1.png").write_bytes(b"no image")
    assert same(read_images(album), expected)
    assert same(read_images(packed(album, ".zip")), expected)


@pytest.mark.parametrize(
    ("mode", "colour", "channels", "expected"),
    [
        ("L", 7, 1, [7]),
        ("1", 1, 1, [255]),
        ("LA", (7, 128), 1, [7]),
        ("RGB", (1, 2, 3), 3, [1, 2, 3]),
        ("RGBA", (1, 2, 3, 128), 3, [1, 2, 3]),
    ],
)
def test_grey_images_stay_grey_if_all_are(write_image, tmp_path, mode, colour, channels, expected):
    for folder in ("train", "test"):
        for name in ("cat", "dog"):
            for number in range(2):
                write_image(tmp_path / folder / name / f"{number}.png", colour, mode=mode)
    for part in parts(read_images(tmp_path)):
        assert part.images.shape[1:] == (channels, 8, 8)
        assert part.images[0, :, 0, 0].tolist() == expected
    write_image(tmp_path / "test" / "dog" / "3.png", (9, 8, 7))
    mixed = read_images(tmp_path)
    assert mixed.train.images[0, :, 0, 0].tolist() == (expected * 3)[:3]
    assert mixed.test.images[-1, :, 0, 0].tolist() == [9, 8, 7]


def test_images_of_many_formats_are_read(write_image, tmp_path):
    for folder in ("train", "test"):
        for name in ("cat", "dog"):
            for ending in ("bmp", "gif", "jpg", "png", "ppm", "tif", "webp"):
                write_image(tmp_path / folder / name / f"1.{ending}", (40, 80, 120))
    split = read_images(tmp_path)
    for part in parts(split):
        pixels = part.images.permute(0, 2, 3, 1).reshape(-1, 3).int()
        assert (pixels - torch.tensor([40, 80, 120])).abs().max() < 8  # some formats are lossy


# What is refused.


def test_a_missing_path_is_refused(tmp_path):
    refused(tmp_path / "nothing", "no such file or folder", names="")


def test_a_file_that_is_no_archive_is_refused(tmp_path):
    (tmp_path / "images.rar").write_bytes(b"Rar!")
    refused(tmp_path / "images.rar", "neither a folder nor a known archive", names="")


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("content", [b"", b"no archive at all" * 100])
def test_an_archive_in_name_only_is_refused(tmp_path, ending, content):
    archive = tmp_path / f"album{ending}"
    archive.write_bytes(content)
    refused(archive, "cannot be read|there is no|has no", names="")


@pytest.mark.parametrize("ending", ENDINGS)
def test_an_archive_cut_short_is_refused(album, ending):
    archive = packed(album, ending)
    content = archive.read_bytes()
    unused = RECORD if ending == ".tar" else 1  # what fills the last record of a tar archive may go
    for count in (len(content) // 10, len(content) // 2, len(content) - unused):
        archive.write_bytes(content[:count])
        refused(archive, "cannot be read", names="")


def test_a_tar_archive_that_ends_between_two_files_is_refused(album):
    archive = packed(album, ".tar")
    with tarfile.open(archive) as tar:
        cuts = [member.offset for member in tar.getmembers()]
    content = archive.read_bytes()
    for opener, ending in ((open, ".tar"), (gzip.open, ".tar.gz"), (lzma.open, ".tar.xz")):
        for cut in cuts[-3:]:
            path = archive.with_name(f"cut{ending}")
            with opener(path, "wb") as file:
                file.write(content[:cut])
            refused(path, "its end is missing", names="")


def test_a_tar_archive_with_a_damaged_header_is_refused(album):
    """Python's reader takes it for the end, and would pass over the rest in silence."""
    archive = packed(album, ".tar")
    with tarfile.open(archive) as tar:
        offset = tar.getmembers()[-2].offset
    content = bytearray(archive.read_bytes())
    content[offset : offset + 4] = b"\xff\xff\xff\xff"
    archive.write_bytes(content)
    refused(archive, "its end is missing", names="")


def test_an_encrypted_archive_is_refused(album):
    archive = packed(album, ".zip")
    content = archive.read_bytes().replace(b"PK\x01\x02\x14\x03\x14\x00\x00", b"PK\x01\x02\x14\x03\x14\x00\x01")
    archive.write_bytes(content)
    refused(archive, "encrypted", names="")


def test_a_damaged_image_is_refused(album):
    file = album / "train" / "dog" / "03.png"
    file.write_bytes(file.read_bytes()[:50])
    refused(album, "cannot be decoded", names="train/dog/03.png")


def test_a_damaged_image_in_an_archive_is_refused(album):
    file = album / "test" / "dog" / "01.png"
    file.write_bytes(file.read_bytes()[:50])
    refused(packed(album, ".tar.gz"), "cannot be decoded", names="test/dog/01.png")


def test_a_file_that_is_no_image_is_refused(album):
    (album / "train" / "dog" / "notes.txt").write_text("good boy")
    refused(album, "is no image of a known format", names="train/dog/notes.txt")


def test_a_format_that_starts_other_programs_is_refused(album):
    Image.new("RGB", (4, 4)).save(album / "train" / "dog" / "a.eps")
    refused(album, "is no image of a known format", names="train/dog/a.eps")


@pytest.mark.parametrize("folder", ["train", "test"])
def test_a_missing_folder_is_refused(album, folder):
    shutil.rmtree(album / folder)
    refused(album, f"has no folder {folder}/<class>/", names="")
    refused(packed(album, ".zip"), f"has no folder {folder}/<class>/", names="")


@pytest.mark.parametrize("folder", ["train", "test"])
@pytest.mark.parametrize("left", ["an empty folder", "nothing"])
def test_a_class_without_images_is_refused(album, folder, left):
    shutil.rmtree(album / folder / "cat")
    if left == "an empty folder":
        (album / folder / "cat").mkdir()
    refused(album, "has 0 images", names=f"{folder}/cat")
    for ending in (".tar", ".zip"):
        refused(packed(album, ending), "has 0 images", names=f"{folder}/cat")
    refused(packed(album, ".zip", prefix="around/"), "has 0 images", names=f"around/{folder}/cat")


def test_a_class_of_one_training_image_is_refused(album):
    for number in range(1, 10):
        (album / "train" / "cat" / f"{number:02}.png").unlink()
    refused(album, "has 1 images? of its class. .*at least 2", names="train/cat")


def test_a_class_of_one_test_image_is_refused_where_two_are_needed(album):
    for number in range(1, 3):
        (album / "test" / "cat" / f"{number:02}.png").unlink()
    read_images(album)
    refused(album, "has 1 image of its class. .*at least 2", names="test/cat", held_out="test")
    (album / "train" / "dog" / "00.png").rename(album / "test" / "cat" / "01.png")
    for number in range(1, 9):
        (album / "train" / "dog" / f"{number:02}.png").unlink()
    read_images(album, held_out="test")


@pytest.mark.parametrize("size", [(4, 5), (5, 4), (5, 5)])
def test_an_image_of_another_size_is_refused(album, write_image, size):
    write_image(album / "train" / "cat" / "99.png", size=size)
    refused(album, f"is {size[0]} x {size[1]} pixels, not 4 x 4", names="train/cat/99.png")


def test_images_that_are_not_square_are_refused(write_image, tmp_path):
    for folder in ("train", "test"):
        for name in ("cat", "dog"):
            for number in range(2):
                write_image(tmp_path / folder / name / f"{number}.png", size=(8, 6))
    refused(tmp_path, "is 8 x 6 pixels, not 8 x 8", names="test/cat/0.png")


def test_sixteen_bits_a_channel_are_refused(album):
    Image.fromarray(np.full((4, 4), 60_000, np.uint16)).save(album / "train" / "cat" / "a.png")
    refused(album, "has pixels of mode I;16", names="train/cat/a.png")


def test_an_image_that_would_fill_the_memory_is_refused(album, write_image, monkeypatch):
    write_image(album / "train" / "cat" / "99.png", size=(40, 40))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)  # Pillow only warns up to twice as many
    refused(album, "decompression bomb", names="train/cat/99.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 500)
    refused(album, "decompression bomb", names="train/cat/99.png")


@pytest.mark.parametrize("ending", ["", ".tar.xz", ".zip"])
def test_a_file_too_large_for_an_image_is_not_even_read(album, monkeypatch, ending):
    monkeypatch.setattr(files, "LARGEST_FILE", 1000)
    (album / "train" / "cat" / "zeros.png").write_bytes(bytes(1001))
    refused(
        packed(album, ending) if ending else album, "has 1001 bytes, more than the 1000", names="train/cat/zeros.png"
    )


def test_images_beyond_the_memory_are_refused(album, monkeypatch):
    empty = np.empty

    def full(shape: tuple[int, ...], dtype: type) -> np.ndarray:
        if shape[0] == 26:
            raise MemoryError
        return empty(shape, dtype)

    monkeypatch.setattr(np, "empty", full)
    with pytest.raises(SettingError, match="26 images of 4 x 4 pixels"):
        read_images(album)


@pytest.mark.parametrize("options", [{"limit_per_class": 1}, {"validation_share": 0.0}, {"validation_share": 1.0}])
def test_options_out_of_range_are_refused(album, options):
    (option,) = options
    with pytest.raises(SettingError, match=option):
        read_images(album, **options)


def test_paths_are_given_once_each(album):
    for paths in ((), (album, album), (album, album / "train" / "..")):
        with pytest.raises(SettingError, match="at least one, and each only once"):
            read_images(*paths)


@pytest.mark.usefixtures("unchecked")
def test_validation_images_come_of_two_parts_only(album):
    with pytest.raises(SettingError, match="held_out is 'val', but must be one of train, test"):
        read_images(album, held_out="val")


def test_the_first_of_several_damaged_images_is_named(album, monkeypatch):
    """Whichever thread is faster."""
    monkeypatch.setattr(decoding, "BATCH_BYTES", 1)
    for number in range(2, 9):
        (album / "train" / "cat" / f"{number:02}.png").write_bytes(b"broken")
    for _ in range(10):
        refused(album, "is no image", names="train/cat/02.png")


def test_a_window_of_files_is_in_memory(album, monkeypatch):
    monkeypatch.setattr(decoding, "BATCH_BYTES", 1)
    monkeypatch.setattr(decoding, "WAITING", 2)
    begun, told, ahead = [], [0], []
    read = Path.read_bytes

    def counted(self: Path) -> bytes:
        begun.append(self)
        ahead.append(len(begun) - told[-1])
        return read(self)

    monkeypatch.setattr(Path, "read_bytes", counted)
    read_images(album, progress=lambda done, total: told.append(done))
    assert len(begun) == 26
    assert max(ahead) <= 4


def test_a_folder_that_may_not_be_read_is_refused(album, monkeypatch):
    def denied(self: Path) -> bytes:
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(Path, "read_bytes", denied)
    refused(album, r"cannot be read \(Permission denied\)", names="test/cat/00.png")


Damage = Callable[[bytes], bytes]


@st.composite
def damages(draw: st.DrawFn) -> Damage:
    """A few bytes changed, a piece cut out, or the end cut off."""
    place, length, end = draw(st.floats(0, 1)), draw(st.integers(1, 40)), draw(st.booleans())
    new = draw(st.binary(max_size=40))

    def damaged(content: bytes) -> bytes:
        start = int(place * len(content))
        return content[:start] + (b"" if end else new + content[start + length :])

    return damaged


@pytest.mark.parametrize(
    "ending", [".tar", ".tar.gz", ".tar.xz", ".zip", ".png", ".gif", ".jpg", ".tif", ".webp", ".bmp"]
)
@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(damage=damages())
def test_no_damage_raises_anything_else(album, write_image, ending, damage):
    if "." + ending.rpartition(".")[2] in (".tar", ".gz", ".xz", ".zip"):
        path = file = packed(album, ending)
    else:
        path, file = album, write_image(album / "train" / "cat" / f"x{ending}", size=(4, 4))
    file.write_bytes(damage(file.read_bytes()))
    with suppress(EpochgraphError):
        assert len(read_images(path).train) >= 18


# Real images.


def test_cifar_is_read_from_its_archive(data_folder):
    archive = data_folder / "cifar10-jpeg.tar.xz"
    split = read_images(archive, limit_per_class=20)
    assert [len(part) for part in parts(split)] == [180, 20, 200]
    assert split.train.classes[:3] == ("airplane", "automobile", "bird")
    assert split.train.images.shape == (180, 3, 32, 32)
    assert torch.bincount(split.test.labels).tolist() == [20] * 10
    with tarfile.open(archive) as tar:
        first = next(member for member in tar if member.isreg())
        content = tar.extractfile(first)
        assert first.name == "test/airplane/0000.jpg"
        assert content is not None
        pixels = np.asarray(Image.open(io.BytesIO(content.read())))
    assert np.array_equal(split.test.images[0].permute(1, 2, 0).numpy(), pixels)
