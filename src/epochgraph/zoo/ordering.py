"""How many runs there may be, and orders whose every beginning is spread evenly."""

import math
from collections.abc import Sequence

MOST_RUNS = 100_000
"""Of a recipe, and of any number in it that runs are counted or their length is given by: beyond it, it is mistyped."""


def spread(count: int) -> list[int]:
    """The numbers below `count`, in an order whose every beginning is spread evenly over them.

    It steps by the golden section of the whole, rounded to a step that reaches every number.

    References:
        Knuth, The art of computer programming, volume 3, section 6.4 (Fibonacci hashing).
    """
    step = next(step for step in _outwards(round(count * (math.sqrt(5) - 1) / 2)) if math.gcd(step, count) == 1)
    return [step * n % count for n in range(count)]


def _outwards(middle: int) -> Sequence[int]:
    return [middle + sign * distance for distance in range(middle + 1) for sign in (1, -1)]
