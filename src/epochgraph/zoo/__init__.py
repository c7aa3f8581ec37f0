"""Populations of trained networks: architectures, datasets, and the trainer that reports after every epoch."""

from epochgraph.zoo.architectures import (
    ARCHITECTURES,
    VGG,
    AlexNet,
    Architecture,
    CifarResNet,
    DigitsNet,
    LeNet,
    ResNet,
    resnet20,
    resnet32,
    resnet34,
    resnet44,
    resnet50,
)
from epochgraph.zoo.cache import default_cache
from epochgraph.zoo.datasets import Dataset, Split, read_digits
from epochgraph.zoo.images import read_images
from epochgraph.zoo.settings import EpochReport, TrainingSettings
from epochgraph.zoo.trainer import Training, build, train

__all__ = [
    "ARCHITECTURES",
    "VGG",
    "AlexNet",
    "Architecture",
    "CifarResNet",
    "Dataset",
    "DigitsNet",
    "EpochReport",
    "LeNet",
    "ResNet",
    "Split",
    "Training",
    "TrainingSettings",
    "build",
    "default_cache",
    "read_digits",
    "read_images",
    "resnet20",
    "resnet32",
    "resnet34",
    "resnet44",
    "resnet50",
    "train",
]
