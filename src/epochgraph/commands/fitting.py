"""`fit`: finished runs -> a predictor of how others will end."""

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from epochgraph.commands.batch import Batch, failure_lines
from epochgraph.commands.pages import Line, Sheet, Shown
from epochgraph.commands.sources import Sources, Unfinished, finished_runs
from epochgraph.errors import EpochgraphError, SettingError
from epochgraph.extraction import extraction
from epochgraph.predictors import (
    Method,
    Predictor,
    SignatureClassifier,
    SignatureRegressor,
    Task,
    fitted,
    write_predictor,
)
from epochgraph.predictors.curves import CURVE, MetricsOfEpochs, learning_curve_of_epochs
from epochgraph.predictors.views import Concatenated, View, signature_so_far
from epochgraph.runs import Direction, Run, direction_for, values_of


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class Fitted(Shown):
    """What `fit` has learned; `predict` takes it as its predictor.

    Attributes:
        predictor: The fitted predictor.
        lowest: The lowest final value of the target among the runs, in the unit of the metrics.
        highest: The highest.
        of: How many runs were given.
        out: The file of the predictor; None if it was not written.
        notes: Which runs are left out, and why.
        failures: The error of each run that could not be read, by its name.
    """

    predictor: Predictor
    lowest: float
    highest: float
    of: int
    out: Path | None = None
    notes: tuple[str, ...] = ()
    failures: Mapping[str, EpochgraphError] = field(default_factory=dict)

    def summary(self) -> str:
        """What it was fitted on, in one line."""
        count, target = self.predictor.trained_on["runs"], self.predictor.target
        found = f"whose {target} is from {self.lowest:.3g} to {self.highest:.3g}"
        better = " (the lower, the better)" if self.predictor.falls else ""
        return f"fitted on {count} runs, {found}{better}" + ("" if self.out is None else f": {self.out}")

    def page(self) -> Sequence[Sheet | Line]:
        """What it was fitted on."""
        return [Line(self.summary())]

    def asides(self) -> Sequence[str]:
        """Which runs it was not fitted on."""
        return [*self.notes, *failure_lines(self.failures).values()]


def fit(  # noqa: PLR0913 - the words of the command line
    runs: Sources,
    *,
    up_to: float,
    out: str | os.PathLike[str] | None = None,
    task: Task = "regression",
    threshold: float | None = None,
    method: Method = "trees",
    curve: bool = False,
    look_at: Sequence[str] = (),
    groups: str | None = None,
    target: str = "test_accuracy",
    direction: Direction | None = None,
    unfinished: Unfinished = "refuse",
    seed: int = 0,
) -> Fitted:
    """Learn from finished runs to predict how others will end, from their first epochs.

    Its errors are measured, too: each run is held out once, together with all runs of its group, and the errors on
    held-out runs give the intervals and decisions of `predict`.

    Args:
        runs: Stored runs (a folder from `extract`, a population's file), or `Run` objects, such as what `extract`
            returns.
        up_to: The last epoch to look at.
        out: Where to write the predictor (.skops); None writes nothing.
        task: Whether to predict the final value ("regression") or good against bad ("classification").
        threshold: The final value from which on a run is good (for a loss: up to which), in the unit of the
            metrics. Needed for classification; for regression it is the default of `predict`.
        method: "trees", or the paper's "svm" and "mlp".
        curve: Use validation accuracies and training losses, too.
        look_at: Further metrics to use, such as "validation_loss".
        groups: A setting, such as "learning_rate"; promises then hold for new values of it.
        target: The metric whose last value is to be predicted.
        direction: Whether the target "rises" or "falls" as runs get better; None to go by its name.
        unfinished: What to do with runs that were stopped before their end: "refuse", "leave-out" or "take".
        seed: Random seed.

    Returns:
        The predictor, and what it was fitted on.

    Raises:
        UnfinishedRunsError: Some runs were stopped before their end.
        SettingError: Runs are extracted in different ways, lack the target or the groups, or are too few.
        EpochgraphError: No run can be read, or the predictor cannot be written.

    Examples:
        >>> import numpy as np, pandas as pd
        >>> from epochgraph import Signature, fit
        >>> from epochgraph.extraction import Extraction
        >>> from epochgraph.runs import Run
        >>> how = Extraction(measures=("degree",)).settings()
        >>> runs = []
        >>> for number in range(8):  # the faster the degrees grow, the better a run ends
        ...     values = np.outer([1.0, 1 + number], np.ones(2))
        ...     taken = Signature(np.array([0.0, 1.0]), ("degree/graph/mean", "degree/graph/std"), values,
        ...                       np.zeros(2, dtype=bool))
        ...     metrics = pd.DataFrame({"test_accuracy": [number / 8]}, index=pd.Index([3.0], name="epoch"))
        ...     runs.append(Run(f"run{number}", taken, metrics, how))
        >>> learned = fit(runs, up_to=1)
        >>> learned
        fitted on 8 runs, whose test_accuracy is from 0 to 0.875
        >>> learned.predictor.times
        (0.0, 1.0)
    """
    batch = Batch()
    known, target, notes = finished_runs(runs, target, batch, unfinished)
    direction = direction_for(target, direction)
    ends = [run.final_accuracy(target) for run in known]
    _check_finite(known, ends, target)
    kind = SignatureClassifier if task == "classification" else SignatureRegressor
    predictor = fitted(
        kind(method, random_state=seed),
        _view(look_at, curve=curve)(known, up_to),
        ends,
        threshold=threshold,
        groups=None if groups is None else values_of(known, groups),
        falls=direction == "falls",
        extraction=extraction(known[0].settings).settings(),
        trained_on={
            "runs": len(known),
            "target": target,
            "direction": direction,
            "lowest": min(ends),
            "highest": max(ends),
        },
    )
    written = None if out is None else Path(out)
    if written is not None:
        write_predictor(predictor, written)
    return Fitted(predictor, min(ends), max(ends), batch.of, written, tuple(notes), batch.failures)


def _view(look_at: Sequence[str], *, curve: bool) -> View:
    """What the predictor uses: the signature, and metrics if asked for."""
    curves = (learning_curve_of_epochs,) if curve else ()
    seen = set(CURVE) if curve else set()
    others = tuple(canonical for canonical in dict.fromkeys(look_at) if canonical not in seen)
    chosen = (*curves, MetricsOfEpochs(others)) if others else curves
    return Concatenated((signature_so_far, *chosen)) if chosen else signature_so_far


def _check_finite(runs: Sequence[Run], ends: Sequence[float], target: str) -> None:
    """Refuse final values that are NaN or infinite."""
    for run, end in zip(runs, ends, strict=True):
        if not math.isfinite(end):
            expected = "a number: take this run out of the store"
            raise SettingError(f"the last {target} of run {run.name!r}", end, expected)
