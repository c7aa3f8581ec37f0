"""Topology and weights -> the rolled graph: one node a channel, filter or neuron."""

from collections.abc import Callable, Collection
from dataclasses import replace
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn

from epochgraph.blocks import Block, Dense, Gathered, Grouped, Scaled, Sum, Transposed, norms
from epochgraph.errors import NonFiniteWeightsError, SettingError, ShapeMismatchError
from epochgraph.graph.features import node_features
from epochgraph.graph.structure import Graph
from epochgraph.graph.weights import Source, Weights
from epochgraph.topology import Fold, Join, Topology, chain
from epochgraph.topology.spans import NO_NODE, nodes

NonFinite = Literal["raise", "record"]


def rolled_graph(
    source: Source,
    topology: Topology | None = None,
    *,
    fold_batch_norm: bool = False,
    features: Collection[str] = (),
    nonfinite: NonFinite = "raise",
    copy: bool = True,
) -> Graph:
    """The paper's compact graph of one snapshot: filters and neurons are nodes, norms of their weights are edges.

    The edge between filter k and a filter l that reads it weighs the Frobenius norm of all weights through which l
    reads k: of K[l, k] for a convolution, of W[l, k] for a linear layer, of the weights of all k's positions after a
    flatten.

    Args:
        source: A module, tensors by name, or a checkpoint.
        topology: Its wiring; None for the layers in a chain (`chain(source)`).
        fold_batch_norm: Multiply the scale of a batch norm, gamma / sqrt(variance + epsilon), into the weights that it
            follows; otherwise batch norm takes no part, as in the paper.
        features: Node features to compute: any of "bias" and "filter_map" (see `node_features`).
        nonfinite: What NaN or infinite weights mean: an error, or a snapshot that is recorded as diverged.
        copy: Whether the graph has weights of its own, and so may be kept while training goes on. Without a copy, a
            linear layer or 1x1 convolution is read where it lies: faster, for a graph that is measured at once.

    Raises:
        MissingParameterError: A weight of the topology is not in `source`.
        ShapeMismatchError: A weight has another shape than the topology says.
        NonFiniteWeightsError: Weights are NaN or infinite and `nonfinite` is "raise".
        WeightDtypeError: A weight is quantised.

    Example:
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
    if topology is None:
        topology = chain(source)
    weights = Weights(source, topology)
    names = {join.parameter for join in topology.joins} | (_fold_names(topology) if fold_batch_norm else set())
    epoch = None if isinstance(source, nn.Module) else getattr(source, "epoch", None)
    described = node_features(weights, topology, features)

    def build(weights: Weights) -> Graph:
        blocks = _blocks(topology, weights, fold_batch_norm=fold_batch_norm, copy=copy)
        return Graph(topology.parts, blocks, described, epoch)

    return finite(build, weights, names, nonfinite=nonfinite)


def finite(
    build: Callable[[Weights], Graph], weights: Weights, names: set[str], *, nonfinite: NonFinite = "raise"
) -> Graph:
    """Build a graph and see that its weights are finite, by the product that also is the degree.

    Weights of a run on its way to infinity may be finite while their squares are not: they get a second try in float64.

    Args:
        build: Makes the graph.
        weights: What it is made of.
        names: The parameters that matter.
        nonfinite: Whether NaN or infinite weights are an error or recorded.

    Raises:
        NonFiniteWeightsError: As said.
    """
    graph = build(weights)
    if np.isfinite(graph.row_sums).all():
        return graph
    counts = weights.nonfinite(names)
    if not counts:
        return build(weights.widened())
    if nonfinite == "raise":
        raise NonFiniteWeightsError(counts)
    return replace(graph, nonfinite=counts)


def batch_norm_factors(fold: Fold, weights: Weights) -> Tensor:
    """The factor by which a batch norm multiplies each node of its part, float64: |gamma| / sqrt(var + eps)."""
    variance = weights.numbers(fold.variance).double().cpu()
    scale = torch.ones_like(variance) if fold.scale is None else weights.numbers(fold.scale).double().cpu()
    return scale.abs() / torch.sqrt(variance + fold.epsilon)


def _fold_names(topology: Topology) -> set[str]:
    return {name for fold in topology.folds for name in (fold.scale, fold.variance) if name}


def _blocks(topology: Topology, weights: Weights, *, fold_batch_norm: bool, copy: bool) -> dict[tuple[int, int], Block]:
    """One block for each pair of joined parts; what several joins read in the same way is one and the same block."""
    folds = {fold.part: fold for fold in topology.folds} if fold_batch_norm else {}

    def made(join: Join) -> Block:
        block = _block(join, weights.numbers(join.parameter), topology, copy=copy)
        fold = folds.get(join.target)
        return block if fold is None else Scaled(block, batch_norm_factors(fold, weights))

    readers = {_reader(join, topology): join for join in topology.joins}
    shared = {key: made(join) for key, join in readers.items()}
    joined: dict[tuple[int, int], list[Block]] = {}
    for join in topology.joins:
        joined.setdefault((join.source, join.target), []).append(shared[_reader(join, topology)])
    return {pair: found[0] if len(found) == 1 else Sum(tuple(found)) for pair, found in joined.items()}


def _reader(join: Join, topology: Topology) -> tuple[object, ...]:
    """What tells blocks apart: joins that agree in it read different parts through the same weights."""
    return join.parameter, join.inputs, join.groups, join.target, topology.parts[join.source].size


def _block(join: Join, weight: Tensor, topology: Topology, *, copy: bool) -> Block:
    """The weights of one join, as norms between its nodes."""
    width = sum(span.count * span.repeat for span in join.inputs)
    expected = (topology.parts[join.target].size, width // join.groups)
    if tuple(weight.shape[:2]) != expected:
        raise ShapeMismatchError(repr(join.parameter), (*expected, "..."), tuple(weight.shape))
    size = topology.parts[join.source].size
    if join.groups > 1:
        grouped = Grouped(_norms(weight.flatten(2) if weight.dim() > 2 else weight[:, :, None], copy=True), join.groups)
        return _gathered(grouped, *nodes(join.inputs), size)
    first = join.inputs[0]
    if (first.first, first.count, first.width) == (0, size, 1) and first.count * first.repeat == width:
        return _dense(weight, first.repeat, copy=copy)  # the plain case, without looking at each position
    read, widths = nodes(join.inputs)
    places = np.flatnonzero(read != NO_NODE)
    if len(places) < len(read):
        contiguous = places[-1] - places[0] + 1 == len(places)
        weight = weight[:, places[0] : places[-1] + 1] if contiguous else weight[:, torch.from_numpy(places)]
        read, widths = read[places], widths[places]
    repeat = _repeat(read)
    return _gathered(_dense(weight, repeat, copy=copy), read[::repeat], widths[::repeat], size)


def _dense(weight: Tensor, repeat: int, *, copy: bool) -> Block:
    """A dense block of a weight that reads each node at `repeat` consecutive positions."""
    if weight.dim() == 2 and repeat == 1 and not weight.is_contiguous() and weight.mT.is_contiguous():
        return Transposed(_dense(weight.mT, 1, copy=copy))
    grouped = weight.reshape(weight.shape[0], weight.shape[1] // repeat, -1)
    return Dense(_norms(grouped, copy=copy), signed=grouped.shape[2] == 1 and not copy)


def _repeat(read: np.ndarray) -> int:
    """How often in a row each node is read, if that is the same for all and no node comes again; otherwise 1."""
    starts = np.flatnonzero(np.diff(read, prepend=read[0] - 1))
    repeat = len(read) // len(starts)
    even = np.array_equal(starts, np.arange(len(starts)) * repeat) and repeat * len(starts) == len(read)
    return repeat if even and len(np.unique(read[starts])) == len(starts) else 1


def _norms(weight: Tensor, *, copy: bool) -> Tensor:
    """L2 norms over the last axis, the weights between two nodes, shaped as the first two.

    Of a single weight it is the absolute value or, without a copy, the weight itself.
    """
    if weight.shape[2] == 1:
        return weight[:, :, 0].abs() if copy else weight[:, :, 0]
    return norms(weight.reshape(-1, weight.shape[2])).reshape(weight.shape[:2])


def _gathered(block: Block, read: np.ndarray, widths: np.ndarray, size: int) -> Block:
    """Let a block read source nodes in an order of its own, if it is not theirs."""
    if (widths == 1).all() and np.array_equal(read, np.arange(size)):
        return block
    positions = np.repeat(np.arange(len(read)), widths)
    within = np.arange(len(positions)) - np.repeat(np.cumsum(widths) - widths, widths)
    found = np.repeat(read, widths) + within
    carried = np.repeat(read, widths) != NO_NODE
    return Gathered(block, torch.from_numpy(positions[carried]), torch.from_numpy(found[carried]), size)
