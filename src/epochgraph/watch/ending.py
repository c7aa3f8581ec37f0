"""How a run ends: by its budget, by a decision, or by a word of the user's; and what stopping saved or would have."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from epochgraph.errors import SettingError
from epochgraph.extraction import Extraction
from epochgraph.predictors import Prediction
from epochgraph.runs import Run, Setting
from epochgraph.runs.ends import budget_of
from epochgraph.runs.metrics import alike
from epochgraph.watch.answer import Account
from epochgraph.watch.files import Entry

STATUS = "status"
RUNNING, FINISHED, STOPPED = "running", "finished", "stopped"
EPOCHS = "epochs"


def own_settings(settings: Mapping[str, Setting], budget: float | None, how: Extraction) -> dict[str, Setting]:
    """The settings of a run as they are stored, but for its status.

    Raises:
        SettingError: They say another budget, or what `Watch` says itself; or one is no plain value.
    """
    reserved = {STATUS, *how.settings()} & settings.keys()
    if reserved:
        raise SettingError("settings", sorted(reserved)[0], "left out: `Watch` writes it itself")
    for name, value in settings.items():
        if not isinstance(name, str) or not isinstance(value, Setting):
            raise SettingError(f"settings[{name!r}]", value, "a str, int, float, bool or None")
    said = budget_of(settings)
    if budget is not None and not 0 < budget < np.inf:
        raise SettingError("budget", budget, "a number of epochs above 0, or None")
    if budget is not None and said is not None and said != budget:
        raise SettingError("budget", budget, f"{said:g}, as the settings say")
    added = {EPOCHS: budget} if budget is not None and said is None else {}
    return {**settings, **added, **how.settings()}


def same_run(path: Path, stored: Mapping[str, Setting], now: Mapping[str, Setting]) -> None:
    """See that a run that is there is the one that goes on; it may have another budget.

    Raises:
        SettingError: Its settings are others.
    """
    free = {STATUS, EPOCHS}
    names = [*dict.fromkeys([*stored, *now])]
    other = [name for name in names if name not in free and repr(stored.get(name)) != repr(now.get(name))]
    if other:
        expected = f"{stored.get(other[0])!r}, as in {path}: give the run another name, or remove that file"
        raise SettingError(f"settings[{other[0]!r}]", now.get(other[0]), expected)


def account(run: Run, entries: tuple[Entry, ...], *, stopped: bool) -> Account:
    """What stopping saved or would have, in a run that has ended."""
    first = next((entry for entry in entries if entry.prediction.decision == "stop"), None)
    last = entries[-1].prediction if first is None else first.prediction
    end = None if stopped else _end(run, last.target)
    good = None if end is None or last.threshold is None else _is_good(last, end)
    epochs = float(run.signature.times[-1])
    return Account(
        epochs, budget_of(run.settings), None if first is None else first.epoch, stopped, last.target, end, good
    )


def _is_good(prediction: Prediction, end: float) -> bool:
    threshold = prediction.threshold or 0.0
    return end <= threshold if prediction.direction == "falls" else end >= threshold


def _end(run: Run, target: str) -> float | None:
    """The last value of the target; where it was not measured, of what is most like it."""
    if run.metrics.empty:
        return None
    last = run.metrics.iloc[-1].dropna()
    names = [name for name in (target, *alike(target, [*last.index])) if name in last]
    return float(last[names[0]]) if names else None
