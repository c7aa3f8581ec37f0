"""`python -m benchmarks.coverage.page [FILES]`: the rows of all libraries -> docs/coverage.md."""

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from itertools import chain
from pathlib import Path
from typing import Annotated, TypeVar

import numpy as np
import torch
import typer

from benchmarks.coverage.__main__ import FOLDER
from benchmarks.coverage.libraries import LIBRARIES, Name
from benchmarks.coverage.rows import LeftOut, Row, latest, read
from epochgraph.files import atomic_write

ENOUGH = 0.99
"""The share of a model's matrices and kernels that shall be joined."""

Key = TypeVar("Key", bound=Hashable)
Item = TypeVar("Item")

ORDER: tuple[Name, ...] = ("torch", "torchvision", "timm", "transformers", "diffusers", "monai", "torch_geometric")


@dataclass(frozen=True, slots=True)
class Use:
    """What one model has left out for one reason.

    Attributes:
        row: The model.
        left: The parameters.
        reason: As `general` words it.
    """

    row: Row
    left: LeftOut
    reason: str

    @property
    def share(self) -> float:
        """The share of the model's weights of matrices and kernels."""
        return self.left.weights / self.row.weights if self.row.weights else 0.0


def main(
    files: Annotated[list[Path] | None, typer.Argument(help="Rows; all of out/coverage if not given.")] = None,
    out: Annotated[Path, typer.Option(help="The page.")] = Path("docs/coverage.md"),
) -> None:
    """Write the page anew from the rows."""
    rows = latest(chain.from_iterable(map(read, files or sorted(FOLDER.glob("*.jsonl")))))
    text = page(rows, {library: len(LIBRARIES[library].names()) for library in ORDER if find_spec(library)})
    with atomic_write(out) as temporary:
        temporary.write_text(text, "utf-8")


def page(rows: Sequence[Row], totals: Mapping[str, int]) -> str:
    """The summary, then whatever fell short, by reason.

    Args:
        rows: Of one or more libraries.
        totals: How many models a library has, so that a sample is called one; those that are not installed are missing.
    """
    by_library = {library: [row for row in rows if row.library == library] for library in ORDER}
    present = {library: of_one for library, of_one in by_library.items() if of_one}
    return "\n".join(
        [*introduction(), *summary(present, totals), *(line for each in present.values() for line in shortfalls(each))]
    )


def introduction() -> list[str]:
    """What the page is, and what its words mean."""
    made = (
        "Made by `python -m benchmarks.coverage LIBRARY` for each library and `python -m benchmarks.coverage.page`; "
        f"nothing here is typed. PyTorch {torch.__version__}. No weights are downloaded: models are built on the "
        '"meta" device, those of the other libraries from small configurations on the CPU; where a name has a comma, '
        "what follows says what kind of the class it is."
    )
    words = (
        "*Traced*: `trace` raised no error. *Joined*: the share of the weights of matrices and kernels that are edges "
        "of the graph; these are all parameters of two or more dimensions, embeddings too, save those that are folded "
        "into nodes. A parameter that is joined for some of its uses only does not count. Seconds are those of `trace` "
        "alone, in brackets what the processor spent of them, for other work went on beside it; memory is the peak of "
        "the process, torch and the library included."
    )
    return ["# What `trace` reads of public model libraries", "", made, "", words, ""]


def summary(libraries: Mapping[Name, list[Row]], totals: Mapping[str, int]) -> list[str]:
    """One line a library."""
    titles = (
        "library",
        "models",
        "traced",
        "by which tracer",
        "at least 99 % joined",
        "of all weights joined",
        "median s (CPU)",
        "95th percentile s (CPU)",
        "largest MiB",
    )
    lines = [[*titles], ["---"] * len(titles)]
    lines += [summed(library, rows, totals.get(library, len(rows))) for library, rows in libraries.items()]
    return [*(f"| {' | '.join(cells)} |" for cells in lines), ""]


def summed(library: str, rows: Sequence[Row], total: int) -> list[str]:
    """The cells of a library's line; `total` is how many models it has."""
    traced = [row for row in rows if row.status == "traced"]
    rungs = Counter(row.rung.partition(" for ")[0] for row in traced if row.rung)  # without the reason
    weights = sum(row.weights for row in traced)
    begun = [row for row in rows if row.seconds]
    return [
        f"{library} {rows[-1].version}",
        f"{len(rows)} of {total:,}" if total > len(rows) else str(len(rows)),
        share(len(traced), len(rows)),
        ", ".join(f"{rung} {count}" for rung, count in rungs.items()) or "-",
        share(sum(row.joined_share >= ENOUGH for row in traced), len(rows)),
        f"{sum(row.joined for row in traced) / weights:.2%}" if weights else "-",
        timed(begun, 50),
        timed(begun, 95),
        f"{max(row.memory for row in rows):,.0f}",
    ]


def shortfalls(rows: Sequence[Row]) -> list[str]:
    """The models of a library that failed or are below what is asked, by reason."""
    failed = [row for row in rows if row.status != "traced"]
    short = [row for row in rows if row.status == "traced" and row.joined_share < ENOUGH]
    lines = [f"## {rows[0].library}", ""]
    if not failed and not short:
        return [*lines, "Every model is traced, with at least 99 % of its weights joined.", ""]
    if failed:
        lines += ["Not traced:", "", "| models | status | reason | which |", "|---|---|---|---|"]
        groups = grouped(failed, lambda row: (row.status, general(row.error)))
        lines += [
            f"| {len(group)} | {status} | {cell(reason)} | {names(group)} |" for (status, reason), group in groups
        ]
        lines.append("")
    if short:
        lines += [
            "Below 99 %, by the reason for which most of their unjoined weights are left out:",
            "",
            "| models | least joined | reason | which |",
            "|---|---|---|---|",
        ]
        lines += [
            f"| {len(group)} | {min(row.joined_share for row in group):.1%} | {cell(reason)} | {names(group)} |"
            for reason, group in grouped(short, main_reason)
        ]
        lines += ["", *reasons(rows)]
    return lines


def reasons(rows: Sequence[Row]) -> list[str]:
    """Every reason for which weights of matrices and kernels are left out, over all models of a library."""
    uses = [Use(row, left, general(left.reason)) for row in rows for left in row.left_out if left.weights]
    lines = [
        "Why weights of matrices and kernels are left out:",
        "",
        "| models | parameters | values | reason | where it is the largest share of a model |",
        "|---|---|---|---|---|",
    ]
    for reason, group in grouped(
        uses, lambda use: use.reason, size=lambda of_one: len({use.row.name for use in of_one})
    ):
        most = max(group, key=lambda use: use.share)
        models = len({use.row.name for use in group})
        values = sum(use.left.weights for use in group)
        lines.append(
            f"| {models} | {sum(use.left.count for use in group)} | {values:,} | {cell(reason)} "
            f"| {cell(most.row.name)}: {cell(most.left.example)}, {most.share:.1%} |"
        )
    return [*lines, ""]


def main_reason(row: Row) -> str:
    """What most of a model's weights that are not joined are left out for."""
    most = max(row.left_out, key=lambda left: left.weights, default=None)
    return "" if most is None else general(most.reason)


def grouped(
    items: Iterable[Item], key: Callable[[Item], Key], *, size: Callable[[list[Item]], int] = len
) -> list[tuple[Key, list[Item]]]:
    """The items by a key, the largest group first."""
    groups: defaultdict[Key, list[Item]] = defaultdict(list)
    for item in items:
        groups[key(item)].append(item)
    return sorted(groups.items(), key=lambda group: -size(group[1]))


def general(reason: str) -> str:
    """A reason without the numbers and names of one model, so that equal ones are seen to be equal."""
    placeless = re.sub(r"(\S+) in \S+ is not understood", r"\1 is not understood", reason)
    quoted = re.sub(r"'[^']*'", lambda match: re.sub(r"\d+", "N", match[0]), placeless)
    shapeless = re.sub(r"\[[\d, ]*\]|\(\d[^)]*\)", "…", quoted)
    return re.sub(r"\b[a-z]?\d+(\.\d+)?\b", "N", shapeless)


def timed(rows: Sequence[Row], percentile: float) -> str:
    """A percentile of the seconds of `trace`, and of what the processor spent of them."""
    if not rows:
        return "-"
    seconds = np.percentile([row.seconds for row in rows], percentile)
    cpu = np.percentile([row.cpu_seconds for row in rows], percentile)
    return f"{seconds:.1f} ({cpu:.1f})"


def share(part: int, whole: int) -> str:
    """A count and what share it is."""
    return f"{part} ({part / whole:.1%})"


def names(rows: Sequence[Row]) -> str:
    """The models' names; of those that are traced the share that is joined too."""
    return ", ".join(f"{row.name} {row.joined_share:.0%}" if row.status == "traced" else row.name for row in rows)


def cell(text: str) -> str:
    """The text as it may stand in a table."""
    return text.replace("|", "\\|").replace("<", "&lt;").replace("\n", " ")


if __name__ == "__main__":
    typer.run(main)
