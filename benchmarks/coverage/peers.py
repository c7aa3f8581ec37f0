"""`python -m benchmarks.coverage.peers`: beside other libraries that read networks, in one run on the same models.

Torch-Pruning builds a graph of which layers depend on each other, torchview a picture of all calls; both run the model.
Of each it is asked how long it takes on 20 models, where it fails, and the share of the weights of matrices and kernels
that are nowhere in what it finds. WeightWatcher's analysis stands beside the full signature of one network.
"""

import contextlib
import io
import os
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated

import pandas as pd
import torch
import typer
from torch import nn

from benchmarks.coverage.examples import Example
from benchmarks.coverage.libraries import LIBRARIES, Name
from benchmarks.coverage.operators import imported
from benchmarks.timing import machine, report
from epochgraph import rolled_graph, signature, trace
from epochgraph.files import atomic_write
from paper.results import markdown_table

MODELS: tuple[tuple[Name, str], ...] = (
    ("torchvision", "alexnet"),
    ("torchvision", "vgg11"),
    ("torchvision", "resnet18"),
    ("torchvision", "densenet121"),
    ("torchvision", "googlenet"),
    ("torchvision", "squeezenet1_1"),
    ("torchvision", "shufflenet_v2_x1_0"),
    ("torchvision", "mobilenet_v3_small"),
    ("torchvision", "efficientnet_b0"),
    ("torchvision", "convnext_tiny"),
    ("torchvision", "vit_b_16"),
    ("torchvision", "swin_t"),
    ("torch", "LSTM"),
    ("torch", "Transformer"),
    ("transformers", "bert"),
    ("transformers", "gpt2"),
    ("transformers", "llama"),
    ("transformers", "mixtral"),
    ("transformers", "t5"),
    ("transformers", "wav2vec2"),
)

Found = Callable[[Example], set[str]]
"""Names of the weights that a library sees in a model."""


def epochgraph(example: Example) -> set[str]:
    """The weights that `trace` joins or folds."""
    topology = trace(example.model, *example.inputs, **example.options)
    return {entry.name for entry in topology.coverage.entries if entry.status != "left out"}


def torch_pruning(example: Example) -> set[str]:
    """The weights of layers that Torch-Pruning's graph has a node for, and the bare parameters that it knows of."""
    library = imported("torch_pruning")
    inputs = example.inputs or dict(example.options)
    graph = library.DependencyGraph().build_dependency(example.model, example_inputs=inputs)
    bare = {id(unwrapped.parameters) for unwrapped in graph.unwrapped_parameters}
    seen = _of_modules(example.model, {id(module) for module in graph.module2node})
    return seen | {name for name, parameter in example.model.named_parameters() if id(parameter) in bare}


def torchview(example: Example) -> set[str]:
    """The weights of modules that torchview's graph shows."""
    library = imported("torchview")
    inputs = example.inputs or dict(example.options)
    graph = library.draw_graph(example.model, input_data=inputs, depth=50, device="cpu")
    nodes = {node for edge in graph.edge_list for node in edge}
    return _of_modules(example.model, {getattr(node, "compute_unit_id", None) for node in nodes})


def _of_modules(model: nn.Module, seen: set[int | None]) -> set[str]:
    """Names of the parameters in modules that are seen, or within one that is seen as a whole."""
    whole = [name for name, module in model.named_modules() if id(module) in seen and name]
    inside = tuple(f"{name}." for name in whole)
    return {name for name, _ in model.named_parameters() if name.startswith(inside)} if inside else set()


READERS: dict[str, Found] = {"epochgraph": epochgraph, "torch-pruning": torch_pruning, "torchview": torchview}


def beside_readers() -> list[dict[str, object]]:
    """Each model by each library: seconds, share of missed weights, error."""
    rows: list[dict[str, object]] = []
    for library, name in MODELS:
        with torch.device("cpu"):
            example = LIBRARIES[library].example(name)
        example.model.eval()
        weights = {n: p.numel() for n, p in example.model.named_parameters() if p.dim() > 1}
        for reader, found in READERS.items():
            begin = time.perf_counter()
            seen, error = _quietly(found, example)
            taken = time.perf_counter() - begin
            missed = sum(count for parameter, count in weights.items() if parameter not in seen)
            row: dict[str, object] = {"model": name, "reader": reader, "seconds": taken, "error": error}
            rows.append(row | {"missed": None if error else missed / sum(weights.values())})
            report("readers", **rows[-1])
    return rows


def _quietly(found: Found, example: Example) -> tuple[set[str], str]:
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        try:
            return found(example), ""
        except Exception as error:  # a library's own code runs here
            return set(), f"{type(error).__name__}: {next(iter(str(error).splitlines()), '')}"[:120]


def beside_weightwatcher() -> dict[str, float]:
    """WeightWatcher's analysis of a ResNet-18, and its wiring, graph and full signature."""
    watcher = imported("weightwatcher")
    model = imported("torchvision").models.resnet18().eval()
    begin = time.perf_counter()
    topology = trace(model, torch.zeros(1, 3, 224, 224))
    traced = time.perf_counter()
    signature([rolled_graph(model, topology)])
    measured = time.perf_counter()
    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        watcher.WeightWatcher(model=model).analyze()
    ended = time.perf_counter()
    row = {"trace": traced - begin, "signature": measured - traced, "weightwatcher": ended - measured}
    report("ResNet-18, beside WeightWatcher's analyze", **row)
    return row


def page(rows: Sequence[Mapping[str, object]], watched: Mapping[str, float]) -> str:
    """Both comparisons in Markdown."""
    table = pd.DataFrame(rows).pivot(index="model", columns="reader", values=["seconds", "missed"])
    cells = {
        f"{reader}, {kind}": [_cell(kind, table[kind, reader][name]) for _, name in MODELS]
        for kind in ("seconds", "missed")
        for reader in READERS
    }
    failed = [f"- {row['reader']}, {row['model']}: {row['error']}" for row in rows if row["error"]]
    shown = pd.DataFrame(cells, index=pd.Index([name for _, name in MODELS], name="model"))
    made = (
        f"Made by `python -m benchmarks.coverage.peers`; nothing here is typed. {os.cpu_count()} cores, PyTorch "
        f"{torch.__version__}. *Missed*: the share of the weights of matrices and kernels that are nowhere in what "
        "the library finds; - where it fails."
    )
    beside = (
        f"ResNet-18: `trace` {watched['trace']:.1f} s, rolled graph and full signature "
        f"{watched['signature']:.1f} s, WeightWatcher's `analyze` {watched['weightwatcher']:.1f} s."
    )
    return "\n".join(["# Beside other libraries", "", made, "", beside, "", markdown_table(shown), "", *failed, ""])


def _cell(kind: str, value: float) -> str:
    if value != value:  # noqa: PLR0124 - not a number: it failed
        return "-"
    return f"{value:.2f}" if kind == "seconds" else f"{value:.1%}"


def main(out: Annotated[Path, typer.Option(help="The page.")] = Path("docs/peers.md")) -> None:
    """Compare, print each figure as a JSON line, and write the page."""
    report("machine", **machine())
    watched, rows = beside_weightwatcher(), beside_readers()
    with atomic_write(out) as temporary:
        temporary.write_text(page(rows, watched), "utf-8")


if __name__ == "__main__":
    typer.run(main)
