"""The published populations, read once for all tests of results."""

from pathlib import Path

import pytest

from paper.populations import Population, read_populations

ZOOS = Path(__file__).parents[2] / "zoos"


@pytest.fixture(scope="session")
def populations() -> dict[str, Population]:
    return {one.name: one for one in read_populations(ZOOS)}
