"""Work that is shared out to the processor's cores."""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from threading import Thread
from typing import TypeVar

import torch

_T = TypeVar("_T")
_R = TypeVar("_R")

MUCH = 1 << 24
"""Work for which it pays to start threads."""


def shared_out(function: Callable[[_T], _R], items: Sequence[_T], work: Sequence[int]) -> Iterator[_R]:
    """The results of a function, in the order of the items.

    It uses as many threads as torch would (`torch.set_num_threads`), and lets those items alone that torch works on
    with all of them. A result is the same whichever thread makes it, and the order does not change: so do sums of them.

    Args:
        function: What is done; it has to let other threads run for most of the time.
        items: What it is done with.
        work: How much there is to do for each item; 0 for what is small, or done by all cores together.
    """
    if sum(work) < MUCH:
        return map(function, items)
    heavy = sorted((index for index, much in enumerate(work) if much), key=lambda index: -work[index])
    threads = min(torch.get_num_threads(), len(heavy))
    if threads < 2:
        return map(function, items)
    found = _results(lambda index: function(items[index]), heavy, threads)
    return (found.pop(index) if index in found else function(item) for index, item in enumerate(items))


def _results(function: Callable[[int], _R], numbers: Sequence[int], threads: int) -> dict[int, _R]:
    """The result for each number, of which each thread takes the next when it is done with one."""
    left, found, failures = deque(numbers), {}, deque[Exception]()

    def act() -> None:
        while left:
            try:
                number = left.popleft()
            except IndexError:  # another thread was faster
                return
            try:
                found[number] = function(number)
            except Exception as error:  # raised again by the caller's thread
                failures.append(error)
                left.clear()

    others = [Thread(target=act) for _ in range(threads - 1)]
    try:
        for thread in others:
            thread.start()
        act()
    finally:
        left.clear()  # also where the user interrupts: the others end with what they have begun
        for thread in others:
            thread.join()
    if failures:
        raise failures[0]
    return found
