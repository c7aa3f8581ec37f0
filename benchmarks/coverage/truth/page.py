"""`python -m benchmarks.coverage.truth.page`: the rows -> docs/truth.md."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import torch
import typer

from benchmarks.coverage.libraries import version
from benchmarks.coverage.page import cell
from benchmarks.coverage.truth.__main__ import ROWS
from benchmarks.coverage.truth.rows import Count, Row, read
from epochgraph.files import atomic_write

NUDGES = (
    "A model with random weights runs twice in double precision, the second time with one unit of one layer (a "
    "filter, a neuron, a hidden unit) or one channel of the input changed at all places by random numbers. That is "
    "held against the joins of `trace(model)`: whether they lead from the one unit to another, whatever their "
    "weights are. A unit of another layer that is *not joined* and has *changed*, if only in one bit at one place, "
    "is a fault of the topology (soundness). One that is joined and *does not change* by more than rounding, on any "
    "of up to eight inputs with nudges of several sizes, counts against it too (tightness). *Apart* are the pairs "
    "that neither are joined nor change."
)
WAYS = (
    "*Next*: units of every layer are nudged (of 30, where there are more), while all other layers go on giving what "
    "they gave, so that only what reads the unit through one weight can change: each join is seen by itself. "
    "*Downstream*: nothing is held, and whatever comes after may change; units of twelve layers are nudged."
)
HELD = (
    "Held as they were in the run without the nudge, for they are no edges by definition (an edge is a weight): the "
    "statistics of layer, group, RMS and response norms and of `normalize`; the sum of the others in a softmax over "
    "channels, as of a router, but not of attention scores: queries and keys do change what reads the head; and "
    "choices that the data make (the largest few, an order), as which experts a word asks. Weights are drawn at "
    "random, biases and scales too, and batch norms know the statistics of eight inputs, so that few units are dead. "
    "Units of a recurrent layer are nudged through their weights, at every moment."
)
WATCHED = (
    "Layers watched *n of m*: the others are weights that no layer of a known kind is called with; what passes "
    "through them is seen at the next layer."
)

KNOWN = {
    "detr": "the first self-attention of its decoder weighs values that are the same at all places, as its target is "
    "zeros: how they are weighed cannot show, so its queries and keys change nothing",
    "wav2vec2": "its input is a wave without a dimension of channels, whose moments are taken for nodes: the last one "
    "is beyond the windows of the second convolution",
    "mobilenet_v2": "the rest is dead: a ReLU6 before it gives 0 at all places, on all inputs",
}
"""What was found out about a model whose joined units do not all change."""

TITLES = (
    "model",
    "wiring",
    "layers watched",
    "nudges",
    "next: changed",
    "not joined",
    "joined",
    "do not change",
    "apart",
    "nudges",
    "downstream: changed",
    "not joined",
    "joined",
    "do not change",
    "held as they were",
)


def main(
    rows: Annotated[Path, typer.Argument(help="Rows.")] = ROWS,
    out: Annotated[Path, typer.Option(help="The page.")] = Path("docs/truth.md"),
) -> None:
    """Write the page anew from the rows."""
    with atomic_write(out) as temporary:
        temporary.write_text(page(read(rows)), "utf-8")


def page(rows: Sequence[Row]) -> str:
    """What was done, the sums, a line a model, then whatever differs from the topology."""
    good = [row for row in rows if not row.error]
    sums = [sum((row.following for row in good), Count()), sum((row.downstream for row in good), Count())]
    lines = [[*TITLES], ["---"] * len(TITLES), *map(line, good)]
    return "\n".join(
        [
            *introduction(rows),
            f"**{len(good)} architectures.** " + " ".join(map(summed, ("Next", "Downstream"), sums)),
            "",
            *(f"| {' | '.join(cells)} |" for cells in lines),
            "",
            *differing(good),
            *failed(rows),
        ]
    )


def introduction(rows: Sequence[Row]) -> list[str]:
    """How the page came about, and what its words mean."""
    libraries = dict.fromkeys(row.library for row in rows if not row.error)
    versions = ", ".join(f"{name} {version(name)}" for name in libraries)  # type: ignore[arg-type]
    made = (
        "Made by `python -m benchmarks.coverage.truth` and `python -m benchmarks.coverage.truth.page`; nothing here is "
        f"typed. PyTorch {torch.__version__}; {versions}. No weights are downloaded."
    )
    return ["# Is the wiring true? Real architectures, nudged", "", made, "", NUDGES, "", WAYS, "", HELD, ""]


def summed(name: str, count: Count) -> str:
    """The sums over all models, in words."""
    return (
        f"{name}: {count.nudges:,} nudges, {count.changed:,} units changed, of which {count.soundness:.4%} are joined; "
        f"of {count.joined:,} joined {count.tightness:.4%} changed."
    )


def line(row: Row) -> list[str]:
    """The cells of a model's line."""
    first, rest = row.following, row.downstream
    return [
        f"{row.library} {cell(row.name)}",
        row.shows,
        f"{row.sites}" + (f" of {row.sites + len(row.unwatched)}" if row.unwatched else ""),
        *(f"{n:,}" for n in numbers(first)),
        f"{first.apart:,}",
        *(f"{n:,}" for n in numbers(rest)),
        ", ".join(f"{name} {count}" for name, count in row.frozen) or "-",
    ]


def numbers(count: Count) -> tuple[int, ...]:
    """What both ways of nudging tell."""
    return count.nudges, count.changed, count.changed - count.sound, count.joined, count.joined - count.tight


def differing(rows: Sequence[Row]) -> list[str]:
    """Where what changed is not what is joined, and which layers could not be compared."""
    found = [(row, violation) for row in rows for violation in row.violations]
    lines = [WATCHED, ""]
    if not found:
        return [*lines, "What changed and what is joined are the same everywhere.", ""]
    lines += [
        "## Where they differ",
        "",
        *(f"- {row.name}: {KNOWN[row.name]}." for row in rows if row.violations and row.name in KNOWN),
        "",
        "| model | nudged | unit | changed | units | what |",
        "|---|---|---|---|---|---|",
    ]
    for row, each in found:
        what = "changed, not joined" if each.unsound else "joined, did not change"
        count = f"{each.count} of {each.units}"
        lines.append(f"| {row.name} | {each.source} | {each.unit} | {each.target} | {count} | {what} ({each.mode}) |")
    return [*lines, ""]


def failed(rows: Sequence[Row]) -> list[str]:
    """Models that could not be nudged, and layers without a part."""
    lines = [f"- {row.name} could not be nudged: {cell(row.error)}" for row in rows if row.error]
    lines += [f"- {row.name}: no part for {', '.join(row.unmapped)}" for row in rows if row.unmapped]
    return ["## What was not compared", "", *lines, ""] if lines else []


if __name__ == "__main__":
    typer.run(main)
