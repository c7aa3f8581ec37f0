"""Run: how it was set up, what its graphs said over time, how well it did."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from jaxtyping import Float16, Float64

from epochgraph.errors import SettingError
from epochgraph.signature import Signature

Setting = str | int | float | bool | None


@dataclass(frozen=True, slots=True, eq=False)
class Recording:
    """A vector of a run at several times, such as the degrees of all nodes.

    Attributes:
        times: Epochs, strictly increasing.
        values: The vector at each of them, in 16 bits.

    Raises:
        SettingError: The times do not increase.
    """

    times: Float64[np.ndarray, "times"]
    values: Float16[np.ndarray, "times length"]

    def __post_init__(self) -> None:
        if not (np.diff(self.times) > 0).all():
            raise SettingError("times", self.times.tolist(), "strictly increasing")


@dataclass(frozen=True, slots=True, eq=False)
class Run:
    """One training run: how it was set up, how its graphs changed, how well it did.

    Attributes:
        name: Name of the run.
        signature: What its graphs say over time.
        metrics: One float64 column per metric (train_loss, validation_accuracy, test_accuracy, ...), indexed by
            `epoch`, float64 and strictly increasing; NaN where a metric was not measured.
        settings: Learning rate, dropout, architecture, ..., and how the signature was extracted.
        recordings: Vectors over time, by name: node values, the parameters of a layer.

    Raises:
        SettingError: The metrics or the settings are not of this form.
    """

    name: str
    signature: Signature
    metrics: pd.DataFrame
    settings: Mapping[str, Setting]
    recordings: Mapping[str, Recording] = field(default_factory=dict)

    def __post_init__(self) -> None:
        epochs, columns = self.metrics.index, self.metrics.dtypes.to_dict()
        for option, found, valid, expected in (
            ("metrics.index.name", epochs.name, epochs.name == "epoch", "'epoch'"),
            ("metrics.index.dtype", str(epochs.dtype), epochs.dtype == np.float64, "'float64'"),
            ("metrics.index", epochs.tolist(), (np.diff(epochs) > 0).all(), "strictly increasing"),
            ("metrics.columns", [*columns], all(isinstance(name, str) for name in columns), "strings"),
            ("metrics.dtypes", columns, all(dtype == np.float64 for dtype in columns.values()), "all float64"),
            ("metrics.index", epochs.tolist(), columns or epochs.empty, "empty, as there are no columns"),
        ):
            if not valid:
                raise SettingError(option, found, expected)
        for name, value in self.settings.items():
            if not isinstance(name, str) or not isinstance(value, Setting):
                raise SettingError(f"settings[{name!r}]", value, "a str, int, float, bool or None")

    def final_accuracy(self, column: str = "test_accuracy") -> float:
        """The accuracy (or another metric) after the last epoch, in the unit in which it was recorded.

        Raises:
            SettingError: The run did not measure it at its last epoch.
        """
        last = self.metrics.to_numpy()[-1] if len(self.metrics) else []
        measured = {name: value for name, value in zip(self.metrics, last, strict=False) if not np.isnan(value)}
        if column not in measured:
            known = ", ".join(map(str, measured)) or "nothing"
            expected = f"a metric of run {self.name!r} at its last epoch, which recorded {known}"
            raise SettingError("column", column, expected)
        return float(measured[column])


def values_of(runs: Sequence[Run], setting: str) -> list[Setting]:
    """One setting of each run.

    Raises:
        SettingError: A run lacks it.
    """
    for run in runs:
        if setting not in run.settings:
            known = ", ".join(run.settings) or "none"
            raise SettingError("groups", setting, f"a setting of every run; run {run.name!r} has {known}")
    return [run.settings[setting] for run in runs]
