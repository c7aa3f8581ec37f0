"""Series of numbers -> tasks: predict what comes next, from a window of the past or from a row of features."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float32, Float64, Int64

from epochgraph.errors import UnreadableFileError
from epochgraph.zoo.tasks.files import PARTS, Arrays, Contents, evenly, kept
from epochgraph.zoo.tasks.objectives import huber, mean_absolute_error, standardised
from epochgraph.zoo.tasks.tables import SOURCE, encoded, regression_of, table
from epochgraph.zoo.tasks.task import Examples, Form, Task

FILE = "pollution.csv"
TARGET = "pm2.5"
WEATHER = ["DEWP", "TEMP", "PRES", "Iws", "Is", "Ir"]
WIND = "cbwd"
PAST, FURTHEST = 48, 24
"""The hours that are seen, and the hours from the last of them to the furthest forecast."""

LAGS = (1, 3, 6, 24)
"""How many hours before its own a row of the table has the weather."""

COUNTS = (8000, 2000, 2000)
LEAST = 10
"""The hours with known dust that are needed to train, validate and test."""

SHARES = (0.0, 0.7, 0.85, 1.0)
"""Where the hours are split, in time order, into training, validation and test hours."""

GENERATED = (6000, 1000, 1000)
LENGTH, SINES = 64, 3

Windows = Float32[np.ndarray, "windows channels hours"]
Indices = Int64[np.ndarray, "chosen"]


def pollution(data: Path | None, ahead: int) -> Task:
    """Fine dust in Beijing (the logarithm of 1 + PM2.5) in some hours, from weather and dust of the past 48.

    A day ahead, little more than the usual weather can be predicted; 6 hours ahead, most can.

    Args:
        data: The folder that holds text-and-tables.
        ahead: Hours from the last that is seen to the one that is forecast, at most 24.

    References:
        Liang et al.: Assessing Beijing's PM2.5 pollution, Proceedings of the Royal Society A 471, 2015.
    """
    made = partial(_windows, ahead=ahead)
    arrays = kept(data, SOURCE, key=f"pollution {ahead}", wanted=FILE.__eq__, made=made)
    return _forecast(f"Air pollution in Beijing, {ahead} hours ahead", arrays)


def pollution_table(data: Path | None) -> Task:
    """Fine dust in Beijing (the logarithm of 1 + PM2.5), from the weather of that hour and of hours before."""
    arrays = kept(data, SOURCE, key="pollution table", wanted=FILE.__eq__, made=_rows)
    return regression_of("Air pollution in Beijing, by the weather", arrays)


def generated_series() -> Task:
    """The next value of a sum of sines with noise; half of the series change to another sum midway."""
    generator = np.random.default_rng(0)
    arrays: dict[str, np.ndarray] = {}
    for part, count in zip(PARTS, GENERATED, strict=True):
        found = sums_of_sines(count, generator)
        arrays |= {part: found[:, None, :-1].astype(np.float32), f"{part} targets": found[:, -1]}
    return _forecast("Generated series, next value", arrays)


def sums_of_sines(count: int, generator: np.random.Generator) -> Float64[np.ndarray, "series values"]:
    """Series of one value more than a network sees."""
    time = np.arange(LENGTH + 1)
    before, after = (_sines(count, time, generator) for _ in range(2))
    change = generator.integers(LENGTH // 4, 3 * LENGTH // 4, size=(count, 1))
    change[generator.random(count) < 0.5] = LENGTH + 1  # it never comes
    noise = 0.1 * generator.standard_normal((count, LENGTH + 1))
    return np.where(time < change, before, after) + noise


def _sines(count: int, time: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    period = np.exp(generator.uniform(np.log(4), np.log(64), size=(count, SINES, 1)))
    phase = generator.uniform(0, 2 * np.pi, size=(count, SINES, 1))
    height = generator.uniform(0.2, 1, size=(count, SINES, 1))
    found: np.ndarray = (height * np.sin(2 * np.pi * time / period + phase)).sum(axis=1)
    return found


def _forecast(name: str, arrays: Arrays) -> Task:
    targets, scale = standardised([torch.from_numpy(arrays[f"{part} targets"]) for part in PARTS])
    train, validation, test = (
        Examples(torch.from_numpy(arrays[part]), found) for part, found in zip(PARTS, targets, strict=True)
    )
    return Task(
        name=name,
        form=Form(kind="sequence", inputs=tuple(train.inputs.shape[1:]), outputs=(1,)),
        train=train,
        validation=validation,
        test=test,
        loss=huber,
        metric=mean_absolute_error(targets[0], targets[2], scale),
    )


def _hours(path: Path, contents: Contents) -> pd.DataFrame:
    """The table with the logarithm of its target, in time order."""
    hours = table(path, FILE, contents, header=True)
    missing = [name for name in [TARGET, *WEATHER, WIND] if name not in hours.columns]
    if missing:
        raise UnreadableFileError(
            path / FILE, f"has no column {missing[0]!r}", "Give the UCI table of Beijing's PM2.5."
        )
    wrong = _wrong(hours)
    if wrong:
        raise UnreadableFileError(path / FILE, wrong, "Give the UCI table of Beijing's PM2.5.")
    return hours.assign(**{TARGET: np.log1p(hours[TARGET])})


def _wrong(hours: pd.DataFrame) -> str:
    """What is wrong with the table, if anything."""
    numbers = hours[[TARGET, *WEATHER]]
    if numbers.select_dtypes(exclude="number").shape[1]:
        return "has words among its numbers"
    if not np.isfinite(numbers[WEATHER].to_numpy()).all():
        return "has gaps in the weather"
    dust = hours[TARGET].to_numpy(np.float64)
    if (dust < 0).any() or np.isinf(dust).any():
        return f"has a {TARGET} that is below zero or infinite"
    if any(len(part) < LEAST for part in _chosen(~np.isnan(dust), PAST - 1, FURTHEST)):
        return f"has too few hours with a known {TARGET}"
    return ""


def _chosen(known: np.ndarray, before: int, ahead: int) -> list[Indices]:
    """The hours of each part, such that neither inputs nor forecasts reach into another part."""
    found = []
    for part, count in enumerate(COUNTS):
        start, end = (round(share * len(known)) for share in SHARES[part : part + 2])
        last = np.arange(start + before, end - ahead)
        found.append(evenly(last[known[last + ahead]], count))
    return found


def _windows(path: Path, contents: Contents, *, ahead: int) -> Arrays:
    hours = _hours(path, contents)
    dust = hours[TARGET].to_numpy(np.float64)
    chosen = _chosen(~np.isnan(dust), PAST - 1, ahead)
    channels = _channels(hours, round(SHARES[1] * len(hours)))
    seen = np.arange(1 - PAST, 1)
    arrays: dict[str, np.ndarray] = {}
    for part, last in zip(PARTS, chosen, strict=True):
        windows = np.ascontiguousarray(channels[:, last[:, None] + seen].transpose(1, 0, 2))
        arrays |= {part: windows, f"{part} targets": dust[last + ahead]}
    return arrays


def _channels(hours: pd.DataFrame, train: int) -> Float32[np.ndarray, "channels hours"]:
    """Numbers standardised by the training hours, whether the dust is unknown (then the last value), and the wind."""
    numbers = hours[[TARGET, *WEATHER]].ffill()
    scaled = (numbers - numbers[:train].mean()) / numbers[:train].std()
    unknown = hours[TARGET].isna().to_numpy(np.float64)[:, None]
    wind = pd.get_dummies(hours[WIND]).to_numpy(np.float64)
    return np.hstack([scaled.fillna(0).to_numpy(np.float64), unknown, wind]).T.astype(np.float32)


def _rows(path: Path, contents: Contents) -> Arrays:
    hours = _hours(path, contents)
    chosen = _chosen(hours[TARGET].notna().to_numpy(), max(LAGS), 0)
    past = [hours[WEATHER].shift(lag).add_suffix(f", {lag} hours before") for lag in LAGS]
    rows = pd.concat([hours[WEATHER], *past, _cycles(hours), hours[[WIND]]], axis=1)
    return encoded([rows.iloc[part] for part in chosen], [hours[TARGET].to_numpy()[part] for part in chosen])


def _cycles(hours: pd.DataFrame) -> pd.DataFrame:
    """Time of the day and of the year, as points on circles; the table has a row for each hour."""
    since = np.arange(len(hours))
    lengths: Sequence[tuple[str, float]] = (("day", 24.0), ("year", 24 * 365.25))
    turns = {name: 2 * np.pi * since / length for name, length in lengths}
    values = {
        f"{word} of {name}": f(turn)
        for name, turn in turns.items()
        for word, f in (("sine", np.sin), ("cosine", np.cos))
    }
    return pd.DataFrame(values, index=hours.index)
