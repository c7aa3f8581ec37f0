"""LeNets trained side by side on a GPU, beside the steps of one after another: images a second and runs an hour."""

import time
from itertools import islice

import torch
from torch import Tensor, nn
from torch.nn import functional

from benchmarks.timing import report
from epochgraph.zoo import Dataset, LeNet, Split, TrainingSettings, build
from epochgraph.zoo.batches import cropped, draws, padded
from epochgraph.zoo.ensemble import Ensemble

SETTINGS = TrainingSettings(learning_rate=0.01, epochs=2, dropout=0.5)
"""The first epoch warms up, the second is measured."""

EPOCHS_OF_A_RUN = 50
TOGETHER = (70, 140)
WAYS = (
    {"unfolded": False, "captured": False},
    {"unfolded": False, "captured": True},
    {"unfolded": True, "captured": True},
)
STEPS_ALONE = 300


class Unfolded(nn.Module):
    """A convolution without stride or padding as one matrix product: more memory, but no kernel for groups is needed.

    Args:
        convolution: Tells the weights.
    """

    def __init__(self, convolution: nn.Conv2d) -> None:
        super().__init__()
        self.weight = convolution.weight
        self.bias = convolution.bias

    def forward(self, x: Tensor) -> Tensor:
        """Multiply the weights with every window, copied out; `functional.unfold` would launch a kernel an image."""
        height, width = self.weight.shape[2:]
        windows = x.unfold(2, height, 1).unfold(3, width, 1).permute(0, 2, 3, 1, 4, 5)
        return functional.linear(windows.flatten(3), self.weight.flatten(1), self.bias).permute(0, 3, 1, 2)


def random_images(train: int, held_out: int) -> Split:
    """Images as large as CIFAR-10's; what they show makes no difference to the time."""
    generator = torch.Generator().manual_seed(0)

    def part(count: int) -> Dataset:
        images = torch.randint(256, (count, 3, 32, 32), dtype=torch.uint8, generator=generator)
        return Dataset(images, torch.randint(10, (count,), generator=generator), tuple("0123456789"))

    return Split(part(train), part(held_out), part(held_out))


def together(split: Split, networks: int, device: str, *, unfolded: bool, captured: bool) -> tuple[float, float]:
    """Images a second of the steps, and of a whole epoch with its evaluation."""
    models = [build(LeNet, split, SETTINGS) for _ in range(networks)]
    for model in models if unfolded else []:
        features = model.get_submodule("features")
        for name, layer in list(features.named_children()):
            if isinstance(layer, nn.Conv2d):
                features.set_submodule(name, Unfolded(layer))
    reports = Ensemble(models, split, [SETTINGS] * networks, device=device, captured=captured).reports()
    next(reports)
    next(reports)
    begin = time.perf_counter()
    seconds = sum(of_one.seconds for of_one in next(reports))
    images = networks * len(split.train)
    return images / seconds, images / (time.perf_counter() - begin)


def alone(split: Split, device: str, steps: int) -> float:
    """Images a second of one network's steps, without ever waiting for the device or evaluating anything."""
    model = build(LeNet, split, SETTINGS).to(device)
    optimizer = torch.optim.SGD(model.parameters(), lr=SETTINGS.learning_rate, momentum=SETTINGS.momentum)
    images, labels = padded(split.train.images.to(device), SETTINGS.crop_padding), split.train.labels.to(device)
    batches = draws(
        len(labels),
        padding=SETTINGS.crop_padding,
        batch_size=SETTINGS.batch_size,
        flip=SETTINGS.flip,
        generator=torch.Generator().manual_seed(0),
    )

    def take(count: int) -> float:
        for draw in islice(batches, count):
            chosen = draw.to(device)
            optimizer.zero_grad()
            outputs = model(cropped(images, chosen, split.train.image_size))
            torch.autograd.backward(functional.cross_entropy(outputs, labels[chosen[0]]))
            optimizer.step()
        return next(model.parameters()).sum().item()  # waits for the device

    take(steps // 5)
    begin = time.perf_counter()
    take(steps)
    return steps * SETTINGS.batch_size / (time.perf_counter() - begin)


def main() -> None:
    if not torch.cuda.is_available():
        report("ensemble, skipped", reason="there is no CUDA device")
        return
    split = random_images(50_000, 5_000)
    speed_alone = alone(split, "cuda", STEPS_ALONE)
    images_of_a_run = len(split.train) * EPOCHS_OF_A_RUN
    for networks in TOGETHER:
        for way in WAYS:
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats()
            steps, whole = together(split, networks, "cuda", **way)
            report(
                "LeNets side by side on a GPU, against the steps of one after another",
                device=torch.cuda.get_device_name(),
                networks=networks,
                **way,
                images_a_second=steps,
                images_a_second_with_evaluation=whole,
                one_after_another_images_a_second=speed_alone,
                ratio=steps / speed_alone,
                runs_an_hour=3600 * whole / images_of_a_run,
                one_after_another_runs_an_hour=3600 * speed_alone / images_of_a_run,
                gigabytes=torch.cuda.max_memory_reserved() / 2**30,
            )


if __name__ == "__main__":
    main()
