"""A published population as three plain tables, for your own research."""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from epochgraph.runs.storage import read_stored_runs
from epochgraph.runs.table import FEATURE, METRIC, SETTING, runs_table


@dataclass(frozen=True, slots=True, eq=False)
class PopulationTables:
    """Training runs as three pandas tables.

    Attributes:
        runs: One row per run, indexed by its name: its settings, and whether it `diverged`.
        curves: One row per run and time, indexed by `run` and `epoch`: losses, metrics, learning rate, seconds.
        features: Likewise the features of the network's graphs, weights, gradients and units.
    """

    runs: pd.DataFrame
    curves: pd.DataFrame
    features: pd.DataFrame


def read_population(path: str | Path) -> PopulationTables:
    """Read a population of training runs: a file from `zoo export`, or a folder of stored runs.

    Args:
        path: The file or folder.

    Raises:
        UnreadableFileError: It is missing, damaged, or not of runs.

    Examples:
        >>> from pathlib import Path
        >>> from tempfile import TemporaryDirectory
        >>> import numpy as np
        >>> import pandas as pd
        >>> from epochgraph import Signature
        >>> from epochgraph.runs import Run, write_run
        >>> def run(rate, accuracy):
        ...     graphs = Signature(np.array([0.0]), ("degree/graph/mean",), np.ones((1, 1)), np.array([False]))
        ...     metrics = pd.DataFrame({"test_accuracy": [accuracy]}, index=pd.Index([0.0], name="epoch"))
        ...     return Run(f"rate-{rate}", graphs, metrics, {"learning_rate": rate})
        >>> with TemporaryDirectory() as folder:
        ...     for rate, accuracy in ((0.1, 0.7), (1.0, 0.3)):
        ...         write_run(run(rate, accuracy), Path(folder) / f"{rate}.parquet")
        ...     population = read_population(folder)
        >>> population.curves.join(population.runs)[["learning_rate", "test_accuracy"]].values.tolist()
        [[0.1, 0.7], [1.0, 0.3]]
    """
    table = runs_table(read_stored_runs(path)).set_index(["run", "epoch"])
    settings = _named(table, SETTING).groupby("run", sort=False).first()
    diverged = table["diverged"].fillna(value=False).astype(bool).groupby("run", sort=False).any()
    return PopulationTables(settings.assign(diverged=diverged), _named(table, METRIC), _named(table, FEATURE))


def _named(table: pd.DataFrame, prefix: str) -> pd.DataFrame:
    """The columns of one kind, without their prefix."""
    chosen = [name for name in table.columns if name.startswith(prefix)]
    return table[chosen].rename(columns=lambda name: name.removeprefix(prefix))
