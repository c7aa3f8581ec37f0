"""Layers in which nothing moves any more, seen from their weights alone."""

from collections.abc import Collection, Sequence

from epochgraph.topology import Topology

FALLEN = 1e-3
"""A layer whose weights have less than this share of what they began with is as good as gone."""

Totals = tuple[float, ...]
"""The sum of the weights into each part, at one snapshot."""


def frozen_parts(topology: Topology, frozen: Collection[str]) -> set[int]:
    """The parts into which no weight leads that is trained.

    Args:
        topology: The wiring.
        frozen: Names of parameters that are not trained.
    """
    into: dict[int, list[str]] = {index: [] for index in range(len(topology.parts))}
    for join in topology.joins:
        program = topology.computed.get(join.parameter)
        made_of = [join.parameter] if program is None else [source.target for source in program.sources]
        into[join.target] += made_of
    return {index for index, names in into.items() if all(name in frozen for name in names)}


def dead_layers(
    topology: Topology, totals: Sequence[Totals | None], frozen: Collection[int], known: Collection[str]
) -> list[str]:
    """What is wrong with layers, a sentence each.

    Args:
        topology: The wiring.
        totals: At the first snapshot, at the previous one, and now; None where that is not known.
        frozen: Parts into which no weight leads that is trained.
        known: What was said before, which is not said again.
    """
    first, previous, now = totals
    if first is None or now is None:
        return []
    trained = [index for index in range(len(topology.parts)) if index not in frozen]
    still = [index for index in trained if previous is not None and now[index] == previous[index]]
    found = []
    if still and len(still) == len(trained):
        found = ["no weight has changed since the previous snapshot"]
        still = []
    for index in trained:
        what = _wrong(first[index], now[index], still=index in still)
        if what is not None:
            found.append(f"layer {topology.parts[index].name!r} {what}")
    return [sentence for sentence in found if sentence not in known]


def _wrong(first: float, now: float, *, still: bool) -> str | None:
    if now == 0 and (first > 0 or still):
        return "is dead: all of its weights are zero"
    if now < FALLEN * first:
        return f"is all but dead: its weights have fallen to less than {FALLEN:.1%} of what they were"
    return "does not learn: its weights have not changed since the previous snapshot" if still else None
