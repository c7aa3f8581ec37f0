"""The unrolled graph that the paper could not build: time and memory of its degree.

Each network is measured in a process of its own, so that no memory is left over from another.
"""

import subprocess
import sys
import time
from pathlib import Path

import torch

from benchmarks.timing import report
from epochgraph import degree, trace, unrolled_graph
from epochgraph.zoo import VGG, resnet50

NETWORKS = {"VGG": (VGG, 32, 10), "ResNet-50": (resnet50, 224, 1000)}


def memory_megabytes(what: str) -> float:
    """This process's memory now (VmRSS), or the most since it was last reset (VmHWM); of Linux."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(what)) / 1024


def reset_peak() -> None:
    """Let the highest use of memory begin anew from what is used now."""
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


def measure(name: str) -> None:
    architecture, side, classes = NETWORKS[name]
    model = architecture(classes=classes, image_size=side)
    shape = (3, side, side)
    topology = trace(model, torch.zeros(1, *shape))
    reset_peak()
    before = memory_megabytes("VmRSS")
    begin = time.perf_counter()
    graph = unrolled_graph(model, topology, shape)
    degree(graph)
    taken = time.perf_counter() - begin
    report(
        "unrolled degree, first call",
        network=name,
        input=list(shape),
        nodes=graph.size,
        seconds=taken,
        megabytes_beyond_the_traced_model=memory_megabytes("VmHWM") - before,
    )


def main() -> None:
    if len(sys.argv) > 1:
        measure(sys.argv[1])
        return
    for name in NETWORKS:
        subprocess.run([sys.executable, "-m", "benchmarks.unrolled", name], check=True)  # noqa: S603 - this very file


if __name__ == "__main__":
    main()
