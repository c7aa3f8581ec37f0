"""What keeps experiments from being scored is one line."""

import errno
import os

import joblib
import pytest

from epochgraph.errors import EpochgraphError, OutputError
from paper.scoring import scored


class Deadly:
    """An experiment that ends the process that reads it, as a system short of memory does."""

    def __reduce__(self):
        return os._exit, (1,)

    def scores(self):
        raise AssertionError


def test_a_killed_process_is_one_line():
    with pytest.raises(EpochgraphError, match=r"one of 2 worker processes was killed .* use fewer --jobs"):
        scored([Deadly()], jobs=2)


@pytest.mark.parametrize("fails", ["scored.TemporaryDirectory", "joblib.dump"])
def test_a_full_temporary_folder_is_one_line(monkeypatch, fails):
    def full(*args, **kwargs):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    if fails == "joblib.dump":
        monkeypatch.setattr(joblib, "dump", full)
    else:
        monkeypatch.setattr("paper.scoring.TemporaryDirectory", full)
    with pytest.raises(OutputError, match=r"cannot be written \(No space left on device\)"):
        scored([Deadly()], jobs=1)
