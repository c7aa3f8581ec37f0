"""Losses and metrics that several tasks share."""

import math
from collections.abc import Sequence
from functools import partial

import torch
from torch import Tensor
from torch.nn import functional

from epochgraph.zoo import batches
from epochgraph.zoo.tasks.task import Metric

HUBER = 1.0
"""The number of standard deviations of the target up to which an error counts quadratically."""


def cross_entropy(outputs: Tensor, targets: Tensor, smoothing: float) -> Tensor:
    """Mean cross entropy over all examples, and all positions where an example has several."""
    logits = outputs.flatten(0, -2)
    return functional.cross_entropy(logits, targets.flatten(), label_smoothing=smoothing)


def squared_error(outputs: Tensor, targets: Tensor, _: float) -> Tensor:
    """Mean squared error."""
    return functional.mse_loss(outputs, targets)


def huber(outputs: Tensor, targets: Tensor, _: float) -> Tensor:
    """Mean squared error, halved, that grows only linearly with large errors."""
    return functional.huber_loss(outputs, targets, delta=HUBER)


def image_error(outputs: Tensor, targets: Tensor, _: float) -> Tensor:
    """Mean squared error of images from -1 to 1; the targets are stored pixels."""
    return functional.mse_loss(outputs, batches.inputs(targets))


def accuracy(classes: int) -> Metric:
    """Share of the examples whose class has the largest output."""
    return Metric("accuracy", "rises", _correct, chance=1 / classes)


def mean_absolute_error(train: Tensor, test: Tensor, scale: float) -> Metric:
    """Mean absolute error in the unit of the data.

    Args:
        train: Standardised training targets; `chance` is the error of their median.
        test: Test targets.
        scale: Standard deviation that the targets were divided by.
    """
    chance = float((test - train.median()).abs().mean()) * scale
    return Metric("mae", "falls", partial(_absolute, scale=scale), chance=chance)


def image_rmse(train: Tensor, test: Tensor) -> Metric:
    """Root mean squared error of images from -1 to 1; `chance` is the error of the mean image.

    Args:
        train: Stored training pixels.
        test: Stored test pixels.
    """
    mean = batches.inputs(train).mean(dim=0)
    chance = float((batches.inputs(test) - mean).square().mean().sqrt())
    return Metric("rmse", "falls", _squared, math.sqrt, chance)


def standardised(targets: Sequence[Tensor]) -> tuple[list[Tensor], float]:
    """Targets as columns with mean 0 and standard deviation 1 in training, and what they were divided by.

    Args:
        targets: Training, validation and test targets: one number per example.
    """
    mean, scale = targets[0].double().mean(), targets[0].double().std()
    return [((part.double() - mean) / scale).float()[:, None] for part in targets], float(scale)


def _correct(outputs: Tensor, targets: Tensor) -> Tensor:
    return (outputs.argmax(dim=-1) == targets).to(torch.float32)


def _absolute(outputs: Tensor, targets: Tensor, *, scale: float) -> Tensor:
    return (outputs - targets).abs().flatten(1).mean(dim=1) * scale


def _squared(outputs: Tensor, targets: Tensor) -> Tensor:
    return (outputs - batches.inputs(targets)).square().flatten(1).mean(dim=1)
