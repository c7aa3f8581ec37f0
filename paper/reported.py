"""The paper's own numbers.

References:
    Vahedian et al. 2022, tables 1 and 2.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PaperPopulation:
    """A population in the paper's table 1.

    Attributes:
        stopping: The earliest and latest epoch at which training stopped early.
        accuracy: The lowest and highest final accuracy.
        threshold: The threshold of the label.
    """

    stopping: tuple[int, int]
    accuracy: tuple[float, float]
    threshold: float


CIFAR, IMAGENET = "CIFAR-10", "Tiny ImageNet"

TABLE_1 = {
    (CIFAR, "LeNet"): PaperPopulation((11, 50), (0.094, 0.738), 0.40),
    (CIFAR, "AlexNet"): PaperPopulation((30, 50), (0.055, 0.824), 0.40),
    (CIFAR, "VGG"): PaperPopulation((45, 50), (0.088, 0.876), 0.40),
    (CIFAR, "resnet32"): PaperPopulation((16, 120), (0.084, 0.900), 0.40),
    (CIFAR, "resnet44"): PaperPopulation((16, 120), (0.099, 0.898), 0.40),
    (IMAGENET, "LeNet"): PaperPopulation((16, 50), (0.006, 0.144), 0.09),
    (IMAGENET, "AlexNet"): PaperPopulation((16, 50), (0.006, 0.201), 0.10),
    (IMAGENET, "resnet50"): PaperPopulation((16, 120), (0.0086, 0.4166), 0.25),
}

_COLUMNS = (
    (CIFAR, "LeNet"),
    (CIFAR, "AlexNet"),
    (CIFAR, "VGG"),
    (CIFAR, "resnet44"),
    (IMAGENET, "AlexNet"),
    (IMAGENET, "resnet50"),
)
OUT_OF_MEMORY = "OOM"
_ROWS: dict[str, tuple[float | str, ...]] = {
    "last layer, flattened SVM": (0.63, 0.61, 0.65, 0.48, 0.64, 0.53),
    "last layer, 7 aggregators SVM": (0.80, 0.74, 0.51, 0.74, 0.66, 0.56),
    "last layer, 5 aggregators SVM": (0.75, 0.82, 0.88, 0.72, 0.67, 0.60),
    "unrolled degree SVM": (0.92, 0.49, *[OUT_OF_MEMORY] * 4),
    "rolled degree SVM": (0.99, 0.87, 0.97, 0.95, 0.85, 0.88),
    "rolled eigenvector SVM": (0.81, 0.94, 0.86, 0.88, 0.86, 0.88),
    "last layer, flattened MLP": (0.68, 0.83, 0.67, 0.47, 0.64, 0.68),
    "last layer, 7 aggregators MLP": (0.55, 0.57, 0.58, 0.61, 0.62, 0.55),
    "last layer, 5 aggregators MLP": (0.58, 0.75, 0.52, 0.66, 0.67, 0.58),
    "unrolled degree MLP": (0.93, 0.89, *[OUT_OF_MEMORY] * 4),
    "rolled degree MLP": (0.98, 0.91, 0.96, 0.88, 0.85, 0.74),
    "rolled eigenvector MLP": (0.91, 0.96, 0.85, 0.96, 0.94, 0.70),
}
TABLE_2 = {
    (candidate, column): accuracy
    for candidate, accuracies in _ROWS.items()
    for column, accuracy in zip(_COLUMNS, accuracies, strict=True)
}
"""Accuracy of five-fold classification, by the name of our candidate, and data and architecture."""
