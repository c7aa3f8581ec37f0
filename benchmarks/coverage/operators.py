"""torchvision's Python modules without its compiled operators."""

import importlib
import sys
from types import ModuleType
from unittest import mock

import torch

SCHEMAS = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
)
"""What torchvision's modules expect to be there when they are imported, whether or not its binaries could be loaded."""

_declared: list[torch.library.Library] = []  # a declaration is withdrawn with its Library object


def imported(package: str) -> ModuleType:
    """A model library, with a torchvision beneath it that loads no binaries.

    The wheels of PyPI hold binaries for CUDA only, and no model needs them but for the boxes of a detector. So they
    are not loaded on any machine, and the rows are the same on all.

    Raises:
        ImportError: The library is not installed.
    """
    if importlib.util.find_spec("torchvision") and "torchvision" not in sys.modules:
        declarations = torch.library.Library("torchvision", "DEF")  # type: ignore[no-untyped-call]
        for schema in SCHEMAS:
            declarations.define(schema)  # type: ignore[no-untyped-call]
        _declared.append(declarations)
        with mock.patch.object(torch.ops, "load_library", side_effect=OSError("binaries are not loaded")):
            importlib.import_module("torchvision")
    return importlib.import_module(package)
