"""Work that is shared among the processor's cores."""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from threading import Thread
from typing import TypeVar

import torch

_T = TypeVar("_T")
_R = TypeVar("_R")

MUCH = 1 << 24
"""The least amount of work for which starting threads pays off."""


def shared_out(function: Callable[[_T], _R], items: Sequence[_T], work: Sequence[int]) -> Iterator[_R]:
    """The results of a function, in the order of the items.

    It uses as many threads as torch would (`torch.set_num_threads`), except for items that torch itself works on with
    all cores. A result does not depend on the thread that makes it, and the order is fixed, so sums are reproducible.

    Args:
        function: What to do; it must let other threads run for most of the time.
        items: What to do it with.
        work: The amount of work for each item; 0 for small items, and for those that use all cores by themselves.
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
    """The result for each number; a thread takes the next number whenever it is done with one."""
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
        left.clear()  # also on an interrupt: the other threads finish what they have begun
        for thread in others:
            thread.join()
    if failures:
        raise failures[0]
    return found
