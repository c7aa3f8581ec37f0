"""Topology and weights -> the rolled graph: one node per channel, filter or neuron."""

from collections.abc import Callable, Collection
from dataclasses import replace
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn

from epochgraph.blocks import Block, Scaled, Sum
from epochgraph.checkpoints import Checkpoint
from epochgraph.errors import NonFiniteWeightsError, SettingError
from epochgraph.graph.graph import Graph
from epochgraph.graph.node_features import node_features
from epochgraph.graph.reading import Readings
from epochgraph.graph.streaming import Storage, streamed_blocks
from epochgraph.graph.weights import Weights, WeightSource
from epochgraph.topology import Fold, Join, Topology, chain

NonFinite = Literal["raise", "record"]


def rolled_graph(
    source: WeightSource,
    topology: Topology | None = None,
    *,
    fold_batch_norm: bool = False,
    features: Collection[str] = (),
    nonfinite: NonFinite = "raise",
    copy: bool = True,
    memory: int | None = None,
    watch: Callable[[int], object] | None = None,
) -> Graph:
    """The paper's compact graph of one snapshot: filters and neurons are nodes, norms of their weights are edges.

    The weight of the edge between filter k and a filter l that reads it is the Frobenius norm of all weights through
    which l reads k: of K[l, k] for a convolution, of W[l, k] for a linear layer, of the weights of all k's positions
    after a flatten.

    Args:
        source: A module, tensors by name, or a checkpoint.
        topology: Its wiring; None for the layers in a chain (`chain(source)`).
        fold_batch_norm: Multiply the scale of a batch norm, gamma / sqrt(variance + epsilon), into the weights that it
            follows; otherwise batch norms are ignored, as in the paper.
        features: Node features to compute: any of "bias" and "filter_map" (see `node_features`).
        nonfinite: What NaN or infinite weights mean: an error, or a snapshot that is recorded as diverged.
        copy: Whether the graph gets its own copy of the weights, so that it can be kept while training goes on. Without
            a copy, linear layers and 1x1 convolutions are read in place: faster, for a graph that is measured at once.
        memory: For a checkpoint, the bytes that the graph's weights and the iteration of a measure may take. Further
            weights stay on disk: each product reads them again, some rows at a time, so the file must not change.
            None to hold all weights in memory, where those of a module or of tensors by name are anyway.
        watch: Called with the number of bytes whenever part of a file has been read, to show progress; by any thread.

    Raises:
        SettingError: `nonfinite` or a feature is unknown, or the memory is negative.
        TracingError: No topology is given, and the weights are not a chain.
        MissingParameterError: A weight of the topology is not in `source`.
        ShapeMismatchError: The shape of a weight is not the one in the topology.
        NonFiniteWeightsError: Weights are NaN or infinite and `nonfinite` is "raise".
        WeightDtypeError: A weight is quantised.
        UnreadableFileError: A file has been changed since it was opened; measures raise it, too.

    Examples:
        >>> import torch
        >>> lenet = {"conv.weight": torch.ones(2, 3, 2, 2), "fc.weight": torch.ones(5, 8)}
        >>> graph = rolled_graph(lenet)
        >>> graph.sizes
        (3, 2, 5)
        >>> graph.row_sums[:3]  # two edges each, of weight sqrt(2 * 2)
        array([4., 4., 4.])

    References:
        Vahedian et al. 2022, section 2 (rolled graph representation).
    """
    if nonfinite not in ("raise", "record"):
        raise SettingError("nonfinite", nonfinite, "'raise' or 'record'")
    if memory is not None and memory < 0:
        raise SettingError("memory", memory, "a number of bytes, or None")
    if topology is None:
        topology = chain(source)
    storage = None if memory is None or not isinstance(source, Checkpoint) else Storage(memory, watch)
    weights = Weights(source, topology)
    epoch = None if isinstance(source, nn.Module) else getattr(source, "epoch", None)
    described = node_features(weights, topology, features)

    def build(weights: Weights) -> Graph:
        blocks = _blocks(topology, weights, storage, fold_batch_norm=fold_batch_norm, copy=copy)
        return Graph(topology.parts, blocks, described, epoch)

    return finite(build, weights, folds=topology.folds if fold_batch_norm else (), nonfinite=nonfinite)


def finite(
    build: Callable[[Weights], Graph], weights: Weights, *, folds: Collection[Fold], nonfinite: NonFinite = "raise"
) -> Graph:
    """Build a graph and check that its weights are finite, using the product that is also the degree.

    While a run diverges, its weights may still be finite when their squares are not: those get a second try in float64.

    Args:
        build: Makes the graph.
        weights: Its weights.
        folds: The batch norms that are folded.
        nonfinite: Whether NaN or infinite weights are an error or recorded.

    Raises:
        NonFiniteWeightsError: Weights are NaN or infinite and `nonfinite` is "raise".
    """
    graph = build(weights)
    if np.isfinite(graph.row_sums).all():
        return graph
    joined = {join.parameter for join in weights.topology.joins}
    counts = weights.nonfinite(joined | {name for fold in folds for name in (fold.scale, fold.variance) if name})
    if not counts:
        graph = build(weights.widened())
        if np.isfinite(graph.row_sums).all():
            return graph
        factors = {fold.variance: batch_norm_factors(fold, weights) for fold in folds}  # a variance below zero
        counts = {name: int((~torch.isfinite(factor)).sum()) for name, factor in factors.items()}
        counts = {name: count for name, count in counts.items() if count}
    if nonfinite == "raise":
        raise NonFiniteWeightsError(counts)
    return replace(graph, nonfinite=counts)


def batch_norm_factors(fold: Fold, weights: Weights) -> Tensor:
    """The factor by which a batch norm multiplies each node of its part, float64: |gamma| / sqrt(var + eps)."""
    variance = weights.numbers(fold.variance).double().cpu()
    scale = torch.ones_like(variance) if fold.scale is None else weights.numbers(fold.scale).double().cpu()
    return scale.abs() / torch.sqrt(variance + fold.epsilon)


def _blocks(
    topology: Topology, weights: Weights, storage: Storage | None, *, fold_batch_norm: bool, copy: bool
) -> dict[tuple[int, int], Block]:
    """One block for each pair of joined parts; joins that read a weight in the same way share their block."""
    first = sorted(set(topology.readers))
    readers = [topology.joins[place] for place in first]
    if storage is None:
        readings = Readings(topology)
        made = [_block(join, weights, readings, copy=copy) for join in readers]
    else:
        made = streamed_blocks(readers, topology, weights, storage)
    if fold_batch_norm:
        folds = {fold.part: fold for fold in topology.folds}
        made = [_scaled(block, folds.get(join.target), weights) for block, join in zip(made, readers, strict=True)]
    shared = dict(zip(first, made, strict=True))
    joined: dict[tuple[int, int], list[Block]] = {}
    for join, place in zip(topology.joins, topology.readers, strict=True):
        joined.setdefault((join.source, join.target), []).append(shared[place])
    return {pair: found[0] if len(found) == 1 else Sum(tuple(found)) for pair, found in joined.items()}


def _block(join: Join, weights: Weights, readings: Readings, *, copy: bool) -> Block:
    weight = weights.numbers(join.parameter)
    how = readings(join, weight.shape)
    return how.gathered(how.block(weight, copy=copy))


def _scaled(block: Block, fold: Fold | None, weights: Weights) -> Block:
    return block if fold is None else Scaled(block, batch_norm_factors(fold, weights).numpy())
