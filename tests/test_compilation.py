"""Machine code, also where it cannot be kept; and that it is kept where nobody else can write."""

import os
import pickle
import subprocess
import sys
from pathlib import Path

import pytest

from epochgraph import compilation

posix = pytest.mark.skipif(not hasattr(os, "geteuid"), reason="rights of files are those of POSIX")


def double(number):
    return 2 * number


@pytest.fixture
def private(tmp_path, monkeypatch):
    """A folder that is asked for, closed to others."""
    folder = tmp_path / "machine-code"
    folder.mkdir(mode=0o700)
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(folder))
    compilation.private_folder.cache_clear()
    yield folder
    compilation.private_folder.cache_clear()


def test_functions_work_where_nothing_can_be_written(monkeypatch):
    """A package in a read-only folder of a user without a cache is compiled anew by each process."""
    real = compilation.njit

    def njit(**options):
        if options.get("cache"):
            raise RuntimeError("cannot cache function: no locator available")
        return real(**options)

    monkeypatch.setattr(compilation, "njit", njit)
    assert compilation.compiled(double)(4) == 8


def test_machine_code_is_kept_in_a_folder_of_the_users_own(private):
    assert compilation.private_folder() == private.resolve()
    assert compilation.compiled(double)(4) == 8
    assert list(private.rglob("*double*.nbi"))


def test_a_folder_that_is_made_is_closed_to_others(private, monkeypatch):
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(private / "new"))
    compilation.private_folder.cache_clear()
    old = os.umask(0)
    try:
        assert compilation.private_folder() == private.resolve() / "new"
    finally:
        os.umask(old)
    assert (private / "new").stat().st_mode & 0o777 == 0o700


@posix
@pytest.mark.parametrize("rights", [0o777, 0o770, 0o722, 0o701, 0o1777])
def test_a_folder_that_others_can_reach_is_not_used(private, rights):
    private.chmod(rights)
    assert compilation.private_folder() is None
    assert compilation.compiled(double)(4) == 8
    assert not list(private.iterdir())


@posix
@pytest.mark.parametrize(("rights", "safe"), [(0o777, False), (0o775, False), (0o1777, True), (0o755, True)])
def test_a_folder_that_others_can_replace_is_not_used(private, monkeypatch, rights, safe):
    inner = private / "inner"
    inner.mkdir(mode=0o700)
    private.chmod(rights)
    assert compilation.is_private(inner.resolve()) is safe


@posix
def test_a_folder_of_somebody_else_is_not_used(private, monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: private.stat().st_uid + 1)
    assert not compilation.is_private(private)


@posix
def test_what_lies_in_an_open_folder_is_not_unpickled(private):
    """The cache of numba in the hands of others: an index that runs code when it is read."""
    program = "from epochgraph.compilation import compiled; from probe import double; print(compiled(double)(4))"
    module = private.parent / "probe.py"
    module.write_text("def double(number):\n    return 2 * number\n")
    path = os.pathsep.join([str(private.parent), str(Path(compilation.__file__).parents[1])])
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(private), "PYTHONPATH": path}

    def run():
        return subprocess.run(
            [sys.executable, "-c", program], check=False, env=environment, capture_output=True, text=True
        )

    assert run().stdout == "8\n"
    (index,) = private.rglob("*double*.nbi")
    canary = private.parent / "executed"

    class Canary:
        def __reduce__(self):
            return Path.touch, (canary,)

    index.write_bytes(pickle.dumps(Canary()))
    private.chmod(0o777)
    assert run().stdout == "8\n"
    assert not canary.exists()
    private.chmod(0o700)
    run()
    assert canary.exists()  # so the test would have seen it
