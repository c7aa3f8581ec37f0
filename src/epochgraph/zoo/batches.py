"""Images in memory -> batches for a network: drawn, cropped, mirrored and scaled, a whole batch at once.

Batches are stored pixel by pixel (PyTorch's channels-last order), which makes a step on a CPU up to a fifth faster. The
network's weights are not: in that order they could not be saved as safetensors.
"""

from collections.abc import Iterator

import numpy as np
import torch
from jaxtyping import Float32, Int64, UInt8
from torch import Tensor
from torch.nn import functional

from epochgraph.compilation import compiled
from epochgraph.zoo.datasets import Images, Labels

Inputs = Float32[Tensor, "images channels height width"]
Padded = UInt8[Tensor, "images rows columns channels"]
Draw = Int64[Tensor, "4 drawn"]


def inputs(images: Images) -> Inputs:
    """Pixels as a network takes them: 0 to 255 become -1 to 1."""
    return images.to(torch.float32, memory_format=torch.channels_last).div_(127.5).sub_(1)


def padded(images: Images, padding: int) -> Padded:
    """The images with `padding` black pixels on each side, pixel by pixel."""
    return functional.pad(images.permute(0, 2, 3, 1), (0, 0, padding, padding, padding, padding)).contiguous()


def draws(count: int, *, padding: int, batch_size: int, flip: bool, generator: torch.Generator) -> Iterator[Draw]:
    """Draw every image once, in random order, each with the position of its crop and whether it is mirrored.

    Args:
        count: Number of images.
        padding: Number of pixels that were added on each side.
        batch_size: Images per batch; the last batch has the rest. A rest of one is left out, as batch norm cannot
            normalise it.
        flip: Whether to mirror half of the images, at random.
        generator: Where all randomness comes from.

    Yields:
        What one batch is made of: for each of its images the index, first row and first column of the crop, and 1 if it
        is mirrored.
    """
    order = torch.randperm(count, generator=generator)
    if batch_size > 1 and count > batch_size and count % batch_size == 1:
        order = order[:-1]
    for chosen in torch.split(order, batch_size):
        corners = torch.randint(2 * padding + 1, (2, len(chosen)), generator=generator)
        mirrored = torch.rand(len(chosen), generator=generator) < 0.5 if flip else torch.zeros(len(chosen)).bool()
        yield torch.cat([chosen[None], corners, mirrored[None]])


def shuffled_batches(
    images: Padded, labels: Labels, *, padding: int, batch_size: int, flip: bool, generator: torch.Generator
) -> Iterator[tuple[Inputs, Labels]]:
    """Draw every image once, in random order, each as a random crop of the size that it had before it was padded.

    Args:
        images: The padded images.
        labels: Class of each image.
        padding: Number of pixels that were added on each side.
        batch_size: Images per batch, as in `draws`.
        flip: Whether to mirror half of the images, at random.
        generator: Where all randomness comes from.

    Yields:
        The inputs of one batch, and their labels.
    """
    size = images.shape[1] - 2 * padding
    for draw in draws(len(labels), padding=padding, batch_size=batch_size, flip=flip, generator=generator):
        pixels = torch.empty(draw.shape[1], size, size, images.shape[3])
        _crop(images.numpy(), draw.numpy(), pixels.numpy())
        yield pixels.permute(0, 3, 1, 2), labels[draw[0]]


def cropped(images: Padded, draw: Draw, size: int) -> Float32[Tensor, "drawn channels height width"]:
    """The inputs of one batch, as `shuffled_batches` makes them, with operations that run on a GPU.

    Args:
        images: The padded images, on any device.
        draw: What the batch is made of, on the same device.
        size: Height and width of a crop.
    """
    chosen, top, left, mirrored = draw
    place = torch.arange(size, device=images.device)
    rows = top[:, None] + place
    columns = left[:, None] + torch.where(mirrored[:, None] > 0, size - 1 - place, place)
    return inputs(images[chosen[:, None, None], rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2))


@compiled
def _crop(images: np.ndarray, draw: np.ndarray, pixels: np.ndarray) -> None:
    """Fill a batch: crop and mirror each image, and scale it as `inputs` does, in one pass over its pixels."""
    size, half, one = pixels.shape[1], np.float32(127.5), np.float32(1)
    for number in range(len(pixels)):
        chosen, top, left, mirrored = draw[0, number], draw[1, number], draw[2, number], draw[3, number]
        for row in range(size):
            source = images[chosen, top + row, left : left + size]
            target = pixels[number, row]
            for column in range(size):
                place = size - 1 - column if mirrored else column
                for channel in range(pixels.shape[3]):
                    target[column, channel] = np.float32(source[place, channel]) / half - one
