"""The resources that a population is trained with: processes, cores, a GPU."""

import os
from dataclasses import dataclass

import torch

from epochgraph.errors import SettingError

ON_GPU = 70
"""How many networks a process trains side by side on a GPU."""

SHARE_GPU = 4
"""How many processes share a GPU: while one records snapshots on its core, another keeps the GPU busy."""


def usable_cores() -> int:
    """The processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@dataclass(frozen=True, slots=True)
class Resources:
    """What a population is trained with.

    Attributes:
        workers: Processes.
        threads: Cores of each.
        device: "cpu", or a CUDA device, which all processes share.
        together: Networks that each process trains side by side.
    """

    workers: int = 1
    threads: int = 1
    device: str = "cpu"
    together: int = 1

    def noted(self) -> dict[str, int | str]:
        """What to record about how runs were trained: the GPU's name, if there is one."""
        noted: dict[str, int | str] = {"workers": self.workers, "threads": self.threads}
        if self.device != "cpu":
            noted["device"] = torch.cuda.get_device_name(self.device)
        if self.together > 1:
            noted["together"] = self.together
        return noted


ONE_CORE = Resources()
"""One network at a time."""


def usable_resources(
    *, workers: int | None = None, threads: int = 1, device: str = "auto", together: int | None = None
) -> Resources:
    """The resources of this machine, unless other ones are asked for.

    Args:
        workers: Processes; by default one per core, on a GPU at most `SHARE_GPU`.
        threads: Cores of each.
        device: "cpu", "cuda" or "cuda:1"; "auto" for CUDA where there is some.
        together: Networks side by side; by default one on the CPU, `ON_GPU` on a GPU.

    Raises:
        SettingError: There is no such device.
    """
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    devices = ["cpu", *(f"cuda:{number}" for number in range(count)), *(["cuda"] if count else [])]
    if device == "auto":
        device = "cuda" if count else "cpu"
    if device not in devices:
        raise SettingError("device", device, f"one that this machine has: auto, {', '.join(devices)}")
    if device == "cpu":
        return Resources(workers or usable_cores(), threads, device, together or 1)
    return Resources(workers or min(usable_cores(), SHARE_GPU), threads, device, together or ON_GPU)
