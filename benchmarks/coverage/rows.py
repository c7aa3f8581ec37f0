"""One row a model: what `trace` made of it, and what that took."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from benchmarks.coverage.lines import documents

Status = Literal["traced", "failed", "not built", "out of time", "out of memory"]


@dataclass(frozen=True, slots=True)
class LeftOut:
    """The parameters that are left out for one reason.

    Attributes:
        reason: As the topology's coverage gives it.
        count: Number of parameters.
        values: Number of their values.
        weights: Number of those values that are in matrices and kernels.
        example: Name of the largest parameter.
    """

    reason: str
    count: int
    values: int
    weights: int
    example: str


@dataclass(frozen=True, slots=True)
class Row:
    """What became of one model.

    Attributes:
        library: The library's name.
        name: The model's name in it.
        version: The library's version.
        status: "traced"; "failed" if `trace` raised; "not built" if the model could not be made or does not run on its
            example input even without `trace`; or what it ran out of.
        rung: Which tracer it was, where the topology tells.
        device: Where the parameters are: "meta" (no values) or "cpu".
        parameters: Number of the parameters' values.
        weights: Number of those in matrices and kernels: parameters of two or more dimensions that the topology does
            not fold into nodes.
        joined: Number of `weights` that are joined; one joined only in part is not.
        covered: Number of `parameters` that are joined or folded.
        left_out: The rest, by reason.
        build_seconds: Time to build the model.
        seconds: Time to trace it.
        cpu_seconds: What the processor spent of it, which does not depend on what else the machine does.
        memory: Peak memory of the process while it built and traced the model, in MiB, torch and the library included.
        error: One line; empty if traced.
    """

    library: str
    name: str
    version: str
    status: Status
    rung: str | None = None
    device: str = ""
    parameters: int = 0
    weights: int = 0
    joined: int = 0
    covered: int = 0
    left_out: tuple[LeftOut, ...] = ()
    build_seconds: float = 0.0
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    memory: float = 0.0
    error: str = ""

    @property
    def joined_share(self) -> float:
        """The share of the weights of matrices and kernels that is joined, from 0 to 1."""
        if self.status != "traced":
            return 0.0
        return self.joined / self.weights if self.weights else 1.0

    @property
    def covered_share(self) -> float:
        """The share of all parameters' values that is joined or folded, from 0 to 1."""
        if self.status != "traced":
            return 0.0
        return self.covered / self.parameters if self.parameters else 1.0


def read(path: Path) -> tuple[Row, ...]:
    """The rows of a file, the last of every model; none if there is no file."""
    return latest(map(_row, documents(path)))


def latest(rows: Iterable[Row]) -> tuple[Row, ...]:
    """The last row of every model, in the order in which the models first came."""
    return tuple({(row.library, row.name): row for row in rows}.values())


def _row(document: dict[str, object]) -> Row:
    left_out = document.pop("left_out")
    if not isinstance(left_out, list):
        raise TypeError(f"left_out is a {type(left_out).__name__}, not a list")
    return Row(left_out=tuple(LeftOut(**entry) for entry in left_out), **document)  # type: ignore[arg-type]
