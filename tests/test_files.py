import errno
import os
import stat
from contextlib import suppress

import pytest

from epochgraph.errors import OutputError
from epochgraph.files import atomic_write


def test_the_file_is_there_once_it_is_whole(tmp_path):
    path = tmp_path / "new" / "result.txt"
    with atomic_write(path) as temporary:
        temporary.write_text("half")
        assert not path.exists()
        assert temporary.suffix == ".txt"
    assert path.read_text() == "half"
    assert list(path.parent.iterdir()) == [path]


def test_a_failure_leaves_what_was_there(tmp_path):
    path = tmp_path / "result.txt"
    path.write_text("before")
    with suppress(RuntimeError), atomic_write(path) as temporary:
        temporary.write_text("after")
        raise RuntimeError("half-way")
    assert path.read_text() == "before"
    assert list(tmp_path.iterdir()) == [path]


def test_a_full_disk_is_one_clear_line_and_leaves_nothing(tmp_path):
    path = tmp_path / "result.txt"
    with pytest.raises(OutputError, match="No space left on device"), atomic_write(path):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_made_is_one_clear_line(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot be written"), atomic_write(tmp_path / "file" / "result.txt"):
        pass


def test_the_file_is_as_open_as_any_other(tmp_path):
    (tmp_path / "other").write_text("")
    with atomic_write(tmp_path / "result.txt") as temporary:
        temporary.write_text("")
    modes = {stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("other", "result.txt")}
    assert len(modes) == 1
