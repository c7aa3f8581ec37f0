"""What comes from the cache is what would be decoded, and nothing is decoded twice."""

import shutil
from pathlib import Path

import numpy as np
import platformdirs
import pytest
import torch

from epochgraph.errors import OutputError, UnreadableFileError
from epochgraph.zoo import Split, default_cache, images, read_images
from epochgraph.zoo.cache import kept
from epochgraph.zoo.sources import fingerprint
from imagesets import pictures, same, write_cifar10, write_folders, write_parquet, write_tiny_imagenet


@pytest.fixture
def cache(tmp_path) -> Path:
    return tmp_path / "cache"


@pytest.fixture
def undecoded(monkeypatch):
    """From here on, whatever is decoded fails the test."""

    def forbid() -> None:
        monkeypatch.setattr(images, "decoded", lambda *_: pytest.fail("decoded again"))

    return forbid


def entry(cache: Path) -> Path:
    (file,) = cache.iterdir()
    return file


OPTIONS = [{}, {"limit_per_class": 3}, {"held_out": "test", "validation_share": 0.5, "seed": 4}]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("write", [write_folders, write_cifar10, write_tiny_imagenet, write_parquet])
def test_a_hit_is_a_miss_is_no_cache(tmp_path, cache, undecoded, write, options):
    folder = write(tmp_path / "set", pictures())
    expected = read_images(folder, **options)
    assert same(read_images(folder, **options, cache=cache), expected)
    undecoded()
    assert same(read_images(folder, **options, cache=str(cache)), expected)


def test_one_entry_serves_all_options(album, cache, undecoded):
    expected = [read_images(album, **options) for options in OPTIONS]
    read_images(album, cache=cache)
    undecoded()
    for options, split in zip(OPTIONS, expected, strict=True):
        assert same(read_images(album, **options, cache=cache), split)


def test_grey_is_decided_by_the_images_in_use(tmp_path, cache, write_image):
    """One coloured image makes all coloured, unless a limit leaves it out."""
    for part in ("train", "test"):
        for name in ("cat", "dog"):
            for number in range(4):
                write_image(tmp_path / "set" / part / name / f"{number}.png", 7, mode="L")
    write_image(tmp_path / "set" / "train" / "dog" / "3.png", (9, 8, 7))
    for limit, channels in ((None, 3), (2, 1)):
        split = read_images(tmp_path / "set", limit_per_class=limit, cache=cache)
        assert split.train.channels == channels
        assert same(split, read_images(tmp_path / "set", limit_per_class=limit))


def test_grey_images_are_kept_grey(write_image, tmp_path, cache):
    for part in ("train", "test"):
        for number in range(3):
            write_image(tmp_path / "set" / part / "cat" / f"{number}.png", number, mode="L")
    expected = read_images(tmp_path / "set")
    assert all(same(read_images(tmp_path / "set", cache=cache), expected) for _ in range(2))
    with np.load(entry(cache)) as stored:
        assert stored["pixels"].shape == (6, 8, 8, 1)
        assert stored["names"].tolist()[0] == "train/cat/0.png"


# What the key is made of.


def test_names_of_archives_do_not_matter(album, cache, undecoded, tmp_path):
    archive = Path(shutil.make_archive(str(tmp_path / "set"), "gztar", album))
    expected = read_images(archive, cache=cache)
    undecoded()
    assert same(read_images(archive.rename(tmp_path / "other.tar.gz"), cache=cache), expected)


def test_files_that_are_not_in_use_do_not_matter(album, cache, undecoded):
    expected = read_images(album, cache=cache)
    undecoded()
    (album / "notes.txt").write_text("new")
    (album / "val" / "cat").mkdir(parents=True)
    (album / "val" / "cat" / "1.png").write_bytes(b"not read beside test")
    assert same(read_images(album, cache=cache), expected)


def test_contents_names_and_classes_matter(album):
    seen = {fingerprint([album])}
    image = album / "train" / "cat" / "03.png"
    image.write_bytes(image.read_bytes() + b" ")
    seen.add(fingerprint([album]))
    image.rename(image.with_name("30.png"))
    seen.add(fingerprint([album]))
    (album / "train" / "cow").mkdir()
    seen.add(fingerprint([album]))
    assert len(seen) == 4


def test_names_of_parquet_files_matter(tmp_path):
    """They tell which images are those to test."""
    file = write_parquet(tmp_path, pictures()) / "train-00000-of-00002.parquet"
    assert fingerprint([file]) != fingerprint([file.rename(tmp_path / "test-1.parquet")])


def test_too_few_images_are_refused_from_the_cache_too(album, cache):
    for number in range(1, 10):
        (album / "train" / "cat" / f"{number:02}.png").unlink()
    assert len(read_images(album, held_out="test", cache=cache).train) == 11
    with pytest.raises(UnreadableFileError, match="at least 2") as caught:
        read_images(album, cache=cache)
    assert str(caught.value).startswith(f"{album / 'train' / 'cat'}: has 1 image of its class")


# What is in the way.


def test_a_damaged_entry_is_replaced(album, cache):
    expected = read_images(album, cache=cache)
    whole = entry(cache).read_bytes()
    rng = np.random.default_rng(0)
    for place in [0, len(whole) - 1, *rng.integers(0, len(whole), 60).tolist()]:
        damaged = bytearray(whole)
        damaged[place] ^= 1 << int(rng.integers(8))
        entry(cache).write_bytes(damaged)
        assert same(read_images(album, cache=cache), expected), place
    for size in (0, 10, len(whole) // 2, len(whole) - 1):
        entry(cache).write_bytes(whole[:size])
        assert same(read_images(album, cache=cache), expected), size
        assert len(entry(cache).read_bytes()) == len(whole)


def test_a_foreign_entry_is_replaced(album, cache, tmp_path):
    expected = read_images(album, cache=cache)
    file = entry(cache)
    other = read_images(write_folders(tmp_path / "other", pictures()), cache=tmp_path / "second")
    shutil.copy(entry(tmp_path / "second"), file)
    assert same(read_images(album, cache=cache), expected)
    assert not same(other, expected)
    for content in (b"text", b"\x93NUMPY"):
        file.write_bytes(content)
        assert same(read_images(album, cache=cache), expected)


def test_a_race_is_harmless(album, cache, monkeypatch):
    """A second process begins and ends while the first decodes; neither sees half an entry."""
    decoded, inner, seen = images.decoded, [], []

    def slow(*arguments):
        album_ = decoded(*arguments)
        if not inner:
            inner.append(None)
            inner[0] = read_images(album, cache=cache)
        seen.append([file.name for file in cache.iterdir() if not file.name.startswith(".")])
        return album_

    monkeypatch.setattr(images, "decoded", slow)
    outer = read_images(album, cache=cache)
    assert same(outer, inner[0])
    assert [len(names) for names in seen] == [0, 1]
    assert entry(cache).name == seen[1][0]  # and no temporary file is left


def test_a_failure_leaves_nothing(album, cache):
    (album / "train" / "cat" / "01.png").write_bytes(b"broken")
    with pytest.raises(UnreadableFileError, match="is no image"):
        read_images(album, cache=cache)
    assert not list(cache.iterdir())


def test_an_unwritable_cache_is_told_before_anything_is_decoded(album, tmp_path, undecoded):
    (tmp_path / "file").write_text("in the way")
    undecoded()
    with pytest.raises(OutputError, match="cannot be written") as caught:
        read_images(album, cache=tmp_path / "file" / "cache")
    assert "\n" not in str(caught.value)


# How it is lent.


def origin(array: np.ndarray) -> object:
    while isinstance(array.base, np.ndarray):
        array = array.base
    return array


def test_pixels_are_mapped_and_safe_from_their_users(album, cache):
    source = fingerprint([album])
    first = read_images(album, held_out="test", cache=cache)
    whole = entry(cache).read_bytes()
    stored = kept(cache, source, lambda: pytest.fail("decoded again"))
    assert isinstance(origin(stored.pixels), np.memmap)
    second = read_images(album, held_out="test", cache=cache)
    first.train.images.fill_(0)
    assert torch.equal(second.train.images, read_images(album, held_out="test").train.images)
    assert entry(cache).read_bytes() == whole


def test_training_images_stay_mapped_where_others_validate(album, cache):
    for _ in range(2):
        split: Split = read_images(album, held_out="test", cache=cache)
        pixels = split.train.images.permute(0, 2, 3, 1)
        assert pixels.is_contiguous()
        assert not split.train.images.untyped_storage().resizable()  # not torch's own memory


@pytest.mark.parametrize("limit", [None, 3])
def test_progress_is_told_while_decoding_only(album, cache, limit):
    told: list[tuple[int, int]] = []
    for options in ({}, {"cache": cache}):
        told.clear()
        read_images(album, limit_per_class=limit, progress=lambda *now: told.append(now), **options)
        total = 26 if limit is None or options else 12
        assert told[-1] == (total, total)
        assert told == sorted(told)
    told.clear()
    read_images(album, cache=cache, progress=lambda *now: told.append(now))
    assert not told


def test_the_default_is_a_folder_of_the_users_cache():
    assert default_cache().is_relative_to(platformdirs.user_cache_dir())
    assert default_cache().is_absolute()
