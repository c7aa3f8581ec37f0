"""The unrolled graph that the paper could not build: time and memory of its degree.

Each network is measured in a process of its own, since the highest use of memory is only known of a whole process.
"""

import resource
import subprocess
import sys
import time

import torch

from benchmarks.timing import report
from epochgraph import degree, trace, unrolled_graph
from epochgraph.zoo import VGG, resnet50

NETWORKS = {"VGG": (VGG, 32, 10), "ResNet-50": (resnet50, 224, 1000)}


def peak_megabytes() -> float:
    """The most memory that this process has used so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def measure(name: str) -> None:
    architecture, side, classes = NETWORKS[name]
    model = architecture(classes=classes, image_size=side)
    shape = (3, side, side)
    topology = trace(model, torch.zeros(1, *shape))
    before = peak_megabytes()
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
        megabytes_beyond_the_traced_model=peak_megabytes() - before,
    )


def main() -> None:
    if len(sys.argv) > 1:
        measure(sys.argv[1])
        return
    for name in NETWORKS:
        subprocess.run([sys.executable, "-m", "benchmarks.unrolled", name], check=True)  # noqa: S603 - this very file


if __name__ == "__main__":
    main()
