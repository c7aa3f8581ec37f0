import tarfile

import numpy as np
import pytest

from epochgraph.errors import UnreadableFileError
from epochgraph.zoo.tasks import files


@pytest.fixture
def made():
    """Makes arrays of a file's length, and counts how often."""
    calls = []

    def counted(path, contents):
        calls.append(path)
        return {"sizes": np.array([len(content) for content in contents.values()])}

    counted.calls = calls
    return counted


def kept(data, made, key="key"):
    return files.kept(data, "text-and-tables", key=key, wanted=lambda name: name.endswith(".txt"), made=made)


def test_arrays_are_made_once(texts, cache, made):
    (texts / "b.txt").write_text("four")
    (texts / "a.txt").write_text("three")
    (texts / "c.csv").write_text("not wanted")
    for _ in range(2):
        assert kept(texts.parent, made)["sizes"].tolist() == [5, 4]
    assert made.calls == [texts]


def test_other_contents_or_another_key_are_made_anew(texts, cache, made):
    (texts / "a.txt").write_text("1")
    kept(texts.parent, made)
    kept(texts.parent, made, key="other")
    (texts / "a.txt").write_text("22")
    assert kept(texts.parent, made)["sizes"].tolist() == [2]
    assert len(made.calls) == 3


@pytest.mark.parametrize("damage", [lambda old: old[:-30], lambda old: b"", lambda old: old.replace(b"\x05", b"\x06")])
def test_a_damaged_entry_is_made_anew(texts, cache, made, damage):
    (texts / "a.txt").write_text("12345")
    kept(texts.parent, made)
    (entry,) = cache.iterdir()
    entry.write_bytes(damage(entry.read_bytes()))
    assert kept(texts.parent, made)["sizes"].tolist() == [5]
    assert len(made.calls) == 2


def test_an_archive_is_read_like_a_folder(texts, cache, made):
    (texts / "a.txt").write_text("12345")
    with tarfile.open(texts.parent / "moved.tar.xz", "w:xz") as archive:
        archive.add(texts, "text-and-tables")
    (texts / "a.txt").unlink()
    texts.rmdir()
    (texts.parent / "moved.tar.xz").rename(texts.parent / "text-and-tables.tar.xz")
    for _ in range(2):
        assert kept(texts.parent, made)["sizes"].tolist() == [5]
    assert len(made.calls) == 1


def test_a_damaged_archive_is_named(tmp_path, cache, made):
    (tmp_path / "text-and-tables.tar.xz").write_bytes(b"none")
    with pytest.raises(UnreadableFileError, match=r"text-and-tables\.tar\.xz: cannot be read"):
        kept(tmp_path, made)
    assert not cache.exists() or not list(cache.iterdir())


def test_evenly_spaced_places_have_both_ends():
    assert files.evenly(np.arange(10, 21), 3).tolist() == [10, 15, 20]
    assert files.evenly(np.arange(3), 9).tolist() == [0, 1, 2]
