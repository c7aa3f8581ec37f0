"""Options that say how a network is wired: a topology file, a model's code, or nothing."""

import importlib
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import torch
import typer
from torch import Tensor, nn

from epochgraph.errors import SettingError
from epochgraph.topology import Topology, chain, read_topology, trace

TopologyOption = Annotated[
    Path | None, typer.Option("--topology", help="The wiring, as a JSON file written by `inspect --save`.")
]
ModelOption = Annotated[
    str | None,
    typer.Option(
        "--model",
        metavar="MODULE:NAME",
        help="The model's code, to trace its wiring: an importable function or class that makes it without arguments, "
        "such as `mymodels.resnet:build`. This runs that code.",
    ),
]
InputOption = Annotated[
    str | None,
    typer.Option("--input", metavar="SHAPE", help="Shape of an example input with the batch: `1,3,32,32`."),
]


def topology_of(
    weights: Mapping[str, Tensor], topology: Path | None, model: str | None, input_shape: str | None
) -> Topology:
    """The wiring that the options ask for; with none of them, the layers in a chain.

    Raises:
        SettingError: The options contradict each other, or the model cannot be made.
        UnreadableFileError: The topology's file cannot be read.
        TracingError: The model's wiring cannot be read, or the weights are no chain.
    """
    if topology is not None and model is not None:
        raise SettingError("--model", model, "left out where --topology is given")
    if topology is not None:
        return read_topology(topology)
    if model is None:
        return chain(weights)
    if input_shape is None:
        raise SettingError("--input", None, "given with --model, such as 1,3,32,32")
    return trace(_model(model), torch.zeros(shape(input_shape)))


def shape(text: str) -> tuple[int, ...]:
    """Read a shape such as "1,3,32,32".

    Raises:
        SettingError: It is none.
    """
    try:
        sizes = tuple(int(size) for size in text.split(","))
    except ValueError:
        sizes = (0,)
    if min(sizes) < 1:
        raise SettingError("the input's shape", text, "whole numbers from 1, separated by commas")
    return sizes


def _model(name: str) -> nn.Module:
    module, _, attribute = name.partition(":")
    sys.path.insert(0, str(Path.cwd()))  # as `python -m` has it: the user's own code lies where they stand
    try:
        made = getattr(importlib.import_module(module), attribute)()
    except Exception as error:  # the user's own code runs here, and may raise anything
        reason = f"an importable MODULE:NAME that makes the model without arguments ({type(error).__name__}: {error})"
        raise SettingError("--model", name, reason) from error
    finally:
        sys.path.pop(0)
    if not isinstance(made, nn.Module):
        raise SettingError("--model", name, f"a maker of a torch.nn.Module, not of a {type(made).__name__}")
    return made
