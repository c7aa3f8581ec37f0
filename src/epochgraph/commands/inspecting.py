"""`inspect`: a checkpoint -> its graph, what became of every parameter, and the most central nodes."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from epochgraph.checkpoints import Checkpoint, CheckpointRun
from epochgraph.commands.pages import Line, Sheet, Shown
from epochgraph.commands.progress import OnProgress, reading, unwatched
from epochgraph.commands.reading import Reading, Wiring
from epochgraph.graph import Graph, rolled_graph
from epochgraph.graph.edges import edge_count
from epochgraph.graph.memory import free_memory, size_in_memory, usable_memory
from epochgraph.measures import degree, eigenvector_centrality
from epochgraph.topology import Topology, write_topology

SHOWN_LEFT_OUT = 8

PART_HEADS = ("part", "nodes", "mean degree", "share of centrality", "reads")
NODE_HEADS = ("most central", "node", "eigenvector centrality", "degree")


@dataclass(frozen=True, slots=True)
class PartFindings:
    """A part of a graph.

    Attributes:
        name: Its name.
        nodes: How many nodes it has.
        mean_degree: The mean of their degrees.
        share_of_centrality: Their share of the squares of all eigenvector centralities, which add up to 1.
        reads: The parts that it reads.
    """

    name: str
    nodes: int
    mean_degree: float
    share_of_centrality: float
    reads: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A parameter that no join reads.

    Attributes:
        parameter: Its name.
        values: How many values it has.
        reason: Why it is left out.
    """

    parameter: str
    values: int
    reason: str


@dataclass(frozen=True, slots=True)
class CoverageFindings:
    """What became of the parameters.

    Attributes:
        share: The share of all parameters that are joined or folded.
        rung: What the wiring was read from.
        left_out: The others.
    """

    share: float
    rung: str
    left_out: tuple[LeftOut, ...]


@dataclass(frozen=True, slots=True)
class CentralNode:
    """One of the most central nodes.

    Attributes:
        part: The part that it is of.
        index: Its place in that part, from 0.
        eigenvector_centrality: As `measures.eigenvector_centrality`.
        degree: As `measures.degree`.
    """

    part: str
    index: int
    eigenvector_centrality: float
    degree: float


@dataclass(frozen=True, slots=True, repr=False)
class Inspection(Shown):
    """The graph of a checkpoint.

    Attributes:
        path: The checkpoint.
        epoch: Its epoch; None if its name tells none.
        nodes: How many nodes the graph has.
        edges: How many edges; None where there are too many to count.
        parts: Its parts, in forward order.
        coverage: What became of every parameter.
        most_central: The most central nodes, the first most.
    """

    path: str
    epoch: float | None
    nodes: int
    edges: int | None
    parts: tuple[PartFindings, ...]
    coverage: CoverageFindings
    most_central: tuple[CentralNode, ...]

    def page(self) -> Sequence[Sheet | Line]:
        """The parts, the coverage and the most central nodes."""
        edges = "" if self.edges is None else f", {self.edges:,} edges"
        epoch = "" if self.epoch is None else f", epoch {self.epoch:g}"
        page: list[Sheet | Line] = [
            Line(f"{epoch}: {self.nodes:,} nodes{edges}", self.path),
            Sheet(PART_HEADS, [_part_row(part) for part in self.parts], numbers=(1, 2, 3)),
            Line(""),
            *_coverage_lines(self.coverage),
        ]
        if self.most_central:
            rows = [
                (node.part, str(node.index), f"{node.eigenvector_centrality:.4f}", f"{node.degree:.4g}")
                for node in self.most_central
            ]
            page += [Line(""), Sheet(NODE_HEADS, rows, numbers=(1, 2, 3))]
        return page


def inspect(
    path: str | os.PathLike[str] | Checkpoint | CheckpointRun,
    *,
    topology: Wiring = None,
    top: int = 10,
    fold_batch_norm: bool = False,
    memory: str | int | None = None,
    epochs_from: str | None = None,
    save: str | os.PathLike[str] | None = None,
    progress: OnProgress = unwatched,
) -> Inspection:
    """Show the graph of a checkpoint: its parts, what became of every parameter, and the most central nodes.

    Args:
        path: A checkpoint, or a folder of them, of which the last one is shown.
        topology: As in `extract`.
        top: How many of the most central nodes to show.
        fold_batch_norm: As in `extract`.
        memory: As in `extract`.
        epochs_from: As in `extract`.
        save: Write the topology to this JSON file, for later calls.
        progress: As in `extract`.

    Returns:
        What is to be known of the graph.

    Raises:
        NonFiniteWeightsError: Weights are NaN or infinite.
        EpochgraphError: The checkpoint cannot be read, or the topology is not its own.

    Examples:
        >>> from pathlib import Path
        >>> from tempfile import TemporaryDirectory
        >>> import torch
        >>> from epochgraph import inspect
        >>> with TemporaryDirectory() as folder:
        ...     path = Path(folder) / "epoch_3.pt"
        ...     torch.save({"fc1.weight": torch.ones(4, 3), "fc2.weight": torch.ones(2, 4)}, path)
        ...     found = inspect(path, top=1)
        >>> found.nodes, found.edges, found.coverage.share
        (9, 20, 1.0)
        >>> found.most_central[0].part
        'fc1'
    """
    checkpoint = _checkpoint(path, Reading(topology=topology, allow_gaps=True, epochs_from=epochs_from))
    wiring = Reading(topology=topology).topology_of(checkpoint)
    usable = usable_memory(memory, checkpoint)
    with reading(checkpoint, progress) as watch:
        graph = rolled_graph(checkpoint, wiring, fold_batch_norm=fold_batch_norm, memory=usable, watch=watch)
        if save is not None:
            write_topology(wiring, Path(save))
        edges = edge_count(graph, free_memory() // 2 if usable is None else usable - size_in_memory(checkpoint))
        return _findings(checkpoint, wiring, graph, edges, top)


def _checkpoint(path: str | os.PathLike[str] | Checkpoint | CheckpointRun, read: Reading) -> Checkpoint:
    if isinstance(path, Checkpoint):
        return path
    return (path if isinstance(path, CheckpointRun) else read.checkpoints(path))[-1]


def _findings(checkpoint: Checkpoint, topology: Topology, graph: Graph, edges: int | None, top: int) -> Inspection:
    strengths, scores = degree(graph), eigenvector_centrality(graph)
    order = np.argsort(-scores, kind="stable")[:top]
    starts = np.array([nodes.start for nodes in graph.ranges])
    owners = np.searchsorted(starts, order, side="right") - 1
    joined = [(graph.parts[source].name, graph.parts[target].name) for source, target in graph.blocks]
    parts = tuple(
        PartFindings(
            part.name,
            part.size,
            float(strengths[nodes].mean()),
            float(np.square(scores[nodes]).sum()),
            tuple(source for source, target in joined if target == part.name),
        )
        for part, nodes in zip(graph.parts, graph.ranges, strict=True)
    )
    coverage = CoverageFindings(
        topology.coverage.share,
        topology.rung,
        tuple(LeftOut(entry.name, entry.size, entry.reason) for entry in topology.coverage.left_out),
    )
    most_central = tuple(
        CentralNode(graph.parts[owner].name, int(node - starts[owner]), float(scores[node]), float(strengths[node]))
        for node, owner in zip(order.tolist(), owners.tolist(), strict=True)
    )
    epoch = checkpoint.epoch
    return Inspection(str(checkpoint.path), epoch, graph.size, edges, parts, coverage, most_central)


def _part_row(part: PartFindings) -> tuple[str, ...]:
    shown = ", ".join(part.reads[-3:]) + (f" and {len(part.reads) - 3} more" if len(part.reads) > 3 else "")
    return part.name, f"{part.nodes:,}", f"{part.mean_degree:.4g}", f"{part.share_of_centrality:.1%}", shown


def _coverage_lines(coverage: CoverageFindings) -> list[Line]:
    lines = [Line(f": {coverage.share:.1%} of all parameters are joined or folded", "coverage")]
    if coverage.rung not in ("", "torch.export"):
        lines.append(Line(f"  read from {coverage.rung}"))
    shown, more = coverage.left_out[:SHOWN_LEFT_OUT], len(coverage.left_out) - SHOWN_LEFT_OUT
    lines += [Line(f"  left out: {entry.parameter} ({entry.values:,}): {entry.reason}") for entry in shown]
    return [*lines, Line(f"  and {more} more (--json lists them all)")] if more > 0 else lines
