"""Random numbers for each purpose of a run, all from one seed."""

from collections.abc import Iterator
from contextlib import contextmanager
from enum import IntEnum

import numpy as np
import torch


class Stream(IntEnum):
    """The purposes of randomness: each has its own random numbers, so that dropout does not change the crops."""

    WEIGHTS = 0
    BATCHES = 1
    DROPOUT = 2


def generator(seed: int, stream: Stream) -> torch.Generator:
    """The random numbers for one purpose in a run with this seed."""
    (number,) = np.random.SeedSequence((seed, stream)).generate_state(1, np.uint64)
    return torch.Generator().manual_seed(int(number))


@contextmanager
def global_randomness(source: torch.Generator) -> Iterator[None]:
    """Let the global random numbers of the source's device continue its own, and restore them afterwards."""
    device = source.device
    torch_wide = torch.default_generator if device.type == "cpu" else torch.cuda.default_generators[device.index]
    before = torch_wide.get_state()
    torch_wide.set_state(source.get_state())
    try:
        yield
        source.set_state(torch_wide.get_state())
    finally:
        torch_wide.set_state(before)
