"""`predict`: started runs -> how they will end, and whether to stop them."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import overload

from epochgraph.commands.batch import Batch, failure_lines
from epochgraph.commands.comparing import Comparison
from epochgraph.commands.fitting import Fitted
from epochgraph.commands.pages import Line, Sheet, Shown
from epochgraph.commands.progress import OnProgress, unwatched
from epochgraph.commands.reading import Reading, Wiring
from epochgraph.commands.sources import Sources, runs_to_predict
from epochgraph.errors import EpochgraphError, SettingError
from epochgraph.extraction import Extraction, extraction
from epochgraph.predictors import Prediction, Predictor, most_hopeful_first, predict_runs, read_predictor
from epochgraph.predictors.shipped import EXTRACTION, SHIPPED_EPOCHS, shipped_prediction, stored_predictor
from epochgraph.runs import Direction, LogOptions, Run

COLOURS = {"stop": "red", "continue": "green", "abstain": "yellow"}

PredictorSource = Predictor | Fitted | str | os.PathLike[str]
"""A predictor, what `fit` returns, or the file of one."""

GIVEN = "the given predictor"
"""The name of a predictor that is not in a file."""


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class Predictions(Sequence[Prediction], Shown):
    """How runs are expected to end: a sequence of predictions.

    Attributes:
        predictions: One per run, in the order of the runs, or the most hopeful first.
        of: How many runs there were.
        failures: The error of each run that could not be predicted, by its name.
    """

    predictions: tuple[Prediction, ...]
    of: int
    failures: Mapping[str, EpochgraphError] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.predictions)

    @overload
    def __getitem__(self, index: int) -> Prediction: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Prediction]: ...
    def __getitem__(self, index: int | slice) -> Prediction | Sequence[Prediction]:
        return self.predictions[index]

    def page(self) -> Sequence[Sheet | Line]:
        """One row per run, what was looked at, and what a good end is."""
        targets = {one.target for one in self.predictions}
        target = targets.pop().replace("test_accuracy", "accuracy") if len(targets) == 1 else "end"
        compared = any(one.standing is not None for one in self.predictions)
        heads = ["run", "epoch", f"predicted {target}", "90 % interval", "chance of a good end", "decision"]
        heads[2:2] = ["better than"] if compared else []
        sheet = Sheet(heads, [_row(one, compared=compared) for one in self.predictions], colours=COLOURS)
        lines = looked_at(self.predictions)
        goods = {(one.threshold, one.direction) for one in self.predictions if one.threshold is not None}
        for threshold, direction in goods:
            limit = "less" if direction == "falls" else "more"
            lines.append(f"A good end is a final {target} of {threshold:g} or {limit}.")
        if len(self.predictions) == 1:
            lines.append(f"{self.predictions[0].decision}: {self.predictions[0].reason}.")
        return [sheet, *map(Line, lines)]

    def asides(self) -> Sequence[str]:
        """Which runs could not be predicted."""
        return [*failure_lines(self.failures).values()]


def predict(  # noqa: PLR0913 - the words of the command line
    runs: Sources,
    *,
    predictor: PredictorSource | None = None,
    known: Sources | None = None,
    best: int | None = None,
    threshold: float | None = None,
    rate: float = 0.05,
    target: str | None = None,
    direction: Direction | None = None,
    budget: float | None = None,
    hopeful_first: bool = False,
    weights_alone: bool = False,
    topology: Wiring = None,
    allow_gaps: bool = False,
    epochs_from: str | None = None,
    metric: Mapping[str, str] | None = None,
    log: str | None = None,
    first_pass: int | None = None,
    progress: OnProgress = unwatched,
) -> Predictions:
    """Predict how runs will end, from their first checkpoints, and whether to stop them.

    Runs of one sweep are compared with each other, and with those of it that have finished (`known`): see
    `epochgraph.forecasts.forecast`. That is done if you give `known`, `best`, `target` or `budget`, and for five or
    more runs of a kind that the predictors that come with the package do not know.

    Those know image classification with ten classes, trained from scratch by SGD with a momentum of 0.9 at a constant
    learning rate. They need the initial weights (epoch 0) and those after 1/4, 1/2, 1, 2, 3 or 5 epochs, with all whole
    epochs before. You can also `fit` a predictor on finished runs of your own.

    Args:
        runs: Folders of checkpoints, stored runs, folders of stored runs, or `Run` and `Signature` objects; one or
            several.
        predictor: What `fit` returned, or its file; None for what comes with the package.
        known: Finished runs of the same sweep, to learn from; from four on, final values are forecast.
        best: How many of the sweep's runs count as good, instead of a threshold.
        threshold: The final value from which on an end is good (of a loss: up to which), in the unit of the metrics;
            None for the predictor's own. Without one there is no decision.
        rate: The share of good runs that a decision may stop, from 0 to 1; divide it by the number of times you ask.
        target: The metric whose final value is forecast for a sweep; None for the usual one that all runs have.
        direction: Which way it gets better, where its name does not say.
        budget: The epochs that each run of a sweep has in all, where neither settings nor finished runs tell.
        hopeful_first: Sort by how high runs may end, those to stop last.
        weights_alone: Let the predictors of the package stop a run whose learning curve they do not know.
        topology: As in `extract`, for checkpoints.
        allow_gaps: As in `extract`.
        epochs_from: As in `extract`.
        metric: As in `extract`; also for stored runs.
        log: As in `extract`.
        first_pass: As in `extract`.
        progress: As in `extract`.

    Returns:
        A `Prediction` for each run: the final value, an interval, the chance of a good end, a decision and its reason.

    Raises:
        EpochgraphError: The only run cannot be predicted, or all fail for the same reason; the predictor cannot be
            read, or an option is wrong.

    Examples:
        >>> import numpy as np
        >>> from epochgraph import Signature, predict
        >>> diverged = Signature(np.array([0.0, 1.0]), ("degree/graph/mean",), np.full((2, 1), np.nan),
        ...                      np.array([False, True]))
        >>> answer = predict(diverged)
        >>> answer[0].decision, answer[0].reason
        ('stop', 'its weights are NaN or infinite at epoch 1')
    """
    logs = LogOptions(names=metric or {}, file=log, first_pass=first_pass)
    read = Reading(topology=topology, logs=logs, allow_gaps=allow_gaps, epochs_from=epochs_from)
    sweep = Comparison(best=best, threshold=threshold, rate=rate, target=target, direction=direction, budget=budget)
    wanted = known is not None or sweep.asked_for
    if predictor is None:
        how, prediction = _with_shipped(None if wanted else threshold, rate, weights_alone=weights_alone)
    elif wanted:
        raise SettingError("predictor", str(predictor), "left out where the runs of a sweep are compared")
    else:
        how, prediction = _with_given(predictor, threshold, rate)
    batch, predicted = Batch(), list[Prediction]()
    found = runs_to_predict(runs, how, read, batch, progress)
    finished = [] if known is None else _known(known, how, read, batch, progress)
    compared = sweep.forecasts(found.runs, finished, wanted=wanted) if predictor is None else {}
    for place, run in enumerate(found.runs):
        with batch.each(run.name):
            one = compared[place] if place in compared else prediction(run)
            predicted.append(replace(one, notes=(*found.notes.get(run.name, ()), *one.notes)))
    batch.check_common()
    ordered = most_hopeful_first(predicted) if hopeful_first else predicted
    return Predictions(tuple(ordered), batch.of, batch.failures)


def _known(known: Sources, how: Extraction, read: Reading, batch: Batch, progress: OnProgress) -> list[Run]:
    """The finished runs; what cannot be read of them is named with the rest."""
    own = Batch()
    runs = runs_to_predict(known, how, read, own, progress).runs
    batch.of += own.of
    batch.failures |= own.failures
    return runs


Predicting = tuple[Extraction, Callable[[Run], Prediction]]
"""How runs must be extracted, and what predicts the end of a run."""


def _with_shipped(threshold: float | None, rate: float, *, weights_alone: bool) -> Predicting:
    """With the shipped predictors."""
    stored_predictor("weights", SHIPPED_EPOCHS[0]).with_threshold(threshold)  # a wrong option is no run's fault
    return EXTRACTION, partial(shipped_prediction, threshold=threshold, rate=rate, weights_alone=weights_alone)


def _with_given(given: PredictorSource, threshold: float | None, rate: float) -> Predicting:
    """With the user's own predictor."""
    predictor, name = _read(given)
    predict_runs(predictor, [], threshold=threshold, rate=rate)  # likewise

    def prediction(run: Run) -> Prediction:
        (one,) = predict_runs(predictor, [run], threshold=threshold, rate=rate)
        return replace(one, predictor=name)

    return extraction(predictor.extraction), prediction


def _read(given: PredictorSource) -> tuple[Predictor, str]:
    """A predictor, and its name in answers."""
    if isinstance(given, Fitted):
        return given.predictor, GIVEN if given.out is None else str(given.out)
    return (given, GIVEN) if isinstance(given, Predictor) else (read_predictor(Path(given)), str(given))


def _row(one: Prediction, *, compared: bool) -> tuple[str, ...]:
    value = "" if one.accuracy is None else f"{one.accuracy:.3f}"
    interval = "" if one.interval is None else f"{one.interval[0]:.3f} to {one.interval[1]:.3f}"
    chance = "" if one.p_good is None else f"{one.p_good:.0%}"
    standing = "" if one.standing is None else f"{one.standing:.0%} of runs"
    beside = (standing,) if compared else ()
    return one.run, f"{one.times[-1]:g}", *beside, value, interval, chance, one.decision


def looked_at(predictions: Sequence[Prediction]) -> list[str]:
    """What the predictions rest on: a line for each predictor, with what it looked at and its notes."""
    runs: dict[str, list[str]] = {}
    for one in predictions:
        metrics = [f"{name} at {_epochs(epochs)}" for name, epochs in one.metrics.items()]
        seen = ", ".join(metrics if one.standing is not None and metrics else ["the weights", *metrics])
        by = f"{one.predictor} looked at {seen}" if one.predictor else "no predictor was needed"
        line = f"{by}{''.join(f'; {note}' for note in one.notes)}."
        runs.setdefault(line, []).append(one.run)
    if len(runs) == 1:
        return [next(iter(runs))]
    return [f"{', '.join(names)}: {line}" for line, names in runs.items()]


def _epochs(epochs: Sequence[float]) -> str:
    return f"epoch {epochs[0]:g}" if len(epochs) == 1 else f"epochs {', '.join(f'{e:g}' for e in epochs)}"
