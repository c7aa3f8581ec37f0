"""The names of weights in a file -> those of the topology, which decides whether a prefix belongs to them."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

from torch import Tensor

from epochgraph.checkpoints import Checkpoint
from epochgraph.errors import SeveralModelsError
from epochgraph.topology.structure import Topology

_AVERAGED = ("ema", "averag", "swa", "shadow", "teacher", "target", "momentum")
_WRAPPER = "module"

_Renaming = Mapping[str, str]
_T = TypeVar("_T")


def matched(source: Mapping[str, Tensor], topology: Topology) -> Mapping[str, Tensor]:
    """The tensors under their names in the topology, if all of them are found with or without a prefix.

    The saved object may have the network as an attribute (a Lightning module, `DataParallel`, an averaged model), or
    the traced one may. Names alone do not show which (a network may have its own `module` or `model`), but only one way
    finds all weights of the topology. Averages beside the network itself are ignored.

    Args:
        source: Tensors by name; tensors of a checkpoint are not read.
        topology: The wiring.

    Returns:
        The tensors under other names, or as they are, if their names already match or cannot be matched.

    Raises:
        SeveralModelsError: The weights are stored several times, and it is unclear which are meant.
    """
    wanted = needed(topology)
    if not wanted or all(_found(source, names) for names in wanted):
        return source
    renaming = _renaming(source, wanted, topology)
    if renaming is None:
        return source
    if isinstance(source, Checkpoint):
        return replace(source, stored=_renamed(source.stored, renaming))
    return _renamed(source, renaming)


def needed(topology: Topology) -> list[tuple[str, ...]]:
    """The parameters that joins and folds read, each with the other names of the same tensor."""
    names: dict[str, None] = {}
    for join in topology.joins:
        program = topology.computed.get(join.parameter)
        if program is None:
            names[join.parameter] = None
        else:
            names.update((source.target, None) for source in program.sources if source.values is None)
    names.update((name, None) for fold in topology.folds for name in (fold.scale, fold.variance) if name)
    return [(name, *topology.aliases.get(name, ())) for name in names]


def _found(tensors: Collection[str], names: Sequence[str]) -> bool:
    return any(name in tensors for name in names)


def _renaming(source: Mapping[str, Tensor], needed: list[tuple[str, ...]], topology: Topology) -> _Renaming | None:
    """The name of each tensor in the topology; None if not all of the weights can be found."""
    names = list(source)
    prefixes = _chosen(list(_prefixes(names, needed)), source, topology)
    if prefixes:
        return {n: n.removeprefix(prefixes) for n in names if n.startswith(prefixes)}
    for prefix in _common_prefixes([one for aliases in needed for one in aliases]):
        stripped = [tuple(name.removeprefix(prefix) for name in aliases) for aliases in needed]
        if all(_found(source, aliases) for aliases in stripped):
            return {name: prefix + name for name in names}
    return _without_wrapper(names, needed)


def _prefixes(names: list[str], needed: list[tuple[str, ...]]) -> Iterator[str]:
    """The prefixes before the names of all needed weights."""
    held = set(names)
    endings = [f".{name}" for name in needed[0]]
    for name in names:
        for ending in endings:
            prefix = name.removesuffix(ending[1:]) if name.endswith(ending) else ""
            if prefix and all(_found(held, [prefix + alias for alias in aliases]) for aliases in needed):
                yield prefix


def _common_prefixes(names: list[str]) -> Iterator[str]:
    """The common prefixes of all names, up to a dot, the shortest first."""
    segments = names[0].split(".")
    for count in range(1, len(segments)):
        prefix = ".".join(segments[:count]) + "."
        if all(name.startswith(prefix) for name in names):
            yield prefix


def _without_wrapper(names: list[str], needed: list[tuple[str, ...]]) -> _Renaming | None:
    """Names without the wrappers of parts of a network that were trained in parallel: `encoder.module.weight`."""
    plain = {name: ".".join(segment for segment in name.split(".") if segment != _WRAPPER) for name in names}
    unique = len(set(plain.values())) == len(plain)
    return plain if unique and all(_found(plain.values(), aliases) for aliases in needed) else None


def _chosen(prefixes: list[str], source: Mapping[str, Tensor], topology: Topology) -> str:
    """The prefix of the network itself; empty if there is none.

    Raises:
        SeveralModelsError: There are several.
    """
    if len(prefixes) < 2:
        return "".join(prefixes)
    fitting = [prefix for prefix in prefixes if _fits(prefix, source, topology)] or prefixes
    plain = [prefix for prefix in fitting if not any(word in prefix.lower() for word in _AVERAGED)]
    if len(fitting) == 1 or len(plain) == 1:
        return (plain if len(plain) == 1 else fitting)[0]
    raise SeveralModelsError(tuple(fitting))


def _fits(prefix: str, source: Mapping[str, Tensor], topology: Topology) -> bool:
    """Whether the weights have the shapes in the topology."""
    shapes = source.shapes if isinstance(source, Checkpoint) else {name: tuple(t.shape) for name, t in source.items()}
    joins = [join for join in topology.joins if prefix + join.parameter in shapes]
    expected = [(topology.parts[j.target].size, sum(s.count * s.repeat for s in j.inputs) // j.groups) for j in joins]
    return all(shapes[prefix + join.parameter][:2] == shape for join, shape in zip(joins, expected, strict=True))


def _renamed(tensors: Mapping[str, _T], renaming: _Renaming) -> dict[str, _T]:
    """The tensors under new names; others keep theirs if these are free."""
    found = {renaming[name]: tensor for name, tensor in tensors.items() if name in renaming}
    return {**{name: t for name, t in tensors.items() if name not in renaming and name not in found}, **found}
