"""`evaluate`: finished runs -> how well their end is predicted from their first epochs."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import pandas as pd

from epochgraph.commands.batch import Batch, failure_lines
from epochgraph.commands.pages import Line, Sheet, Shown
from epochgraph.commands.progress import OnProgress, Progress, unwatched
from epochgraph.commands.sources import Sources, Unfinished, finished_runs
from epochgraph.errors import EpochgraphError
from epochgraph.evaluation import Protocol, cross_validated
from epochgraph.predictors import Task, candidates_for
from epochgraph.runs import Direction

TITLES = {
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced accuracy",
    "roc_auc": "area under ROC",
    "r2": "R²",
    "mean_absolute_error": "mean absolute error",
    "kendall_tau": "Kendall's τ",
}


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class Evaluation(Shown):
    """How well candidates predicted the end of held-out runs.

    Attributes:
        scores: A row an epoch, candidate and measure: mean and spread over the repeats, and the share of folds without
            a score (see `evaluation.cross_validated`).
        runs: How many runs were split into folds.
        protocol: How they were compared.
        of: How many runs were given.
        notes: Which runs and candidates are left out, and why.
        failures: The error of each run that could not be read, by its name.
    """

    scores: pd.DataFrame
    runs: int
    protocol: Protocol
    of: int
    notes: tuple[str, ...] = ()
    failures: Mapping[str, EpochgraphError] = field(default_factory=dict)

    def page(self) -> Sequence[Sheet | Line]:
        """One table per epoch, with one row per candidate and one column per measure: mean and spread."""
        epochs = dict.fromkeys(self.scores["epoch"])
        page = list[Sheet | Line]()
        for epoch in epochs:
            own = self.scores[self.scores["epoch"] == epoch]
            page += [scores_table(own, f"{self.runs} runs, up to epoch {epoch:g}"), Line("")]
        return page

    def asides(self) -> Sequence[str]:
        """What is left out of the comparison."""
        return [*self.notes, *failure_lines(self.failures).values()]


def evaluate(  # noqa: PLR0913 - the words of the command line
    runs: Sources,
    *,
    up_to: float | Sequence[float],
    task: Task = "classification",
    threshold: float | None = None,
    groups: str | None = None,
    folds: int = 5,
    repeats: int = 10,
    target: str = "test_accuracy",
    direction: Direction | None = None,
    unfinished: Unfinished = "refuse",
    seed: int = 0,
    progress: OnProgress = unwatched,
) -> Evaluation:
    """Cross-validate how well the end of runs is predicted from their first epochs, beside baselines without graphs.

    The spread is over the repeats. Runs that share a learning rate are much alike, so also try
    `groups="learning_rate"`, which holds whole learning rates out.

    Args:
        runs: Stored runs (a folder from `extract`, a population's file), or `Run` objects.
        up_to: The last epoch to look at, or several: each is an experiment of its own.
        task: Whether to predict good against bad ("classification") or the final value ("regression").
        threshold: The final value from which on a run is good (for a loss: up to which); needed for classification.
        groups: A setting, such as "learning_rate", whose runs stay together in one fold.
        folds: How many folds the runs are split into.
        repeats: How often they are split anew.
        target: The metric whose last value is to be predicted.
        direction: Whether the target "rises" or "falls" as runs get better; None to go by its name.
        unfinished: What to do with runs that were stopped before their end: "refuse", "leave-out" or "take".
        seed: Random seed.
        progress: Called with a `Progress` after each repeat of each candidate.

    Returns:
        The scores; mean absolute errors are in the unit of the metrics.

    Raises:
        UnfinishedRunsError: Some runs were stopped before their end.
        SettingError: There is no threshold for classification, or too few runs for the folds; runs are extracted in
            different ways, or lack the target or the groups.
        EpochgraphError: No run can be read.

    Examples:
        >>> import numpy as np, pandas as pd
        >>> from epochgraph import Signature, evaluate
        >>> from epochgraph.extraction import Extraction
        >>> from epochgraph.runs import Run
        >>> how = Extraction(measures=("degree",)).settings()
        >>> runs = []
        >>> for number in range(8):  # the faster the degrees grow, the better a run ends
        ...     taken = Signature(np.array([0.0, 1.0]), ("degree/graph/mean",), np.array([[1.0], [1.0 + number]]),
        ...                       np.zeros(2, dtype=bool))
        ...     metrics = pd.DataFrame({"test_accuracy": [number / 8]}, index=pd.Index([3.0], name="epoch"))
        ...     runs.append(Run(f"run{number}", taken, metrics, how))
        >>> found = evaluate(runs, up_to=1, threshold=0.5, folds=2, repeats=1)
        >>> trees = found.scores.query("candidate == 'signature trees' and measure == 'accuracy'")
        >>> trees["mean"].item() > 0.8
        True
    """
    protocol = Protocol(
        task=task,
        threshold=threshold,
        folds=folds,
        repeats=repeats,
        groups=groups,
        seed=seed,
        target=target,
        direction=direction,
    )
    epochs = tuple(dict.fromkeys([up_to] if isinstance(up_to, int | float) else up_to))
    batch = Batch()
    known, target, notes = finished_runs(runs, target, batch, unfinished)
    protocol = replace(protocol, target=target)
    candidates, left_out = candidates_for(task, known, target, min(epochs))
    for metric in dict.fromkeys(left_out.values()):
        names = ", ".join(name for name, missing in left_out.items() if missing == metric)
        notes.append(f"left out, as not all runs have {metric}: {names}")
    scores = cross_validated(
        candidates,
        known,
        protocol,
        epochs=epochs,
        progress=lambda done, total: progress(Progress("fits", "fits", done, total)),
    )
    return Evaluation(scores, len(known), protocol, batch.of, tuple(notes), batch.failures)


def scores_table(scores: pd.DataFrame, title: str) -> Sheet:
    """The scores of one epoch: one row per candidate, one column per measure, mean and spread."""
    measures = list(dict.fromkeys(scores["measure"]))
    rows = []
    for candidate, own in scores.groupby("candidate", sort=False):
        found = own.set_index("measure")
        cells = [_cell(found.loc[measure, "mean"], found.loc[measure, "spread"]) for measure in measures]
        rows.append((str(candidate), *cells))
    heads = ("", *(TITLES[measure] for measure in measures))
    return Sheet(heads, rows, title, numbers=range(1, len(heads)))


def _cell(mean: float, spread: float) -> str:
    if math.isnan(mean):
        return "-"
    return f"{mean:.3f}" + ("" if math.isnan(spread) else f" ± {spread:.3f}")
