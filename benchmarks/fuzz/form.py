"""What the fuzzer has to know of a kind of file."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from random import Random


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of file.

    Attributes:
        suffix: How its names end.
        samples: Makes good files, given a folder to work in: the content of each.
        mutated: Another content that is made of a good one by changing some of it.
        use: Does with a file whatever the package does with it; an EpochgraphError is a right answer.
    """

    suffix: str
    samples: Callable[[Path], list[bytes]]
    mutated: Callable[[bytes, Random], bytes]
    use: Callable[[Path], object]
