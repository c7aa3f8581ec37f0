"""A watched epoch beside an unwatched one, a forecast, the help of the command line: in processor time."""

import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from benchmarks.timing import report
from epochgraph import Watch, degree, rolled_graph, trace
from epochgraph.predictors.shipped import shipped_prediction
from epochgraph.runs import read_stored_run
from epochgraph.zoo import LeNet
from epochgraph.zoo.architectures.choices import Choices
from epochgraph.zoo.architectures.transformers import vision_transformer
from epochgraph.zoo.tasks import Form

IMAGES, BATCH = 50_000, 64
"""Of an epoch of CIFAR-10. A step is timed, and counted for all: they all cost the same."""

STEPS = 3
SNAPSHOTS = 9


def processor_seconds(function: Callable[[], object], rounds: int = 1) -> float:
    """Least processor seconds, of all threads, that a call takes: what others do on the machine adds nothing to it."""
    taken = []
    for _ in range(rounds):
        begin = time.process_time()
        function()
        taken.append(time.process_time() - begin)
    return min(taken)


def epochs(name: str, model: nn.Module) -> None:
    """What watching adds to an epoch of CIFAR-10."""
    inputs, labels = torch.randn(BATCH, 3, 32, 32), torch.randint(0, 10, (BATCH,))
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-3, momentum=0.9)

    def step() -> None:
        optimizer.zero_grad()
        torch.autograd.backward(functional.cross_entropy(model(inputs), labels))
        optimizer.step()

    step()
    epoch_seconds = processor_seconds(step, rounds=STEPS) * IMAGES / BATCH
    with tempfile.TemporaryDirectory() as store:
        watch = Watch(model, inputs[:1], run="a", store=store, predictor="shipped")
        watch(1, train_loss=2.3, validation_accuracy=0.1)  # reads the predictors, compiles the kernels
        taken = []
        for epoch in range(2, 2 + SNAPSHOTS):
            step()
            said = {"train_loss": 2.3, "validation_accuracy": 0.1}
            taken.append(processor_seconds(lambda now=epoch, said=said: watch(now, **said)))  # type: ignore[misc]
        run = read_stored_run(Path(store) / "a.parquet")
        forecast = processor_seconds(lambda: shipped_prediction(run), rounds=10)
        kept = sum(path.stat().st_size for path in (Path(store) / "a.watch").glob("*.safetensors"))
    weights: list[Tensor] = list(model.parameters())
    report(
        "a watched epoch of CIFAR-10 against an unwatched one, processor time",
        model=name,
        parameters=sum(one.numel() for one in weights),
        epoch_seconds=epoch_seconds,
        watch_milliseconds=1e3 * sorted(taken)[SNAPSHOTS // 2],
        greatest_milliseconds=1e3 * max(taken),  # a predictor of the package is read, once in a process
        share_of_epoch=sorted(taken)[SNAPSHOTS // 2] / epoch_seconds,
        forecast_milliseconds=1e3 * forecast,
        megabytes_on_disk=kept / 1e6,
        megabytes_of_weights=sum(one.numel() * one.element_size() for one in weights) / 1e6,
    )


def degrees(name: str, model: nn.Module) -> None:
    """The degree as a user asks for it, against one sum of the weights."""
    topology = trace(model, torch.zeros(1, 3, 32, 32))
    weights = [parameter.detach() for parameter in model.parameters()]

    def total() -> float:
        return sum(float(one.sum()) for one in weights)

    def ours() -> object:
        return degree(rolled_graph(model, topology))

    def read_in_place() -> object:
        return degree(rolled_graph(model, topology, copy=False))

    functions = (total, ours, read_in_place)
    for function in functions:
        function()
    summed, copied, in_place = (processor_seconds(function, rounds=15) for function in functions)
    report(
        "degree(rolled_graph(model, topology)) against one sum of the weights, processor time",
        model=name,
        parameters=sum(one.numel() for one in weights),
        ratio=copied / summed,
        ratio_without_a_copy=in_place / summed,
    )


def command_line() -> None:
    """Processor time of `epochgraph --help`, in a process of its own."""
    code = "import sys; sys.argv = ['epochgraph', '--help']; from epochgraph_command import main; main()"
    taken = []
    for _ in range(5):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, env=dict(os.environ))  # noqa: S603
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        taken.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    report("epochgraph --help, processor time", seconds=min(taken))


def main() -> None:
    command_line()
    torch.set_num_threads(1)  # threads that wait for each other would count as work
    torch.manual_seed(0)
    epochs("LeNet", LeNet(classes=10, image_size=32))
    form = Form(kind="image", inputs=(3, 32, 32), outputs=(10,))
    vit = vision_transformer(form, Choices(width=256, depth=9))
    epochs("ViT", vit)
    degrees("ViT", vit)
    degrees("ViT", vision_transformer(form, Choices(width=384, depth=18)))


if __name__ == "__main__":
    main()
