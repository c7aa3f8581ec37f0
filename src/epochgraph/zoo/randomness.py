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
    """Let the global random numbers of the source's device continue its own, and then be again what they were."""
    device = source.device
    torch_wide = torch.default_generator if device.type == "cpu" else torch.cuda.default_generators[device.index]
    before = torch_wide.get_state()
    torch_wide.set_state(source.get_state())
    try:
        yield
        source.set_state(torch_wide.get_state())
    finally:
        torch_wide.set_state(before)
