"""Random numbers for each purpose of a run, all decided on by one seed."""

from collections.abc import Iterator
from contextlib import contextmanager
from enum import IntEnum

import numpy as np
import torch


class Stream(IntEnum):
    """What randomness is for: each purpose has random numbers of its own, so that dropout does not change the crops."""

    WEIGHTS = 0
    BATCHES = 1
    DROPOUT = 2


def generator(seed: int, stream: Stream) -> torch.Generator:
    """The random numbers of one purpose in a run of this seed."""
    (number,) = np.random.SeedSequence((seed, stream)).generate_state(1, np.uint64)
    return torch.Generator().manual_seed(int(number))


@contextmanager
def global_randomness(source: torch.Generator) -> Iterator[None]:
    """Let torch's global random numbers continue those of `source`, and then be again what they were."""
    with torch.random.fork_rng(devices=[]):
        torch.set_rng_state(source.get_state())
        yield
        source.set_state(torch.get_rng_state())
