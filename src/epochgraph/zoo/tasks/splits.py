"""A split of images as a task: which class an image is of."""

import torch
from torch import Tensor
from torch.nn import functional

from epochgraph.zoo.batches import inputs
from epochgraph.zoo.datasets import Dataset, Split
from epochgraph.zoo.tasks.task import Draw, Examples, Form, Metric, Task


def classification(split: Split, *, name: str, draw: Draw | None = None) -> Task:
    """The task to classify the images of a split.

    Args:
        split: Images to train, to validate and to test.
        name: What the task is called where results are published.
        draw: One pass over the training images; None for a plain shuffle.
    """
    classes = len(split.train.classes)
    shape = (split.train.channels, split.train.image_size, split.train.image_size)
    return Task(
        name=name,
        form=Form(kind="image", inputs=shape, outputs=(classes,)),
        train=_examples(split.train),
        validation=_examples(split.validation),
        test=_examples(split.test),
        loss=cross_entropy,
        metric=accuracy(classes),
        prepared=inputs,
        draw=draw,
    )


def cross_entropy(outputs: Tensor, targets: Tensor, label_smoothing: float) -> Tensor:
    """The mean cross-entropy of a batch, in nats."""
    return functional.cross_entropy(outputs, targets, label_smoothing=label_smoothing)


def accuracy(classes: int) -> Metric:
    """The share of examples that are classified correctly."""
    return Metric("accuracy", "rises", _correct, chance=1 / classes)


def _correct(outputs: Tensor, targets: Tensor) -> Tensor:
    return (outputs.argmax(1) == targets).to(torch.float64)


def _examples(dataset: Dataset) -> Examples:
    return Examples(dataset.images, dataset.labels)
