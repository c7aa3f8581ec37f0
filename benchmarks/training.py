"""The zoo's trainer beside a plain PyTorch loop: LeNet on CIFAR-10, images a second on all cores, and the accuracy."""

import multiprocessing
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

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
from epochgraph.zoo.population import open_population, training_seconds
from epochgraph.zoo.recipe import parse_recipe
from epochgraph.zoo.resources import Resources

TRAINED_EPOCHS = 4
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
epochs = {TRAINED_EPOCHS}
batch_size = {BATCH}
"""


class PlainImages(TorchDataset[tuple[Tensor, int]]):
    """What a user of PyTorch writes first: a PIL image an item, and transforms one by one, each as torchvision has it.

    Args:
        items: What the images are opened from.
        opened: Opens one.
        labels: Their classes.
    """

    def __init__(
        self, items: Sequence[Any] | np.ndarray, opened: Callable[[Any], Image.Image], labels: Sequence[int]
    ) -> None:
        self.items = items
        self.opened = opened
        self.labels = labels

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        """RandomCrop(32, padding=4), RandomHorizontalFlip(), ToTensor(), Normalize(0.5, 0.5)."""
        image = ImageOps.expand(self.opened(self.items[index]), border=4)
        top, left = int(torch.randint(0, 9, (1,)).item()), int(torch.randint(0, 9, (1,)).item())
        image = image.crop((left, top, left + 32, top + 32))
        if torch.rand(1) < 0.5:
            image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        tensor = torch.from_numpy(np.array(image, np.uint8, copy=True)).permute(2, 0, 1).contiguous().float().div(255)
        mean, deviation = (torch.as_tensor([0.5, 0.5, 0.5]).view(-1, 1, 1) for _ in range(2))
        return tensor.clone().sub_(mean).div_(deviation), self.labels[index]


def in_memory(split: Split) -> PlainImages:
    """Images as torchvision's CIFAR10 has them: an array, of which each item makes a PIL image."""
    pixels = split.train.images.permute(0, 2, 3, 1).contiguous().numpy()
    return PlainImages(pixels, Image.fromarray, split.train.labels.tolist())


def in_files(split: Split, folder: Path) -> PlainImages:
    """Images as torchvision's ImageFolder has them: a JPEG file each."""
    paths = []
    for number, pixels in enumerate(split.train.images.permute(0, 2, 3, 1).numpy()):
        paths.append(folder / f"{number}.jpg")
        Image.fromarray(pixels).save(paths[-1], quality=90)
    return PlainImages(paths, opened_file, split.train.labels.tolist())


def opened_file(path: Path) -> Image.Image:
    with Image.open(path) as image:
        return image.convert("RGB")


def plain(images: PlainImages, test: Dataset, seed: int) -> tuple[float, float]:
    """Images a second of training the plain way, without any evaluation, and the test accuracy at its end."""
    torch.manual_seed(seed)
    model = LeNet(classes=10)
    optimizer = torch.optim.SGD(model.parameters(), lr=LEARNING_RATE, momentum=0.9)
    loader = DataLoader(images, batch_size=BATCH, shuffle=True, num_workers=2)
    begin = time.perf_counter()
    for _ in range(TRAINED_EPOCHS):
        for batch, labels in loader:
            optimizer.zero_grad()
            torch.autograd.backward(functional.cross_entropy(model(batch), labels))
            optimizer.step()
    return len(images) * TRAINED_EPOCHS / (time.perf_counter() - begin), accuracy(model, test)


def accuracy(model: nn.Module, dataset: Dataset) -> float:
    with torch.inference_mode():
        right = [
            (model(inputs(images)).argmax(1) == labels).sum()
            for images, labels in zip(torch.split(dataset.images, 500), torch.split(dataset.labels, 500), strict=True)
        ]
    return float(sum(right)) / len(dataset)


@dataclass(frozen=True)
class Speed:
    """Images a second of a population.

    Attributes:
        steps: While it trains: what a plain loop without evaluation does.
        whole: With all evaluations and snapshots, which are those of every recipe.
        with_start: Also with the start of the processes.
    """

    steps: float
    whole: float
    with_start: float


def ours(path: Path, cache: Path) -> tuple[Speed, list[float]]:
    """How fast a population is trained, and the test accuracies."""
    recipe = parse_recipe(RECIPE, Path("throughput.toml"))
    read = partial(read_images, path, held_out="test", validation_share=0.5, cache=cache)
    with tempfile.TemporaryDirectory() as folder:
        open_population(Path(folder), recipe, RECIPE)
        times = [time.perf_counter()]
        times += [time.perf_counter() for _ in train_population(Path(folder), read, resources=Resources(CORES))]
        runs = read_stored_runs(Path(folder) / "runs")
    images = len(read().train) * TRAINED_EPOCHS * len(runs)
    steps = images / (sum(map(training_seconds, runs)) / CORES)
    accuracies = [round(run.final_accuracy(), 3) for run in runs]
    return Speed(steps, images / (times[-1] - times[1]), images / (times[-1] - times[0])), accuracies


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
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        split = read_images(path, held_out="test", validation_share=0.5, cache=folder)
        speed, accuracies = ours(path, folder)
        array = [plain(in_memory(split), split.test, seed) for seed in range(SEEDS)]
        images = in_files(split, folder)
        files = [plain(images, split.test, seed) for seed in range(SEEDS)]
    bare = on_all_cores(bare_step)
    from_memory, from_files = (sum(found for found, _ in runs) / SEEDS for runs in (array, files))
    report(
        "LeNet on CIFAR-10 (JPEG), against a plain loop with a DataLoader of two workers",
        epochs=TRAINED_EPOCHS,
        images_a_second=speed.steps,
        with_evaluations_and_snapshots=speed.whole,
        with_start=speed.with_start,
        plain_from_files=from_files,
        plain_from_memory=from_memory,
        ratio_to_files=speed.steps / from_files,
        ratio_to_memory=speed.steps / from_memory,
        whole_ratio_to_files=speed.whole / from_files,
        whole_ratio_to_memory=speed.whole / from_memory,
        bare_step=bare,
        share_of_bare_step=speed.steps / bare,
        whole_share_of_bare_step=speed.whole / bare,
        accuracies=accuracies,
        plain_accuracies=[round(found, 3) for _, found in (*array, *files)],
    )


if __name__ == "__main__":
    main()
