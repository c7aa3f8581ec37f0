"""A sweep as one page of HTML that needs nothing else: no network, no server."""

import json
import math
from collections.abc import Iterable, Mapping
from importlib.resources import files
from typing import Any

import numpy as np
import pandas as pd

from epochgraph.forecasts.target import Target, target_of
from epochgraph.runs import Run
from epochgraph.runs.ends import budget_of
from epochgraph.signature import Signature
from epochgraph.signature.names import FeatureName
from epochgraph.watch.ending import FINISHED, RUNNING, STOPPED
from epochgraph.watch.sweep import Member, SweepState

MOST_POINTS = 200
"""Of a curve: more cannot be told apart on a screen."""

MOST_LAYERS = 40
"""Of a run, that are shown."""

Json = dict[str, Any]


def sweep_html(data: Json, *, live: bool = False) -> str:
    """The page.

    Args:
        data: See `page_data`.
        live: Whether a server answers, from which the page fetches newer data.
    """
    text = json.dumps({**data, "live": live}, allow_nan=False, separators=(",", ":"))
    for mark in "<>&\u2028\u2029":  # none of them may end the script, whatever a run is called
        text = text.replace(mark, f"\\u{ord(mark):04x}")
    return files(__package__).joinpath("page.html").read_text("utf-8").replace("/*DATA*/null", text)


def page_data(state: SweepState, name: str, target: str | None = None) -> Json:
    """What the page shows, as plain values.

    Args:
        state: The sweep.
        name: What it is called.
        target: The metric that is forecast; None for the usual one.
    """
    runs = [one.run for one in state.members.values()]
    what = target_of(_measured(runs) or runs, target)
    return {
        "name": name,
        "verdict": verdict(state),
        "metric": what.progress or what.metric,
        "target": what.metric,
        "falls": what.direction == "falls",
        "runs": [_run(one, what) for one in state.members.values()],
        "order": state.order,
    }


def verdict(state: SweepState) -> str:
    """The sweep in a sentence or two: what there is, which runs to stop, with which to go on."""
    counts = {status: state.number(status) for status in (RUNNING, FINISHED, STOPPED)}
    there = ", ".join(f"{number} {status}" for status, number in counts.items() if number)
    said = f"{len(state.members)} runs: {there}."
    stop = state.to_stop
    if stop:
        said += f" Stop {_listed(stop)}{_why([state.members[name] for name in stop])}."
    elif counts[RUNNING]:
        said += " None is to be stopped yet."
    going_on = [name for name in state.order if state.members[name].status == RUNNING and name not in stop]
    if going_on and any(state.members[name].forecast.standing is not None for name in going_on):
        said += f" The most hopeful: {_listed(going_on[:3])}."
    diverged = [name for name, one in state.members.items() if one.run.signature.diverged.any()]
    if diverged:
        said += f" Diverged: {_listed(diverged)}."
    return said


def _measured(runs: Iterable[Run]) -> list[Run]:
    return [run for run in runs if len(run.metrics)]


def _why(members: list[Member]) -> str:
    """What those to stop have in common: hardly a chance of a good end."""
    chances = [one.forecast.p_good for one in members if one.forecast.p_good is not None]
    if not chances:
        return ""
    least, most = min(chances), max(chances)
    span = f"{most:.0%}" if f"{least:.0%}" == f"{most:.0%}" else f"{least:.0%} to {most:.0%}"
    return f" ({span} chance of a good end)"


def _listed(names: list[str], most: int = 3) -> str:
    shown = [*names[:most], *([f"{len(names) - most} more"] if len(names) > most else [])]
    return ", ".join(shown[:-1]) + (" and " if len(shown) > 1 else "") + shown[-1]


def _run(one: Member, what: Target) -> Json:
    run, found = one.run, one.forecast
    curve = _points(run.metrics[what.progress]) if what.progress in run.metrics else []
    now = float(max([*run.signature.times.tolist(), *run.metrics.index.tolist()], default=0.0))
    low, high = found.interval or (None, None)
    settings = {name: value for name, value in run.settings.items() if "." not in name and name != "status"}
    return {
        "name": run.name,
        "status": one.status,
        "settings": {name: _number(value) if isinstance(value, float) else value for name, value in settings.items()},
        "curve": curve,
        "epoch": now,
        "budget": budget_of(run.settings),
        "value": curve[-1][1] if curve else None,
        "expected": _number(found.accuracy),
        "low": _number(low),
        "high": _number(high),
        "chance": _number(found.p_good),
        "standing": _number(found.standing),
        "decision": found.decision if one.status == RUNNING else "",
        "reason": found.reason,
        "warnings": [[epoch, text] for epoch, text in one.warnings],
        "account": None if one.account is None else str(one.account),
        "layers": _layers(run.signature),
        "spreads": {
            "degree": _spread(run.signature, "degree"),
            "eigenvector centrality": _spread(run.signature, "eigenvector_centrality"),
        },
    }


def _points(values: pd.Series) -> list[list[float | None]]:
    """When a metric was measured, and its values; of a long log every so many."""
    measured = values.dropna()
    chosen = np.unique(np.linspace(0, len(measured) - 1, min(len(measured), MOST_POINTS)).astype(int))
    return [[float(measured.index[place]), _number(float(measured.iloc[place]))] for place in chosen.tolist()]


def _layers(signature: Signature) -> Json:
    """How far the weights of each layer, or of each depth, have moved from where they started."""
    found: dict[str, list[float | None]] = {}
    for text, column in zip(signature.names, signature.values.T, strict=True):
        name = FeatureName.parse(text)
        inside = name.scoping in ("part", "depth") and not name.folded
        if inside and (name.measure, name.summary, name.since) == ("weights", "relative_change", "initial"):
            found[str(name.scope).partition(":")[2]] = [_number(value) for value in column.tolist()]
    moved = {layer: row for layer, row in found.items() if any(value for value in row)}
    return {"epochs": signature.times.tolist(), "rows": dict(list(moved.items())[:MOST_LAYERS]), "of": len(moved)}


def _spread(signature: Signature, measure: str) -> list[list[float | None]]:
    """Mean and standard deviation over the nodes of the whole graph: epoch, low, mean, high."""
    names = [f"{measure}/graph/mean", f"{measure}/graph/std"]
    if not set(names) <= set(signature.names):
        return []
    mean, std = (signature.values[:, signature.names.index(name)] for name in names)
    rows = zip(signature.times.tolist(), (mean - std).tolist(), mean.tolist(), (mean + std).tolist(), strict=True)
    return [[_number(value) for value in row] for row in rows]


def _number(value: float | None) -> float | None:
    """A number as JSON can hold it, in five digits."""
    return None if value is None or not math.isfinite(value) else float(f"{value:.5g}")


def digest_of(data: Mapping[str, Any]) -> str:
    """What tells one state of the page from another."""
    from hashlib import sha256  # noqa: PLC0415

    return sha256(json.dumps(data, sort_keys=True).encode()).hexdigest()[:16]
