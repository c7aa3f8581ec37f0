"""The libraries, and where their models are built."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import metadata
from typing import Literal

from benchmarks.coverage import timm_models, torch_models, torchvision_models, transformers_models
from benchmarks.coverage.examples import Example

Name = Literal["torch", "torchvision", "timm", "transformers"]


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
}


def version(library: Name) -> str:
    """The installed version.

    Raises:
        ImportError: It is not installed.
    """
    return metadata.version(library)
