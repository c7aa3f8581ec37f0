"""Time alternatives in turn, so that whatever else the machine does falls on all of them."""

import json
import platform
import time
from collections.abc import Callable, Mapping

import torch


def seconds(alternatives: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Least seconds of each alternative, since whatever else the machine does can only add to them.

    All are called once in every round, after one round to warm up; of no rounds, that one counts.
    """
    taken: dict[str, list[float]] = {name: [] for name in alternatives}
    for number in range(rounds + 1):
        for name, function in alternatives.items():
            begin = time.perf_counter()
            function()
            if number or not rounds:
                taken[name].append(time.perf_counter() - begin)
    return {name: min(times) for name, times in taken.items()}


def report(benchmark: str, **figures: object) -> None:
    """Print one result as a JSON line."""
    rounded = {name: float(f"{value:.4g}") if isinstance(value, float) else value for name, value in figures.items()}
    print(json.dumps({"benchmark": benchmark, **rounded}), flush=True)


def machine() -> dict[str, object]:
    """What the figures were measured on."""
    return {
        "processor": platform.machine(),
        "threads": torch.get_num_threads(),
        "python": platform.python_version(),
        "torch": torch.__version__,
    }
