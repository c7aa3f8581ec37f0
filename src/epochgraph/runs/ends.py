"""Which runs were trained to their end: how a stopped one would have ended is not known."""

import math
import re
from collections.abc import Mapping, Sequence

from epochgraph.runs.run import Run, Setting

BUDGET = ("epochs", "maxepochs", "numepochs", "nepochs", "numtrainepochs", "totalepochs", "trainepochs", "nbepochs")
"""Settings that say how many epochs a run was planned to have, in letters only."""

STOPPED = ("stopped", "stoppedearly", "earlystopped", "pruned", "interrupted", "crashed", "failed", "killed", "aborted")
FINISHED = ("finished", "completed", "done")
STATES = ("status", "state", "runstatus", "runstate", "trialstate")
ENDED = frozenset(
    {"", "complete", "completed", "done", "ended", "finished", "ok", "success", "succeeded", "terminated"}
)

ENOUGH = 0.98
"""The share of its epochs after which a run counts as finished: the last log entry may be a little before the end."""


def unfinished(runs: Sequence[Run]) -> dict[str, str]:
    """The runs that were stopped before their end, by name, and the evidence.

    Either their settings say so (`stopped`, `status`), or their metrics end before the number of epochs in the
    settings; without such a setting, before those of the longest run.
    """
    lasts = [float(run.metrics.index[-1]) if len(run.metrics) else 0.0 for run in runs]
    budgets = [budget_of(run.settings) for run in runs]
    longest = max((last for last, budget in zip(lasts, budgets, strict=True) if budget is None), default=0.0)
    found = {}
    for run, last, budget in zip(runs, lasts, budgets, strict=True):
        said = said_of(run.settings)
        if said is not None:
            found[run.name] = f"is {said} by its settings"
        elif budget is not None and last < ENOUGH * budget:
            found[run.name] = f"ends at epoch {last:g} of {budget:g}"
        elif budget is None and last < ENOUGH * longest:
            found[run.name] = f"ends at epoch {last:g}, others at {longest:g}"
    return found


def budget_of(settings: Mapping[str, Setting]) -> float | None:
    """The number of epochs that a run was planned to have, if its settings say."""
    named = _named(settings)
    values = [named[key] for key in BUDGET if key in named]
    numbers = [float(value) for value in values if isinstance(value, int | float) and not isinstance(value, bool)]
    return next((number for number in numbers if math.isfinite(number) and number > 0), None)


def said_of(settings: Mapping[str, Setting]) -> str | None:
    """What the settings say about a run that did not finish; None if they say nothing of the kind."""
    named = _named(settings)
    for key in STOPPED:
        if named.get(key) is True:
            return key
    if any(named.get(key) is False for key in FINISHED):
        return "not finished"
    states = (str(named[key]) for key in STATES if isinstance(named.get(key), str))
    return next((repr(state) for state in states if state.strip().lower() not in ENDED), None)


def _named(settings: Mapping[str, Setting]) -> dict[str, Setting]:
    return {re.sub(r"[^a-z]", "", name.lower()): value for name, value in settings.items()}
