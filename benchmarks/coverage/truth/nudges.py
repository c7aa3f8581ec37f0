"""One model: nudge some units of some layers, and compare what changes with what the topology says."""

import random
import warnings
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Literal, TypeGuard

import numpy as np
import torch
from torch import Tensor, nn

from benchmarks.coverage.examples import Example
from benchmarks.coverage.truth.preparing import calibrate, one_by_one, prepared, varied
from benchmarks.coverage.truth.reach import Reach, Units
from benchmarks.coverage.truth.rows import Count, Violation
from benchmarks.coverage.truth.sites import RECURRENT, Nudge, Recording, Site, Sites, places
from epochgraph.topology import Topology, trace

Mode = Literal["next", "all"]

STRENGTHS = ((1.0, 0), (0.01, 0), (10.0, 1), (10.0, -1), (100.0, 1), (100.0, -1), (0.1, 1), (0.1, -1))
"""Of the nudges, and their signs, one after the other until all that can change has; each on inputs of its own."""

GATES = {"LSTM": 4, "LSTMCell": 4, "GRU": 3, "GRUCell": 3}
"""Of a recurrent layer: so many rows of its weight belong to each unit."""

ROUNDING = 1e-12
"""Of a unit's largest value: what changes by less need not have changed because of the nudge."""

MOST = 30
"""Layers whose units are nudged, if a model has more."""


@dataclass(frozen=True, slots=True)
class NudgedUnit:
    """A unit that is nudged.

    Attributes:
        site: Where.
        part: Of the topology.
        unit: Number within the part.
        nudge: The change of an output; None for one of weights or inputs.
        rows: The weights that are changed: name and rows.
        axis: Of the model's input, where that is changed.
    """

    site: str
    part: int
    unit: int
    nudge: Nudge | None
    rows: tuple[tuple[str, tuple[int, ...]], ...] = ()
    axis: int | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the nudges of one model showed.

    Attributes:
        following: Of the units that read a nudged one through one weight: all other layers are held as they were.
        downstream: Of all units downstream.
        violations: The layers where they differ from the topology.
        sites: Number of layers that were watched.
        unmapped: Layers that no part of the topology stands for.
        unwatched: Parts whose units are not seen: what passes through them is seen at the next layer.
        frozen: How many statistics of each kind were held as they were.
    """

    following: Count
    downstream: Count
    violations: tuple[Violation, ...]
    sites: int
    unmapped: tuple[str, ...]
    unwatched: tuple[str, ...]
    frozen: tuple[tuple[str, int], ...]


def verdict(example: Example, *, layers: int = 12, units: int = 3, seed: int = 0) -> Verdict:
    """Nudge units of a model with random weights.

    Args:
        example: The model with its inputs; its weights are replaced.
        layers: How many layers, spread over the whole depth, have units that are nudged to see all that is downstream.
            To see what comes next, those of all layers are, but of no more than `MOST`.
        units: How many of each layer.
        seed: Of weights, inputs, and the choice of units.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = prepared(example.model, seed)
        examples = [varied(replace(example, model=model), seed + n) for n in range(len(STRENGTHS))]
        calibrate(model, examples)
        topology = trace(model, *examples[0].inputs, **examples[0].options)
        one_by_one(model)
        return held_against(topology, examples, layers=layers, units=units, seed=seed)


def held_against(topology: Topology, examples: Sequence[Example], *, layers: int, units: int, seed: int = 0) -> Verdict:
    """Nudge units of a prepared model, and compare what changes with a topology.

    Args:
        topology: Said to be the model's.
        examples: The model with one input after the other.
        layers: See `verdict`.
        units: See `verdict`.
        seed: Of the choice of units.
    """
    return _Trial(examples[0].model, examples, topology, seed).verdict(layers, units)


class _Trial:
    """The runs of one model."""

    def __init__(self, model: nn.Module, examples: Sequence[Example], topology: Topology, seed: int) -> None:
        self.model = model
        self.examples = examples
        self.topology = topology
        self.reach = Reach(topology)
        self.sites = Sites(model)
        self.choice = random.Random(seed)  # noqa: S311
        self.clean: dict[int, Recording] = {}
        self.mapped: dict[str, list[tuple[int, int]]] = {}
        self.same: defaultdict[str, list[str]] = defaultdict(list)  # layers of one weight have the same nodes
        self.violations: list[Violation] = []

    def verdict(self, layers: int, units: int) -> Verdict:
        """Nudge, and count."""
        seen = self.recorded(0).calls
        mapped = {name: places(self.topology, self.sites.known[name]) for name in seen}
        for name, found in mapped.items():
            if found is not None:
                first = next((other for other, units_of_it in self.mapped.items() if units_of_it == found), name)
                self.mapped[first] = found
                self.same[first].append(name)
        held = {part for name in self.mapped if not self.sites.known[name].open for part, _ in self.mapped[name]}
        following = sum((self.compared(source, "next", held) for source in self.sources(MOST, units)), Count())
        downstream = sum((self.compared(source, "all", set()) for source in self.sources(layers, units)), Count())
        watched = {part for found in self.mapped.values() for part, _ in found} | self.inputs()
        return Verdict(
            following,
            downstream,
            tuple(self.violations),
            len(self.mapped),
            tuple(f"{name} ({self.reason(name)})" for name, found in mapped.items() if found is None),
            tuple(part.name for index, part in enumerate(self.topology.parts) if index not in watched),
            tuple(sorted(self.clean[0].kinds.items())),
        )

    def reason(self, name: str) -> str:
        """What the topology says of a layer's weight that is in no join."""
        entries = [entry for entry in self.topology.coverage.entries if entry.name in self.sites.known[name].weights]
        return next((entry.reason or entry.status for entry in entries), "several parts may be meant")

    def inputs(self) -> set[int]:
        """Parts that no weight leads to."""
        return set(range(len(self.topology.parts))) - {join.target for join in self.topology.joins}

    def recorded(self, number: int) -> Recording:
        """The run without a nudge on one of the inputs."""
        if number not in self.clean:
            self.clean[number] = self.sites.run(self.examples[number])
            for name, calls in self.clean[number].calls.items():
                if not all(bool(output.isfinite().all()) for _, output in calls):
                    raise FloatingPointError(f"{name} gives values that are not finite")
        return self.clean[number]

    def sources(self, layers: int, units: int) -> list[NudgedUnit]:
        """Units of layers over the whole depth: the first, the last, and such between."""
        closed = [name for name in self.mapped if not self.sites.known[name].open]
        spread = (
            np.linspace(0, len(closed) - 1, min(layers, len(closed))).round().astype(int).tolist() if closed else []
        )
        found = []
        for name in dict.fromkeys(closed[i] for i in spread):
            for unit in self.some(len(self.mapped[name]), units):
                part, own = self.mapped[name][unit]
                same = tuple((other, unit) for other in self.same[name])
                found.append(NudgedUnit(name, part, own, Nudge(same, 1.0, 0, 1000 * unit)))
        found += self.some_of(self.entries(), units)
        for name, module in self.model.named_modules():
            if isinstance(module, RECURRENT):
                found += [source for each in self.rows(name, module) for source in self.some_of(each, units)]
        return found

    def some(self, size: int, units: int) -> list[int]:
        """The first, the last, and some at random."""
        inner = self.choice.sample(range(1, size - 1), min(max(0, units - 2), max(0, size - 2)))
        return sorted({0, size - 1, *inner})

    def some_of(self, sources: list[NudgedUnit], units: int) -> list[NudgedUnit]:
        """Some of several units."""
        return [sources[i] for i in self.some(len(sources), units)] if sources else []

    def entries(self) -> list[NudgedUnit]:
        """The channels of the input, if it is one, and its only dimension of that size, or images or the like."""
        entering = [value for value in _values(self.examples[0]) if _is_input(value)]
        own = [index for index in self.inputs() if self.topology.parts[index].name == "input"]
        if len(entering) != 1 or len(own) != 1:
            return []
        (value,), (part,) = entering, own
        size = self.topology.sizes[part]
        axes = [axis for axis in range(1, value.dim()) if value.shape[axis] == size]
        if len(axes) != 1 and not (value.dim() > 3 and axes[:1] == [1]):
            return []
        return [NudgedUnit("input", part, unit, None, axis=axes[0]) for unit in range(size)]

    def rows(self, name: str, module: nn.Module) -> Iterator[list[NudgedUnit]]:
        """The units of each layer of a recurrent one: they are nudged by their weights, at every moment."""
        for own, weight in module.named_parameters(recurse=False):
            full = self.sites.first[f"{name}.{own}" if name else own]
            recurrent = dict(module.named_parameters(recurse=False)).get(own.replace("_ih", "_hh"))
            if "weight_ih" in own and recurrent is not None:
                size = recurrent.shape[0] // GATES.get(type(module).__name__, 1)
                site = places(self.topology, Site(full, size, -1, frozenset([full])))
                if site is not None:
                    lines = [tuple(range(unit, weight.shape[0], size)) for unit in range(size)]
                    yield [NudgedUnit(full, *site[u], None, ((full, lines[u]),)) for u in range(size)]

    def compared(self, source: NudgedUnit, mode: Mode, held: set[int]) -> Count:
        """Nudge a unit until all that it can reach has changed, or often enough."""
        reached = self.reach.beyond(source.part, source.unit, held)
        expected = {
            name: np.array([reached[part][unit] for part, unit in units]) for name, units in self.mapped.items()
        }
        changed = {name: np.zeros(len(units), dtype=bool) for name, units in self.mapped.items()}
        clearly = {name: units.copy() for name, units in changed.items()}
        missing = [sum(int(units.sum()) for units in expected.values())]
        for number in range(len(STRENGTHS)):
            for name, (units, clear) in self.changes(source, number, mode).items():
                changed[name] |= units
                clearly[name] |= clear
            missing.append(sum(int((expected[name] & ~clearly[name]).sum()) for name in clearly))
            if missing[-1] == 0 or (number >= 4 and missing[-1] == missing[-3]):  # the rest is dead
                break
        if source.rows:  # its own output shows the nudge itself
            for name, units_of_site in self.mapped.items():
                own = np.array([place == (source.part, source.unit) for place in units_of_site])
                changed[name] &= ~own | expected[name]
        self.violations += [
            Violation(
                mode,
                source.site,
                source.unit,
                name,
                self.kind(name),
                int(wrong.sum()),
                len(wrong),
                np.flatnonzero(wrong)[:4].tolist(),
                unsound,
            )
            for unsound in (True, False)
            for name in changed
            if (wrong := (changed[name] & ~expected[name]) if unsound else (expected[name] & ~clearly[name])).any()
        ]
        found = [(changed[name], clearly[name], expected[name]) for name in changed]
        return sum((_counted(*each) for each in found), Count(nudges=1))

    def kind(self, name: str) -> str:
        """What a layer is."""
        return type(dict(self.model.named_modules()).get(name, self.model)).__name__

    def changes(self, source: NudgedUnit, number: int, mode: Mode) -> Mapping[str, tuple[Units, Units]]:
        """Which units change at all, and which clearly."""
        clean = self.recorded(number)
        strength, sign = STRENGTHS[number]
        nudge = source.nudge and replace(source.nudge, strength=strength, sign=sign, seed=source.nudge.seed + number)
        example = _entered(self.examples[number], source, strength)
        with _shifted(self.model, source, strength):
            after = self.sites.run(example, nudge, clean, hold=mode == "next")
        found: dict[str, tuple[Units, Units]] = {}
        for first, names in self.same.items():
            pairs = [differing(self.sites.known[name], clean.calls[name], after.calls[name]) for name in names]
            found[first] = (np.any([pair[0] for pair in pairs], axis=0), np.any([pair[1] for pair in pairs], axis=0))
        return found


def differing(site: Site, before: list[tuple[int, Tensor]], after: list[tuple[int, Tensor]]) -> tuple[Units, Units]:
    """Which units are not the same to the last bit, anywhere, and which differ by more than rounding."""
    if len(before) != len(after):
        raise RuntimeError(f"{site.name} is called {len(after)} times instead of {len(before)}")
    changed, clearly = np.zeros(site.units, dtype=bool), np.zeros(site.units, dtype=bool)
    for (begin, old), (_, new) in zip(before, after, strict=True):
        if old.numel() == 0:
            continue
        places = slice(begin, begin + old.shape[site.axis])
        old_rows, new_rows = (values.movedim(site.axis, 0).flatten(1) for values in (old, new))
        changed[places] |= (old_rows != new_rows).any(1).numpy()
        clearly[places] |= ((old_rows - new_rows).abs().amax(1) > ROUNDING * old_rows.abs().amax(1)).numpy()
    return changed, clearly


def _counted(changed: Units, clearly: Units, expected: Units) -> Count:
    sound, tight = (int((units & expected).sum()) for units in (changed, clearly))
    return Count(int(changed.sum()), sound, int(expected.sum()), tight, int((~changed & ~expected).sum()))


def _values(example: Example) -> list[object]:
    masks = [name for name in example.options if "mask" in name]
    return [*example.inputs, *(value for name, value in example.options.items() if name not in masks)]


def _is_input(value: object) -> TypeGuard[Tensor]:
    return isinstance(value, Tensor) and value.is_floating_point()


def _entered(example: Example, source: NudgedUnit, strength: float) -> Example:
    """The inputs with one channel changed."""
    if source.axis is None:
        return example
    axis = source.axis

    def changed(value: object) -> object:
        if not _is_input(value):
            return value
        values = value.clone()
        places = values.select(axis, source.unit)
        noise = torch.randn(places.shape, generator=torch.Generator().manual_seed(source.unit), dtype=torch.float64)
        places.add_(strength * noise)
        return values

    options = {name: value if "mask" in name else changed(value) for name, value in example.options.items()}
    return replace(example, inputs=tuple(map(changed, example.inputs)), options=options)


@contextmanager
def _shifted(model: nn.Module, source: NudgedUnit, strength: float) -> Iterator[None]:
    """Other weights in some rows, for as long as it lasts."""
    kept = {}
    parameters = dict(model.named_parameters())
    generator = torch.Generator().manual_seed(source.unit)
    for name, rows in source.rows:
        values = parameters[name].data
        kept[name] = values.clone()
        values[list(rows)] += strength * torch.randn(values[list(rows)].shape, generator=generator, dtype=values.dtype)
    try:
        yield
    finally:
        for name, values in kept.items():
            parameters[name].data.copy_(values)
