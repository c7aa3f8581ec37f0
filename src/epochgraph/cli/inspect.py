"""`epochgraph inspect`."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rich.markup import escape
from rich.table import Table

from epochgraph.checkpoints import Checkpoint
from epochgraph.cli.memory import free_memory, shown_reading, usable_memory, whole
from epochgraph.cli.output import console, print_json, progress_bar
from epochgraph.cli.reading import ReadingOptions
from epochgraph.cli.wiring import WiringOptions
from epochgraph.graph import Graph, rolled_graph
from epochgraph.measures import degree, eigenvector_centrality
from epochgraph.topology import Topology, write_topology

SHOWN_LEFT_OUT = 8

MOST_PAIRS = 50_000_000
"""Pairs of nodes that are looked at one by one, to count the edges among them."""

PAIR = 100
"""Bytes that looking at one of them may take: its nodes, its weight, and copies of these."""


def run(
    path: Path,
    options: WiringOptions,
    reading: ReadingOptions,
    *,
    memory: str | None,
    top: int,
    fold_batch_norm: bool,
    save: Path | None,
    as_json: bool,
) -> None:
    """Show the graph of a checkpoint."""
    checkpoint = reading.run(path)[-1]
    wiring = options.topology_of(checkpoint)
    usable = usable_memory(memory, checkpoint)
    with progress_bar() as progress, shown_reading(progress, checkpoint) as watch:
        graph = rolled_graph(checkpoint, wiring, fold_batch_norm=fold_batch_norm, memory=usable, watch=watch)
        if save is not None:
            write_topology(wiring, save)
        edges = _edges(graph, free_memory() // 2 if usable is None else usable - whole(checkpoint))
        findings = _findings(checkpoint, wiring, graph, edges, top)
    if as_json:
        print_json(findings)
    else:
        _print(findings)


def _findings(checkpoint: Checkpoint, topology: Topology, graph: Graph, edges: int | None, top: int) -> dict[str, Any]:
    strengths, scores = degree(graph), eigenvector_centrality(graph)
    order = np.argsort(-scores, kind="stable")[:top]
    starts = np.array([nodes.start for nodes in graph.ranges])
    owners = np.searchsorted(starts, order, side="right") - 1
    joined = [[graph.parts[source].name, graph.parts[target].name] for source, target in graph.blocks]
    return {
        "path": str(checkpoint.path),
        "epoch": checkpoint.epoch,
        "nodes": graph.size,
        "edges": edges,
        "parts": [
            {
                "name": part.name,
                "nodes": part.size,
                "mean_degree": float(strengths[nodes].mean()),
                "share_of_centrality": float(np.square(scores[nodes]).sum()),
                "reads": [source for source, target in joined if target == part.name],
            }
            for part, nodes in zip(graph.parts, graph.ranges, strict=True)
        ],
        "coverage": {
            "share": topology.coverage.share,
            "rung": topology.rung,
            "left_out": [
                {"parameter": e.name, "values": e.size, "reason": e.reason} for e in topology.coverage.left_out
            ],
        },
        "most_central": [
            {
                "part": graph.parts[owner].name,
                "index": int(node - starts[owner]),
                "eigenvector_centrality": float(scores[node]),
                "degree": float(strengths[node]),
            }
            for node, owner in zip(order.tolist(), owners.tolist(), strict=True)
        ],
    }


def _edges(graph: Graph, room: int) -> int | None:
    """The number of edges; None where there are too many to look at each.

    As the adjacency is symmetric, two nodes are joined by one edge, whichever of them reads the other and how often:
    the weights add up. A node that reads itself has an edge of its own.

    Args:
        graph: The graph.
        room: Bytes that this may take; one pair of parts is looked at after another.
    """
    joined: dict[tuple[int, int], list[tuple[int, int]]] = {}
    for source, target in graph.blocks:
        joined.setdefault((min(source, target), max(source, target)), []).append((source, target))
    pairs = [sum(math.prod(graph.blocks[place].shape) for place in places) for places in joined.values()]
    if sum(pairs) > MOST_PAIRS or PAIR * max(pairs, default=0) > room:
        return None
    return sum(_pairs_joined(graph, places) for places in joined.values())


def _pairs_joined(graph: Graph, places: Sequence[tuple[int, int]]) -> int:
    """How many pairs of nodes some blocks join, whichever of the two comes first."""
    found = []
    for source, target in places:
        rows, columns, weights = graph.blocks[source, target].entries()
        read, reading = columns + graph.ranges[source].start, rows + graph.ranges[target].start
        pairs = np.minimum(read, reading) * graph.size + np.maximum(read, reading)
        found.append(pairs[weights > 0])
    return len(np.unique(np.concatenate(found)))


def _print(findings: dict[str, Any]) -> None:
    edges = "" if findings["edges"] is None else f", {findings['edges']:,} edges"
    epoch = "" if findings["epoch"] is None else f", epoch {findings['epoch']:g}"
    console.print(f"[bold]{escape(findings['path'])}[/]{epoch}: {findings['nodes']:,} nodes{edges}")
    table = Table("part", "nodes", "mean degree", "share of centrality", "reads", box=None, header_style="bold")
    for part in findings["parts"]:
        reads = part["reads"]
        shown = escape(", ".join(reads[-3:]) + (f" and {len(reads) - 3} more" if len(reads) > 3 else ""))
        share = f"{part['share_of_centrality']:.1%}"
        table.add_row(escape(part["name"]), f"{part['nodes']:,}", f"{part['mean_degree']:.4g}", share, shown)
    for column in (1, 2, 3):
        table.columns[column].justify = "right"
    console.print(table)
    _print_coverage(findings["coverage"])
    if findings["most_central"]:
        table = Table("most central", "node", "eigenvector centrality", "degree", box=None, header_style="bold")
        for node in findings["most_central"]:
            scores = (f"{node['eigenvector_centrality']:.4f}", f"{node['degree']:.4g}")
            table.add_row(escape(node["part"]), str(node["index"]), *scores)
        for column in (1, 2, 3):
            table.columns[column].justify = "right"
        console.print()
        console.print(table)


def _print_coverage(coverage: dict[str, Any]) -> None:
    console.print(f"\n[bold]coverage[/]: {coverage['share']:.1%} of all parameters are joined or folded")
    if coverage["rung"] not in ("", "torch.export"):
        console.print(f"  read from {coverage['rung']}", markup=False, highlight=False)
    for entry in coverage["left_out"][:SHOWN_LEFT_OUT]:
        line = f"  left out: {entry['parameter']} ({entry['values']:,}): {entry['reason']}"
        console.print(line, markup=False, highlight=False)
    if len(coverage["left_out"]) > SHOWN_LEFT_OUT:
        console.print(f"  and {len(coverage['left_out']) - SHOWN_LEFT_OUT} more (--json lists them all)")
