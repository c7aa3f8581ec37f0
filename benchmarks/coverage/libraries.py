"""The libraries, and where their models are built."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import metadata
from typing import Literal

from benchmarks.coverage import (
    diffusers_models,
    monai_models,
    timm_models,
    torch_geometric_models,
    torch_models,
    torchvision_models,
    transformers_models,
)
from benchmarks.coverage.examples import Example

Name = Literal["torch", "torchvision", "timm", "transformers", "diffusers", "monai", "torch_geometric"]


@dataclass(frozen=True, slots=True)
class Library:
    """A library of models.

    Attributes:
        names: Enumerates the models.
        example: Builds one.
        device: Where: "meta" for models of full size, so that no memory is needed for weights.
    """

    names: Callable[[], tuple[str, ...]]
    example: Callable[[str], Example]
    device: Literal["meta", "cpu"]


LIBRARIES: dict[Name, Library] = {
    "torch": Library(torch_models.names, torch_models.example, "cpu"),
    "torchvision": Library(torchvision_models.names, torchvision_models.example, "meta"),
    "transformers": Library(transformers_models.names, transformers_models.example, "cpu"),
    "timm": Library(timm_models.names, timm_models.example, "meta"),
    "diffusers": Library(diffusers_models.names, diffusers_models.example, "cpu"),
    "monai": Library(monai_models.names, monai_models.example, "cpu"),
    "torch_geometric": Library(torch_geometric_models.names, torch_geometric_models.example, "cpu"),
}


def version(library: Name) -> str:
    """The installed version.

    Raises:
        ImportError: It is not installed.
    """
    return metadata.version(library)
