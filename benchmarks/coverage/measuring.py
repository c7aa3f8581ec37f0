"""One model -> its row. This runs in a process that may be killed at any moment."""

import gc
import resource
import sys
import time
import warnings
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import torch

from benchmarks.coverage.examples import Example
from benchmarks.coverage.libraries import LIBRARIES, Name, version
from benchmarks.coverage.rows import LeftOut, Row, Status
from epochgraph.topology import Entry, Topology, trace

MEMORY_COUNTER = Path("/proc/self/clear_refs")
MEMORY_STATUS = Path("/proc/self/status")
ALLOCATION_FAILED = "allocate memory"
"""What torch's allocator says of it, in an error of no class of its own."""


def measured(library: Name, name: str) -> Row:
    """Build a model, trace it, and tell what became of it; nothing that the library or the tracer raise gets out."""
    gc.collect()
    _forget_peak()
    row = Row(library, name, version(library), "not built")
    begin = time.perf_counter()
    try:
        example, device = built(LIBRARIES[library].example, name, LIBRARIES[library].device)
    except Exception as error:  # the library's own code runs here, and may raise anything
        return replace(row, status=_status(error, "not built"), error=one_line(error), memory=_peak())
    row = replace(row, device=device, build_seconds=time.perf_counter() - begin)
    row = replace(row, parameters=sum(parameter.numel() for parameter in example.model.parameters()))
    begin, begin_cpu = time.perf_counter(), time.process_time()
    topology = traced(example)
    row = replace(row, seconds=time.perf_counter() - begin, cpu_seconds=time.process_time() - begin_cpu, memory=_peak())
    if isinstance(topology, Topology):
        return replace(counted(row, example, topology), status="traced")
    culprit, status = blamed(example, topology)
    return replace(row, status=_status(culprit, status), error=one_line(culprit))


def traced(example: Example) -> Topology | Exception:
    """The topology, or whatever `trace` raises."""
    try:
        return trace(example.model, *example.inputs, **example.options)
    except Exception as error:  # the model's own code runs here
        return error


def built(example: Callable[[str], Example], name: str, device: str) -> tuple[Example, str]:
    """The model on the wished device, or on the CPU where it needs values to be built; and which it was."""
    torch.manual_seed(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if device == "meta":
            try:
                with torch.device("meta"):
                    made = example(name)
                return made, _device(made)
            except Exception:  # noqa: S110 -- what is wrong with the model shows when it is built on the CPU
                pass
        made = example(name)
        return made, _device(made)


def counted(row: Row, example: Example, topology: Topology) -> Row:
    """The row with what the topology's coverage says of the model's parameters."""
    dimensions = {name: parameter.dim() for name, parameter in example.model.named_parameters(remove_duplicate=False)}
    entries = topology.coverage.entries
    weights = [entry for entry in entries if dimensions[entry.name] >= 2 and entry.status != "folded"]
    rung = getattr(topology, "rung", None)
    return replace(
        row,
        rung=None if rung is None else str(rung),
        weights=sum(entry.size for entry in weights),
        joined=sum(entry.size for entry in weights if entry.status == "joined"),
        covered=sum(entry.size for entry in entries if entry.status != "left out"),
        left_out=by_reason(topology.coverage.left_out, dimensions),
    )


def by_reason(entries: tuple[Entry, ...], dimensions: Mapping[str, int]) -> tuple[LeftOut, ...]:
    """The entries that are left out by their reason, that with the most values first."""
    groups: dict[str, list[Entry]] = defaultdict(list)
    for entry in entries:
        groups[entry.reason].append(entry)
    aggregated = (
        LeftOut(
            reason,
            count=len(group),
            values=sum(entry.size for entry in group),
            weights=sum(entry.size for entry in group if dimensions[entry.name] >= 2),
            example=max(group, key=lambda entry: entry.size).name,
        )
        for reason, group in groups.items()
    )
    return tuple(sorted(aggregated, key=lambda left: -left.values))


def blamed(example: Example, error: Exception) -> tuple[Exception, Status]:
    """The error and its status: a model that does not even run on its input is not the tracer's failure."""
    if _device(example) == "meta":
        return error, "failed"
    try:
        with torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            example.model.eval()(*example.inputs, **example.options)
    except Exception as own:  # the model's own code runs here
        return own, "not built"
    return error, "failed"


def one_line(error: BaseException) -> str:
    """The class of an error and the first line of its text; of a `TracingError` its cause, which says more."""
    root = error.__cause__ or error
    line = next((line.strip() for line in str(root).splitlines() if line.strip()), "")
    kind = type(root).__name__ if root is error else f"{type(error).__name__} of {type(root).__name__}"
    return f"{kind}: {line}"[:400]


def limit_memory(gibibytes: float) -> None:
    """Let allocations fail beyond that, before the machine itself runs out."""
    limit = int(gibibytes * 2**30)
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))


def _status(error: Exception, otherwise: Status) -> Status:
    short = isinstance(error, MemoryError) or ALLOCATION_FAILED in str(error)
    return "out of memory" if short else otherwise


def _device(example: Example) -> str:
    return next((parameter.device.type for parameter in example.model.parameters()), "cpu")


def _forget_peak() -> None:
    """Start the count of peak memory anew; where the system cannot, a process's later models show at least its peak."""
    if MEMORY_COUNTER.exists():
        MEMORY_COUNTER.write_text("5")


def _peak() -> float:
    """Peak memory since it was last forgotten, in MiB."""
    if MEMORY_STATUS.exists():
        lines = dict(line.split(":", 1) for line in MEMORY_STATUS.read_text().splitlines() if ":" in line)
        return int(lines["VmHWM"].split()[0]) / 2**10
    unit = 1 if sys.platform == "darwin" else 2**10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**20
