"""The zoo's trainer beside a plain PyTorch loop: LeNet on CIFAR-10, images a second on all cores, and the accuracy."""

import multiprocessing
import os
import random
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import DataLoader
from torch.utils.data import Dataset as TorchDataset

from benchmarks.timing import report, seconds
from epochgraph.runs import read_stored_runs
from epochgraph.zoo import Dataset, LeNet, Split, read_images
from epochgraph.zoo.batches import inputs
from epochgraph.zoo.pool import train_population
from epochgraph.zoo.population import open_population
from epochgraph.zoo.recipe import parse_recipe

EPOCHS = 4
SEEDS = 3
LEARNING_RATE = 0.02
BATCH = 128
CORES = 2

RECIPE = f"""
name = "throughput"
scale = "reduced"
architecture = "LeNet"
threshold = 0.4
about = "For a benchmark."
[data]
name = "CIFAR-10 (JPEG)"
[grid]
learning_rate = [{LEARNING_RATE}]
repeats = {2 * CORES}
[training]
epochs = {EPOCHS}
batch_size = {BATCH}
"""


class PlainImages(TorchDataset[tuple[Tensor, int]]):
    """Images as torchvision's CIFAR10 has them: an array in memory, a PIL image an item, transforms one by one."""

    def __init__(self, dataset: Dataset) -> None:
        self.pixels = dataset.images.permute(0, 2, 3, 1).contiguous().numpy()
        self.labels = dataset.labels.tolist()

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        """Pad by 4, crop and mirror at random, scale to mean 0.5 and standard deviation 0.5."""
        image = ImageOps.expand(Image.fromarray(self.pixels[index]), border=4)
        left, top = random.randint(0, 8), random.randint(0, 8)  # noqa: S311 - no secret
        image = image.crop((left, top, left + 32, top + 32))
        if random.random() < 0.5:  # noqa: S311 - no secret
            image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        tensor = torch.from_numpy(np.asarray(image).transpose(2, 0, 1).copy()).float() / 255
        return (tensor - 0.5) / 0.5, self.labels[index]


def plain(split: Split, seed: int) -> tuple[float, float]:
    """Seconds of training the plain way, without any evaluation, and the test accuracy at its end."""
    torch.manual_seed(seed)
    random.seed(seed)
    model = LeNet(classes=10)
    optimizer = torch.optim.SGD(model.parameters(), lr=LEARNING_RATE, momentum=0.9)
    loader = DataLoader(PlainImages(split.train), batch_size=BATCH, shuffle=True, num_workers=2)
    begin = time.perf_counter()
    for _ in range(EPOCHS):
        for images, labels in loader:
            optimizer.zero_grad()
            torch.autograd.backward(functional.cross_entropy(model(images), labels))
            optimizer.step()
    taken = time.perf_counter() - begin
    return taken, accuracy(model, split.test)


def accuracy(model: nn.Module, dataset: Dataset) -> float:
    with torch.inference_mode():
        right = [
            (model(inputs(images)).argmax(1) == labels).sum()
            for images, labels in zip(torch.split(dataset.images, 500), torch.split(dataset.labels, 500), strict=True)
        ]
    return float(sum(right)) / len(dataset)


def ours(path: Path, cache: Path) -> tuple[float, Sequence[float], float]:
    """Images a second of a population, all included, the test accuracies, and the share of time in training steps."""
    recipe = parse_recipe(RECIPE, Path("throughput.toml"))
    read = partial(read_images, path, held_out="test", validation_share=0.5, cache=cache)
    with tempfile.TemporaryDirectory() as folder:
        open_population(Path(folder), recipe, RECIPE)
        begin = time.perf_counter()
        for _ in train_population(Path(folder), read, workers=CORES):
            pass
        taken = time.perf_counter() - begin
        runs = read_stored_runs(Path(folder) / "runs")
    images = len(read().train) * EPOCHS * len(runs)
    steps = sum(float(run.metrics["seconds"].loc[run.metrics.index % 1 == 0].sum()) for run in runs)
    return images / taken, [run.final_accuracy() for run in runs], steps / (CORES * taken)


def bare_step(_: int) -> float:
    """Images a second of one process on one core that takes steps on one and the same batch."""
    torch.set_num_threads(1)
    model = LeNet(classes=10)
    optimizer = torch.optim.SGD(model.parameters(), lr=LEARNING_RATE, momentum=0.9)
    images = torch.zeros(BATCH, 3, 32, 32).to(memory_format=torch.channels_last)
    labels = torch.zeros(BATCH, dtype=torch.long)

    def steps() -> None:
        for _ in range(50):
            optimizer.zero_grad()
            torch.autograd.backward(functional.cross_entropy(model(images), labels))
            optimizer.step()

    return 50 * BATCH / seconds({"steps": steps}, rounds=5)["steps"]


def on_all_cores(function: Callable[[int], float]) -> float:
    """The sum of what a function says in one process a core, all at the same time."""
    with multiprocessing.get_context("spawn").Pool(CORES) as pool:
        found: list[float] = pool.map(function, range(CORES))
    return sum(found)


def main() -> None:
    path = Path(os.environ.get("EPOCHGRAPH_DATA", "../shared/data")) / "cifar10-jpeg.tar.xz"
    if not path.exists():
        report("training, skipped", reason=f"{path} is missing; set EPOCHGRAPH_DATA to its folder")
        return
    with tempfile.TemporaryDirectory() as cache:
        split = read_images(path, held_out="test", validation_share=0.5, cache=Path(cache))
        speed, accuracies, share = ours(path, Path(cache))
        loops = [plain(split, seed) for seed in range(SEEDS)]
    loop_speed = len(split.train) * EPOCHS * SEEDS / sum(taken for taken, _ in loops)
    bare = on_all_cores(bare_step)
    report(
        "LeNet on CIFAR-10 (JPEG), against a plain loop with a DataLoader of two workers",
        epochs=EPOCHS,
        images_a_second=speed,
        plain_images_a_second=loop_speed,
        ratio=speed / loop_speed,
        bare_step_images_a_second=bare,
        share_of_bare_step=speed / bare,
        share_of_time_in_steps=share,
        accuracies=[round(value, 3) for value in accuracies],
        plain_accuracies=[round(value, 3) for _, value in loops],
    )


if __name__ == "__main__":
    main()
