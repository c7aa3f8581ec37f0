"""Many cross-validations side by side on all cores."""

import typing
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory

import joblib  # type: ignore[import-untyped]
import pandas as pd
from sklearn import config_context
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from epochgraph.errors import EpochgraphError, OutputError, SettingError
from epochgraph.evaluation import Protocol, cross_validated
from epochgraph.predictors import Candidate, Task
from paper.populations import Population

FOLDS = 5
"""The number of folds, as in the paper."""

Progress = Callable[[int, int], None]
"""Called with the number of finished experiments, and the total."""


@typing.runtime_checkable
class Scorable(typing.Protocol):
    """An experiment that can be sent to another process."""

    def scores(self) -> pd.DataFrame:
        """One row per score."""


@dataclass(frozen=True, slots=True)
class Experiment:
    """One candidate on one population.

    Attributes:
        population: Its runs.
        candidate: What predicts their end.
        epochs: The last epochs to look at, one after another.
        groups: The setting whose values stay in one fold; None for random folds.
        repeats: How often folds are made.
        task: What is predicted.
    """

    population: Population
    candidate: Candidate
    epochs: tuple[float, ...]
    groups: str | None = None
    repeats: int = 10
    task: Task = "classification"

    def scores(self) -> pd.DataFrame:
        """The scores of `cross_validated`, with the population and the folds."""
        protocol = Protocol(
            task=self.task,
            threshold=self.population.threshold,
            folds=FOLDS,
            repeats=self.repeats,
            groups=self.groups,
        )
        scores = cross_validated([self.candidate], self.population.runs, protocol, epochs=self.epochs)
        return scores.assign(population=self.population.name, folds=self.groups or "random")


def scorable(populations: Sequence[Population]) -> tuple[Population, ...]:
    """Those with enough runs on both sides of their threshold for five folds."""
    return tuple(one for one in populations if one.rarer >= FOLDS)


def scored(experiments: Sequence[Scorable], *, jobs: int, progress: Progress | None = None) -> pd.DataFrame:
    """The scores of all experiments, in their order whatever the number of processes.

    Args:
        experiments: Independent of each other.
        jobs: Processes.
        progress: Called after each experiment.

    Raises:
        SettingError: There is none, as no population is `scorable`.
        OutputError: They cannot be written to where the processes read them.
        EpochgraphError: A process was killed.
    """
    if not experiments:
        raise SettingError(
            "populations", [], f"some that are large enough, with {FOLDS} runs on each side of their threshold"
        )
    found: list[pd.DataFrame] = []
    with _written(experiments) as path, _reporting_kills(jobs):
        tasks = (joblib.delayed(_on_one_core)(path, place) for place in range(len(experiments)))
        for done, scores in enumerate(joblib.Parallel(n_jobs=jobs, return_as="generator")(tasks), start=1):
            found.append(scores)
            if progress is not None:
                progress(done, len(experiments))
    return pd.concat(found, ignore_index=True)


@contextmanager
def _written(experiments: Sequence[Scorable]) -> Iterator[Path]:
    """Lend a temporary file of all experiments."""
    with ExitStack() as stack:
        path = Path("TMPDIR")
        try:
            path = Path(stack.enter_context(TemporaryDirectory(prefix="epochgraph-"))) / "experiments"
            joblib.dump(list(experiments), path)
        except OSError as error:
            raise OutputError(path, error.strerror or str(error)) from error
        yield path


@contextmanager
def _reporting_kills(jobs: int) -> Iterator[None]:
    """Turn joblib's error about a killed process into one line."""
    try:
        yield
    except BrokenProcessPool as error:
        found = f"one of {jobs} worker processes was killed before it was done"
        raise EpochgraphError(f"{found}. If the memory was too small, use fewer --jobs.") from error


@lru_cache(maxsize=1)
def _read(path: Path) -> list[Scorable]:
    """All experiments, read once per process: many share runs, which would take long to send with each."""
    return list(joblib.load(path))


def _on_one_core(path: Path, place: int) -> pd.DataFrame:
    """The scores of an experiment, independent of the number of cores and without waiting for threads.

    Tables are too small for threads to help. On busy cores the threads wait for each other: a network on 1000 features
    took fifteen times as long with two. scikit-learn's checks of input from our own estimators are skipped, as they
    would take a fifth of the time.
    """
    with threadpool_limits(1), config_context(assume_finite=True, skip_parameter_validation=True):
        return _read(path)[place].scores()
