"""Settings of the whole suite."""

from collections.abc import Iterator

import jaxtyping
import pytest
from hypothesis import settings

settings.register_profile("epochgraph", deadline=None)  # no test measures time
settings.load_profile("epochgraph")


@pytest.fixture
def unchecked() -> Iterator[None]:
    """Without run-time type checks, so that the package's own answer to a wrong argument is seen."""
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", False)
