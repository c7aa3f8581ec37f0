"""Predict how a training run will end from the graphs of its first checkpoints.

Data flows one way: checkpoints and a topology make graphs, measures give one number per node, a signature summarises
the graphs of a run over time, predictors turn signatures into the final accuracy.

A public name is imported when it is first used, so `import epochgraph` and `epochgraph --help` do not wait for torch.
"""

import importlib
import sys
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from epochgraph.checkpoints import load_checkpoint, read_run
    from epochgraph.commands.evaluating import evaluate
    from epochgraph.commands.extracting import extract
    from epochgraph.commands.fitting import fit
    from epochgraph.commands.inspecting import inspect
    from epochgraph.commands.packing import pack
    from epochgraph.commands.predicting import predict
    from epochgraph.commands.replaying import replay
    from epochgraph.commands.reporting import report
    from epochgraph.errors import EpochgraphError
    from epochgraph.graph import Graph, rolled_graph, unrolled_graph
    from epochgraph.measures import degree, eigenvector_centrality
    from epochgraph.monitor import Monitor
    from epochgraph.runs import read_population
    from epochgraph.signature import Signature, signature
    from epochgraph.topology import Topology, Wire, chain, read_topology, trace, wire, write_topology
    from epochgraph.watch import Sweep, Watch

__version__ = "0.2.0"

__all__ = [
    "EpochgraphError",
    "Graph",
    "Monitor",
    "Signature",
    "Sweep",
    "Topology",
    "Watch",
    "Wire",
    "chain",
    "degree",
    "eigenvector_centrality",
    "evaluate",
    "extract",
    "fit",
    "inspect",
    "load_checkpoint",
    "pack",
    "predict",
    "read_population",
    "read_run",
    "read_topology",
    "replay",
    "report",
    "rolled_graph",
    "signature",
    "trace",
    "unrolled_graph",
    "wire",
    "write_topology",
]

_NAMES = {
    "checkpoints": ("load_checkpoint", "read_run"),
    "commands.evaluating": ("evaluate",),
    "commands.extracting": ("extract",),
    "commands.fitting": ("fit",),
    "commands.inspecting": ("inspect",),
    "commands.packing": ("pack",),
    "commands.predicting": ("predict",),
    "commands.replaying": ("replay",),
    "commands.reporting": ("report",),
    "errors": ("EpochgraphError",),
    "graph": ("Graph", "rolled_graph", "unrolled_graph"),
    "measures": ("degree", "eigenvector_centrality"),
    "monitor": ("Monitor",),
    "runs": ("read_population",),
    "signature": ("Signature", "signature"),
    "topology": ("Topology", "Wire", "chain", "read_topology", "trace", "wire", "write_topology"),
    "watch": ("Sweep", "Watch"),
}
_MODULES = {name: f"{__name__}.{module}" for module, names in _NAMES.items() for name in names}


def __getattr__(name: str) -> object:
    """Import a public name, and keep it."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(importlib.import_module(_MODULES[name]), name)
    setattr(sys.modules[__name__], name, value)
    return value


def __dir__() -> list[str]:
    """List the public names, beside everything already imported."""
    return sorted({*globals(), *__all__})


class _Package(ModuleType):
    """A package whose functions are not hidden by modules of the same name.

    Importing `epochgraph.signature` sets that attribute to the module, where the public name is the function in it.
    """

    def __setattr__(self, name: str, value: object) -> None:
        if not (name in _MODULES and isinstance(value, ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package
