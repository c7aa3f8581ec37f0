"""Finished sweeps of all kinds, and what each of them is held out with."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from epochgraph.errors import UnreadableFileError
from epochgraph.forecasts import FinishedSweep, finished_sweep, fitted_prior, write_prior
from epochgraph.forecasts.fitting import EVERYTHING, WITH_CURVE, WITHOUT_CURVE
from epochgraph.runs import Run, parquet_files, read_stored_runs
from paper.wild import of_sweeps

LEAST_RUNS = 8
"""Of a sweep, to be looked at: fewer have no order to speak of."""

GRADIENTS = (
    "gradients/all/norm",
    "gradients/all/mean",
    "gradients/all/std",
    "gradients/all/signal_to_noise",
    "parameters/all/norm",
    "parameters/all/mean",
    "parameters/all/std",
)
"""Statistics of gradients and weights: what the rival NAP2 looks at."""

NAME = "sweep"
"""Beside the families of a sweep: what it is called."""

GROUPINGS = ("task", "architecture", "optimiser")
"""What families are held out by."""


def sweeps_of(zoos: Path) -> list[tuple[FinishedSweep, Mapping[str, str]]]:
    """All finished sweeps in a folder of populations, each with its family by each grouping, and its name.

    A population of one grid is one sweep; of a population of sweeps, those are left out that are not complete.

    Raises:
        UnreadableFileError: The folder holds no populations, or a file is damaged.
    """
    found: dict[str, list[Run]] = {}
    for path in sorted(parquet_files(zoos)):
        several = of_sweeps(path)
        for run in read_stored_runs(path):
            name = str(run.settings["sweep"]) if several else path.stem
            found.setdefault(name, []).append(replace(run, recordings={}))
    chosen = {name: runs for name, runs in found.items() if len(runs) >= LEAST_RUNS}
    if not chosen:
        raise UnreadableFileError(zoos, "it holds no sweeps", "Name the folder `zoos` of a checkout.")
    return [(_prepared(name, runs), {**_families(runs), NAME: name}) for name, runs in chosen.items()]


def by(grouping: str, sweeps: Sequence[tuple[FinishedSweep, Mapping[str, str]]]) -> list[FinishedSweep]:
    """The sweeps, each to be held out with those of the same task, architecture or optimiser."""
    return [replace(sweep, family=families[grouping]) for sweep, families in sweeps]


def write_priors(zoos: Path, out: Path) -> list[Path]:
    """Fit the priors that come with the package, measured on one held-out task after another.

    Returns:
        The files.

    Raises:
        UnreadableFileError: As `sweeps_of`.
        OutputError: A file cannot be written.
    """
    sweeps, paths = by("task", sweeps_of(zoos)), []
    for situation, columns in (("with-curves", WITH_CURVE), ("without-curves", WITHOUT_CURVE)):
        paths.append(out / f"{situation}.json")
        write_prior(fitted_prior(sweeps, columns=columns), paths[-1])
    return paths


def _prepared(name: str, runs: Sequence[Run]) -> FinishedSweep:
    metric = runs[0].settings.get("metric")
    target = None if metric is None else f"test_{metric}"
    return finished_sweep(runs, name, target=target, columns=(*EVERYTHING, *GRADIENTS))


def _families(runs: Sequence[Run]) -> dict[str, str]:
    settings = runs[0].settings
    data = str(settings.get("task", settings["data"])).lower()
    word = re.match("[a-z]+", data)
    return {
        "task": "reconstruction" if "reconstruction" in data else word[0] if word else data,
        "architecture": str(settings["architecture"]).lower().rstrip("0123456789"),
        "optimiser": str(settings.get("optimizer", "SGD-momentum")),
    }
