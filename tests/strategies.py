"""Random valid inputs, for Hypothesis."""

from itertools import pairwise

import numpy as np
import torch
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from torch import Tensor, nn

from epochgraph.blocks import Block, Dense, Functional, Gathered, Grouped, Scaled, Scan, Streamed, Sum, Transposed, Way
from epochgraph.graph import Graph
from epochgraph.topology import Part

WEIGHTS = st.floats(0.0078125, 8.0, width=32)
"""Away from zero, so that a comparison in relative terms is about the method and not about rounding."""


def matrices(rows: int, columns: int, *, signed: bool = False) -> st.SearchStrategy[Tensor]:
    elements = WEIGHTS | WEIGHTS.map(lambda w: -w) if signed else WEIGHTS
    return hnp.arrays(np.float32, (rows, columns), elements=elements).map(torch.from_numpy)


@st.composite
def blocks(draw: st.DrawFn, targets: int | None = None, sources: int | None = None) -> Block:
    """A block of any kind, of the given shape."""
    targets = targets or draw(st.integers(1, 6))
    sources = sources or draw(st.integers(1, 6))
    kinds = ["dense", "signed", "grouped", "gathered", "scaled", "sum", "functional", "transposed", "streamed"]
    kind = draw(st.sampled_from(kinds))
    dense = st.builds(Dense, matrices(targets, sources))
    match kind:
        case "signed":
            return Dense(draw(matrices(targets, sources, signed=True)), signed=True)
        case "grouped":
            groups = draw(st.sampled_from([g for g in (1, 2, 3) if targets % g == 0 and sources % g == 0]))
            return Grouped(draw(matrices(targets, sources // groups)), groups)
        case "gathered":
            width = draw(st.integers(1, 8))
            readings = draw(st.sets(st.tuples(st.integers(0, width - 1), st.integers(0, sources - 1)), max_size=12))
            # Every node is read once at least, so that only groups can disconnect a graph.
            pairs = np.array([*readings, *((width + node, node) for node in range(sources))])
            return Gathered(Dense(draw(matrices(targets, width + sources))), pairs[:, 0], pairs[:, 1], sources)
        case "streamed":
            return streamed(
                draw(matrices(targets, sources, signed=True)), draw(st.integers(1, 7)), kept=draw(st.booleans())
            )
        case "transposed":
            return Transposed(draw(st.builds(Dense, matrices(sources, targets))))
        case "scaled":
            factors = draw(st.lists(st.floats(0.5, 2.0), min_size=targets, max_size=targets))
            return Scaled(draw(dense), np.array(factors))
        case "sum":
            return Sum((draw(dense), draw(dense)))
        case "functional":
            weights = draw(matrices(targets, sources))
            return Functional(lambda x: weights @ x, (targets, sources), weights)
        case _:
            return draw(dense)


def streamed(weights: Tensor, step: int, *, kept: bool) -> Streamed:
    """A block whose weights are read a few rows at a time, always into the same memory, as they are from a file."""
    buffer = torch.empty_like(weights[:step])

    def rows(begin: int, end: int) -> Tensor:
        return torch.add(weights[begin:end], 0, out=buffer[: end - begin])

    def block(read: Tensor, lasting: bool) -> Block:
        return Dense(read.abs() if lasting else read, signed=not lasting)

    return Streamed(Scan(rows, len(weights), step, [Way(block, weights.shape[1], kept=kept)]), 0)


@st.composite
def graphs(draw: st.DrawFn) -> Graph:
    """A chain of two to four parts, with a skip connection or not, of blocks of any kind; groups may disconnect it."""
    sizes = draw(st.lists(st.integers(1, 6), min_size=2, max_size=4))
    parts = tuple(Part(f"part{index}", size) for index, size in enumerate(sizes))
    joined = {(s, s + 1): draw(blocks(targets, sources)) for s, (sources, targets) in enumerate(pairwise(sizes))}
    if len(sizes) > 2 and draw(st.booleans()):
        joined[0, 2] = draw(blocks(sizes[2], sizes[0]))
    return Graph(parts, joined)


def reordered(graph: Graph, part: int, order: np.ndarray) -> Graph:
    """The same graph with the nodes of one part in another order: node n was node order[n]."""
    blocks = {}
    for (source, target), block in graph.blocks.items():
        dense = np.zeros(block.shape)
        np.add.at(dense, block.entries()[:2], block.entries()[2])
        rows = order if target == part else np.arange(block.shape[0])
        columns = order if source == part else np.arange(block.shape[1])
        blocks[source, target] = Dense(torch.from_numpy(dense[np.ix_(rows, columns)]))
    return Graph(graph.parts, blocks)


class RandomNetwork(nn.Module):
    """A small network of convolutions that branch, add, concatenate, split and shuffle, then linear layers.

    `plan` holds one tuple an operation; every operation reads the last value or an earlier one, and all values have the
    same height and width. Activations are strictly monotonic, so that a change never vanishes on its way.
    """

    def __init__(self, plan: list[tuple], *, side: int = 4) -> None:
        super().__init__()
        self.plan = plan
        self.layers = nn.ModuleDict()
        widths = [3]
        for number, (kind, *options) in enumerate(plan):
            match kind:
                case "conv":
                    width, groups, kernel = options
                    layer = nn.Conv2d(widths[-1], width, kernel, padding=kernel // 2, groups=groups)
                    self.layers[str(number)] = layer
                    widths.append(width)
                case "norm":
                    norm = nn.BatchNorm2d(widths[-1])
                    nn.init.uniform_(norm.weight, 0.5, 2.0)
                    self.layers[str(number)] = norm
                    widths.append(widths[-1])
                case "add" | "tanh" | "shuffle" | "roll":
                    widths.append(widths[-1])
                case "concatenate":
                    widths.append(widths[-1] + widths[options[0]])
                case "slice":
                    widths.append(options[1] - options[0])
                case "pad":
                    widths.append(widths[-1] + sum(options))
        self.head = nn.Sequential(nn.Flatten(), nn.Linear(widths[-1] * (side // 2) ** 2, 5), nn.Tanh(), nn.Linear(5, 4))

    def forward(self, x: Tensor) -> Tensor:
        values = [x]
        for number, (kind, *options) in enumerate(self.plan):
            last = values[-1]
            match kind:
                case "conv" | "norm":
                    values.append(self.layers[str(number)](last))
                case "add":
                    values.append(last + values[options[0]])
                case "tanh":
                    values.append(torch.tanh(last))
                case "concatenate":
                    values.append(torch.cat([values[options[0]], last], dim=1))
                case "slice":
                    values.append(last[:, options[0] : options[1]])
                case "shuffle":
                    n, c, h, w = last.shape
                    values.append(last.view(n, options[0], c // options[0], h, w).transpose(1, 2).reshape(n, c, h, w))
                case "roll":
                    values.append(torch.roll(last, options[0], dims=1))
                case "pad":
                    values.append(nn.functional.pad(last, (0, 0, 0, 0, *options)))
        return self.head(nn.functional.avg_pool2d(values[-1], 2))


@st.composite
def networks(draw: st.DrawFn) -> RandomNetwork:
    """A random network with random weights, in evaluation mode."""
    plan: list[tuple] = [("conv", 4, 1, 3)]
    widths = [3, 4]
    for _ in range(draw(st.integers(3, 8))):
        width = widths[-1]
        same = [n for n, other in enumerate(widths[:-1]) if other == width]
        kinds = ["conv", "conv", "norm", "tanh", "concatenate", "roll", "pad"]
        kinds += ["add", "add"] * bool(same) + ["slice"] * (width > 2) + ["shuffle"] * (width % 2 == 0)
        kind = draw(st.sampled_from(kinds))
        match kind:
            case "conv":
                groups = draw(st.sampled_from([g for g in (1, 1, 2, 4, width) if width % g == 0]))
                target = groups * draw(st.integers(1, max(1, 6 // groups)))
                plan.append((kind, target, groups, draw(st.sampled_from([1, 3]))))
                widths.append(target)
            case "add":
                plan.append((kind, draw(st.sampled_from(same))))
                widths.append(width)
            case "concatenate":
                other = draw(st.integers(0, len(widths) - 1))
                plan.append((kind, other))
                widths.append(width + widths[other])
            case "slice":
                begin = draw(st.integers(0, width - 2))
                end = draw(st.integers(begin + 1, width))
                plan.append((kind, begin, end))
                widths.append(end - begin)
            case "shuffle":
                plan.append((kind, 2))
                widths.append(width)
            case "roll":
                plan.append((kind, 1))
                widths.append(width)
            case "pad":
                plan.append((kind, 1, 2))
                widths.append(width + 3)
            case _:
                plan.append((kind,))
                widths.append(width)
    torch.manual_seed(draw(st.integers(0, 2**32 - 1)))
    return RandomNetwork(plan).double().eval()
