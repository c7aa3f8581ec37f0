"""Options that say how a network is wired: a topology file, a model's code, or nothing."""

import importlib
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from epochgraph.errors import SettingError
from epochgraph.topology import Topology, Wire, chain, read_topology, trace, wire
from epochgraph.topology.matching import matched


@dataclass(frozen=True, slots=True)
class WiringOptions:
    """What the user says about how a network is wired.

    Attributes:
        topology: A topology's file.
        model: MODULE:NAME of a function or class that builds the model.
        input_shape: The shapes of example inputs, as text.
        wires: What single weights read, as text.
    """

    topology: Path | None
    model: str | None
    input_shape: str | None
    wires: tuple[str, ...] = ()

    def topology_of(self, weights: Mapping[str, Tensor]) -> Topology:
        """The wiring that the options ask for; with none of them, the layers in a chain.

        Args:
            weights: The network's parameters by name.

        Raises:
            SettingError: The options contradict each other, or the model cannot be built.
            UnreadableFileError: The topology's file cannot be read.
            TracingError: The model's wiring cannot be read, or the weights are not a chain.
        """
        found = self.found(weights)
        return wire(matched(weights, found), [parsed(text) for text in self.wires], found) if self.wires else found

    def found(self, weights: Mapping[str, Tensor]) -> Topology:
        """The wiring without the wires of single weights."""
        if self.topology is not None and self.model is not None:
            raise SettingError("--model", self.model, "left out where --topology is given")
        if self.topology is not None:
            return read_topology(self.topology)
        if self.model is None:
            return chain(weights)
        if self.input_shape is None:
            raise SettingError("--input", None, "given with --model, such as 1,3,32,32 or, for tokens, 1,16:int")
        return trace(_model(self.model), *examples(self.input_shape))


def parsed(text: str) -> Wire:
    """A wire such as "head.weight=block.3", of a part from position 64 on "@64", to a part of another name ">head".

    Raises:
        SettingError: The text is not valid.
    """
    weight, equals, rest = text.partition("=")
    reads, _, writes = rest.partition(">")
    part, at, position = reads.rpartition("@") if "@" in reads else (reads, "", "")
    if not (weight and equals and part) or (at and not position.isdecimal()):
        raise SettingError("--wire", text, "WEIGHT=READS, such as head.weight=block.3, or WEIGHT=READS@AT>WRITES")
    return Wire(weight, part, writes or None, int(position) if at else None)


def examples(text: str) -> tuple[Tensor, ...]:
    """Inputs of shapes such as "1,3,32,32", of integers if followed by ":int"; several are joined by "+".

    Raises:
        SettingError: The shape is impossible, or does not fit into memory.
    """
    found = []
    for one in text.split("+"):
        sizes, _, kind = one.partition(":")
        if kind not in ("", "int"):
            raise SettingError("the kind of an input", kind, "left out, or `int` for integers such as tokens")
        found.append(_zeros(shape(sizes), torch.int64 if kind else torch.float32))
    return tuple(found)


def _zeros(sizes: tuple[int, ...], dtype: torch.dtype) -> Tensor:
    try:
        return torch.zeros(sizes, dtype=dtype)
    except (RuntimeError, TypeError) as error:  # the latter for a size of more than 64 bits
        raise SettingError("the input's shape", sizes, "one whose values fit into the memory") from error


def shape(text: str) -> tuple[int, ...]:
    """Read a shape such as "1,3,32,32".

    Raises:
        SettingError: The text is not valid.
    """
    try:
        sizes = tuple(int(size) for size in text.split(","))
    except ValueError:
        sizes = (0,)
    if min(sizes) < 1:
        raise SettingError("the input's shape", text, "whole numbers from 1, separated by commas")
    return sizes


def imported(name: str) -> Any:
    """The object that MODULE:NAME refers to in the user's code; whatever that code raises is passed on."""
    module, _, attribute = name.partition(":")
    here = str(Path.cwd())  # as in `python -m`: the user's own code is in the current folder
    sys.path.insert(0, here)
    try:
        return getattr(importlib.import_module(module), attribute)
    finally:
        sys.path.remove(here)


def _model(name: str) -> nn.Module:
    try:
        made = imported(name)()
    except Exception as error:  # the user's own code runs here, and may raise anything
        reason = f"an importable MODULE:NAME that makes the model without arguments ({type(error).__name__}: {error})"
        raise SettingError("--model", name, reason) from error
    if not isinstance(made, nn.Module):
        raise SettingError("--model", name, f"a maker of a torch.nn.Module, not of a {type(made).__name__}")
    return made
