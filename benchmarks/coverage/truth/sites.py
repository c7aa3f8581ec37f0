"""The places of a model where units can be seen and nudged: the outputs of its layers, call by call."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from unittest import mock

import torch
from torch import Tensor, nn
from torch.nn import functional

from benchmarks.coverage.examples import Example
from benchmarks.coverage.truth.frozen import Frozen
from epochgraph.topology import Topology

LAST = (nn.Linear, nn.Embedding, nn.EmbeddingBag, nn.Bilinear)
"""Layers that count their units along the last dimension."""

CONVOLUTIONS = {
    nn.Conv1d: 1,
    nn.Conv2d: 2,
    nn.Conv3d: 3,
    nn.ConvTranspose1d: 1,
    nn.ConvTranspose2d: 2,
    nn.ConvTranspose3d: 3,
}
RECURRENT = (nn.RNNBase, nn.RNNCellBase)


@dataclass(frozen=True, slots=True)
class Site:
    """A layer, by its outputs.

    Attributes:
        name: Of the module; of the parameter, where a function is called with it.
        units: Their number.
        axis: Along which they stand in an output, from the end.
        weights: Names of the parameters that the layer's weight is made of.
        open: Whether it is only watched: the hidden units of a recurrent layer read themselves within one call.
    """

    name: str
    units: int
    axis: int
    weights: frozenset[str]
    open: bool = False


@dataclass(frozen=True, slots=True)
class Nudge:
    """A change of one unit's output at all places, by random numbers.

    Attributes:
        units: The site, and the unit there; several where several layers share one weight, as their nodes are the same.
        strength: Standard deviation of the change, in that of the layer's output.
        sign: 1 for a change upwards at all places, -1 downwards, 0 for either.
        seed: Of the random numbers.
    """

    units: tuple[tuple[str, int], ...]
    strength: float
    sign: int
    seed: int


@dataclass
class Recording:
    """One run.

    Attributes:
        calls: Outputs of each site, call by call, before any nudge; each with the unit at which it begins.
        statistics: What a later run is to take from this one.
        kinds: How many of each kind these are.
    """

    calls: dict[str, list[tuple[int, Tensor]]] = field(default_factory=lambda: defaultdict(list))
    statistics: list[Any] = field(default_factory=list)
    kinds: Counter[str] = field(default_factory=Counter)


class Sites:
    """All sites of a model; those of parameters that functions are called with are found as it runs.

    Args:
        model: In evaluation mode.
    """

    def __init__(self, model: nn.Module) -> None:
        self.model = model
        first: dict[int, str] = {}
        self.first = {
            name: first.setdefault(id(parameter), name)
            for name, parameter in model.named_parameters(remove_duplicate=False)
        }
        self.parameters = {
            parameter.untyped_storage().data_ptr(): (name, parameter)
            for name, parameter in reversed(list(model.named_parameters()))
            if parameter.dim() in (2, 3)
        }
        self.modules = {name: module for name, module in model.named_modules() if _axis(module) is not None}
        self.known: dict[str, Site] = {}

    def run(
        self, example: Example, nudge: Nudge | None = None, clean: Recording | None = None, *, hold: bool = False
    ) -> Recording:
        """Run the model and record what its layers give.

        Args:
            example: The model with its inputs.
            nudge: What to change.
            clean: The run without a nudge.
            hold: Whether what reads a layer gets what it got in the clean run, save for the nudge.
        """
        frozen = Frozen(clean.statistics if clean else None)
        run = _Run(self, frozen, nudge, clean if hold else None)
        torch.manual_seed(0)
        with torch.no_grad(), run.watching(), frozen:
            self.model(*example.inputs, **example.options)
        run.recording.statistics, run.recording.kinds = frozen.recorded, frozen.kinds
        return run.recording

    def of_module(self, name: str, module: nn.Module, output: Tensor) -> Site:
        """The site of a module."""
        if name not in self.known:
            axis = _axis(module) or -1
            weights = {self.first[f"{name}.{own}" if name else own] for own in _weights(module)}
            site = Site(name, output.shape[axis], axis, frozenset(weights), open=isinstance(module, RECURRENT))
            self.known[name] = site
        return self.known[name]

    def of_weight(self, weight: Tensor) -> tuple[Site, int] | None:
        """The site of a parameter of which a function is called with some rows, and the first of them."""
        name, parameter = self.parameters.get(weight.untyped_storage().data_ptr(), ("", None))
        if parameter is None or not weight.is_contiguous() or weight.shape[-1] != parameter.shape[-1]:
            return None
        if name not in self.known:
            rows = parameter.numel() // parameter.shape[-1]
            self.known[name] = Site(name, rows, -1, frozenset([name]))
        return self.known[name], weight.storage_offset() // parameter.shape[-1]


class _Run:
    """One run of a model whose layers are watched."""

    def __init__(self, sites: Sites, frozen: Frozen, nudge: Nudge | None, held: Recording | None) -> None:
        self.sites = sites
        self.frozen = frozen
        self.nudge = nudge
        self.held = held
        self.recording = Recording()
        self.inside = 0

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Hooks on layers and norms, and on the function that some call with a parameter of theirs."""
        handles = self.frozen.watch(self.sites.model, set(self.sites.modules.values()))
        for name, module in self.sites.modules.items():
            handles.append(module.register_forward_pre_hook(self.enter))
            handles.append(module.register_forward_hook(self.leaving(name)))
        original = functional.linear

        def linear(values: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
            result = original(values, weight, bias)
            found = None if self.inside else self.sites.of_weight(weight)
            return result if found is None else self.given(found[0], found[1], result)

        try:
            with mock.patch.object(functional, "linear", linear):
                yield
        finally:
            for handle in handles:
                handle.remove()

    def enter(self, *_: object) -> None:
        """A layer begins."""
        self.inside += 1

    def leaving(self, name: str) -> Any:
        """What is done when a layer ends."""

        def leave(module: nn.Module, _: object, result: Any) -> Any:
            self.inside -= 1
            first = result[0] if isinstance(result, tuple) else result
            if not isinstance(first, Tensor):
                return None
            given = self.given(self.sites.of_module(name, module, first), 0, first)
            return given if first is result else None

        return leave

    def given(self, site: Site, begin: int, output: Tensor) -> Tensor:
        """Record an output, and change it or hold it as it was."""
        number = len(self.recording.calls[site.name])
        self.recording.calls[site.name].append((begin, output.clone()))
        if site.open:
            return output
        if self.held is not None:
            output = self.held.calls[site.name][number][1].clone()
        unit = dict(self.nudge.units).get(site.name, -1) - begin if self.nudge else -1
        if self.nudge and 0 <= unit < output.shape[site.axis]:
            output = output.clone()
            places = output.select(site.axis, unit)
            generator = torch.Generator().manual_seed(self.nudge.seed + number)
            noise = torch.randn(places.shape, generator=generator, dtype=torch.float64)
            noise = noise.abs() * self.nudge.sign if self.nudge.sign else noise
            spread = float(output.double().std()) if output.numel() > 1 else 0.0
            places.add_((noise * self.nudge.strength * (spread or 1.0)).to(output.dtype))
        return output


def places(topology: Topology, site: Site) -> list[tuple[int, int]] | None:
    """Part and number of each unit of a site; None if the topology has no such part, or several."""
    made = {name: {s.target for s in program.sources} for name, program in topology.computed.items()}
    named = {weight.removesuffix(".weight") for weight in site.weights}  # so is a part that no join leads to
    found = {j.target for j in topology.joins if made.get(j.parameter, {j.parameter}) & site.weights}
    owners = sorted(found | {n for n, part in enumerate(topology.parts) if part.name.partition("#")[0] in named})
    exact = [part for part in owners if topology.sizes[part] == site.units]
    if len(exact) == 1:
        owners = exact
    if sum(topology.sizes[part] for part in owners) != site.units:
        return None
    return [(part, unit) for part in owners for unit in range(topology.sizes[part])]


def _weights(module: nn.Module) -> list[str]:
    """The parameters of a layer; of a recurrent one those that lead to what it gives."""
    names = [name for name, _ in module.named_parameters(remove_duplicate=False)]
    if isinstance(module, nn.RNNBase):
        kind = "weight_hr" if module.proj_size else "weight_ih"
        return [name for name in names if name.startswith(f"{kind}_l{module.num_layers - 1}")]
    return names


def _axis(module: nn.Module) -> int | None:
    if isinstance(module, nn.Linear) and type(module).forward is not nn.Linear.forward:
        return None  # it may give more than its output: the function that it calls is watched
    if isinstance(module, LAST) or type(module).__name__ == "Conv1D" or isinstance(module, RECURRENT):
        return -1
    return next((-1 - n for kind, n in CONVOLUTIONS.items() if isinstance(module, kind)), None)
