"""Settings of the whole suite."""

import os
import signal
from collections.abc import Iterator

import jaxtyping
import pytest
import torch
from hypothesis import settings

if "PYTEST_XDIST_WORKER" in os.environ:  # there is a process for each core: each keeps to one
    os.environ["OMP_NUM_THREADS"] = "1"
    torch.set_num_threads(1)

if (
    signal.getsignal(signal.SIGINT) is signal.SIG_IGN
):  # in a shell's background; what the tests start would be deaf, too
    signal.signal(signal.SIGINT, signal.default_int_handler)

# No test measures time, and the same code gets the same examples; `--hypothesis-profile search` looks for new ones.
settings.register_profile("epochgraph", deadline=None, derandomize=True, max_examples=30)
settings.register_profile("search", deadline=None, max_examples=1000)
settings.load_profile("epochgraph")


@pytest.fixture
def unchecked() -> Iterator[None]:
    """Without run-time type checks, so that the package's own answer to a wrong argument is seen."""
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", False)
