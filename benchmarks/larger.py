"""A checkpoint of two billion parameters, measured in far less memory than it takes.

The network is a language model as they are common (grouped attention, gated layers, norms), wired without any weights;
the checkpoint is of random numbers, several files as large models have them. Each measurement is a process of its own.
"""

import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional

from benchmarks.timing import report
from benchmarks.unrolled import memory_megabytes

VOCABULARY, WIDTH, HEADS, GROUPS, HIDDEN, LAYERS = 32_000, 2048, 16, 4, 5632, 44
SHARD_BYTES = 600 << 20
MEMORY = 1 << 30
ROUNDS = 5


class Attention(nn.Module):
    """Attention whose heads share keys and values in groups."""

    def __init__(self) -> None:
        super().__init__()
        shared = WIDTH // HEADS * GROUPS
        self.queries, self.output = (nn.Linear(WIDTH, WIDTH, bias=False) for _ in range(2))
        self.keys, self.values = (nn.Linear(WIDTH, shared, bias=False) for _ in range(2))

    def forward(self, x: Tensor) -> Tensor:
        """Let every place look at those before it."""
        queries, keys, values = (
            layer(x).unflatten(-1, (-1, WIDTH // HEADS)).transpose(1, 2)
            for layer in (self.queries, self.keys, self.values)
        )
        seen = functional.scaled_dot_product_attention(queries, keys, values, is_causal=True, enable_gqa=True)
        result: Tensor = self.output(seen.transpose(1, 2).flatten(2))
        return result


class Layer(nn.Module):
    """Attention, then a gated layer; both add to what they read."""

    def __init__(self) -> None:
        super().__init__()
        self.before, self.between = nn.RMSNorm(WIDTH), nn.RMSNorm(WIDTH)
        self.attention = Attention()
        self.gate, self.up = (nn.Linear(WIDTH, HIDDEN, bias=False) for _ in range(2))
        self.down = nn.Linear(HIDDEN, WIDTH, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Add both to `x`."""
        x = x + self.attention(self.before(x))
        read = self.between(x)
        result: Tensor = x + self.down(functional.silu(self.gate(read)) * self.up(read))
        return result


class Language(nn.Module):
    """Tokens to the scores of the next one."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(VOCABULARY, WIDTH)
        self.layers = nn.ModuleList(Layer() for _ in range(LAYERS))
        self.norm = nn.RMSNorm(WIDTH)
        self.head = nn.Linear(WIDTH, VOCABULARY, bias=False)

    def forward(self, tokens: Tensor) -> Tensor:
        """The scores at every place."""
        x = self.embedding(tokens)
        for layer in self.layers:
            x = layer(x)
        result: Tensor = self.head(self.norm(x))
        return result


def language() -> Language:
    """The network without weights."""
    with torch.device("meta"):
        return Language()


def write(folder: Path) -> None:
    """Write the wiring, and shards of random weights with their index."""
    from epochgraph import trace  # noqa: PLC0415 - those that measure shall not have loaded more than torch
    from epochgraph.topology import write_topology  # noqa: PLC0415

    model = language()
    write_topology(trace(model, torch.zeros(1, 8, dtype=torch.long)), folder / "topology.json")
    shards: list[dict[str, tuple[int, ...]]] = [{}]
    filled = 0
    for name, parameter in model.named_parameters():
        filled += 2 * parameter.numel()
        if filled > SHARD_BYTES and shards[-1]:
            shards.append({})
            filled = 2 * parameter.numel()
        shards[-1][name] = tuple(parameter.shape)
    places: dict[str, str] = {}
    for number, shapes in enumerate(shards):
        file = f"model-{number + 1:05}-of-{len(shards):05}.safetensors"
        save_file({n: torch.randn(shape).mul_(0.02).bfloat16() for n, shape in shapes.items()}, folder / file)
        places |= dict.fromkeys(shapes, file)
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": places}))


def measured(folder: Path, measure: str) -> None:
    """Measure in this process, which has loaded nothing but torch so far, and report."""
    of_torch = memory_megabytes("VmRSS")
    from epochgraph import load_checkpoint, rolled_graph, signature  # noqa: PLC0415
    from epochgraph.blocks import Dense  # noqa: PLC0415
    from epochgraph.topology import read_topology  # noqa: PLC0415

    topology = read_topology(folder / "topology.json")
    small = Dense(torch.ones((2, 2), dtype=torch.bfloat16))  # so that the kernels are compiled
    small.products(*reversed(small.sums()))
    of_package = memory_megabytes("VmRSS")
    files = sorted(folder.glob("*.safetensors"))
    size = sum(file.stat().st_size for file in files)
    seen: list[int] = []

    def one() -> None:
        checkpoint = load_checkpoint(folder)
        signature([rolled_graph(checkpoint, topology, memory=MEMORY, watch=seen.append)], measures=[measure])

    alternatives: dict[str, Callable[[], None]] = {"cat": lambda: _cat(files), measure: one}
    times: dict[str, list[float]] = {"cat": [], measure: []}
    for _ in range(ROUNDS if measure == "degree" else 1):
        for name, act in alternatives.items():
            begin = time.perf_counter()
            act()
            times[name].append(time.perf_counter() - begin)
    taken = min(times[measure])
    report(
        f"{measure} signature of a checkpoint on disk",
        parameters=sum(parameter.numel() for parameter in language().parameters()),
        files=len(files),
        gigabytes=size / 1e9,
        seconds=taken,
        against_cat=taken / min(times["cat"]),
        times_read=sum(seen) / len(times[measure]) / size,
        memory_given_megabytes=MEMORY / 2**20,
        peak_megabytes_beyond_torch=memory_megabytes("VmHWM") - of_torch,
        peak_megabytes_beyond_the_package=memory_megabytes("VmHWM") - of_package,
    )


def _cat(files: list[Path]) -> None:
    subprocess.run(["cat", *files], stdout=subprocess.DEVNULL, check=True)  # noqa: S603, S607 - our own files


def main() -> None:
    if len(sys.argv) > 1:
        action, folder = sys.argv[1], Path(sys.argv[2])
        write(folder) if action == "write" else measured(folder, action)
        return
    needed = 2 * sum(parameter.numel() for parameter in language().parameters())
    with tempfile.TemporaryDirectory() as temporary:
        if shutil.disk_usage(temporary).free < 2 * needed:
            print(f"skipped: the checkpoint would take {needed / 1e9:.1f} GB of {temporary}", file=sys.stderr)
            return
        for action in ("write", "degree", "eigenvector_centrality"):
            command = [sys.executable, "-m", "benchmarks.larger", action, temporary]
            subprocess.run(command, check=True)  # noqa: S603 - this very file


if __name__ == "__main__":
    main()
