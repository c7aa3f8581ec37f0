"""Where the hyper-parameters of a sweep are drawn from."""

import math
from collections.abc import Mapping
from typing import Annotated

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, model_validator

Value = float | int | str

Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class LogUniform(BaseModel):
    """A number whose logarithm is drawn evenly.

    Attributes:
        log: The lowest and the highest number.
        zero: How often it is 0 instead.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    log: tuple[Positive, Positive]
    zero: Annotated[float, Field(ge=0, le=1)] = 0.0

    @model_validator(mode="after")
    def _ordered(self) -> "LogUniform":
        if not self.log[0] < self.log[1]:
            raise ValueError("the first number of `log` is the lowest, the second the highest")
        return self

    def drawn(self, random: np.random.Generator) -> float:
        """One number, to three digits."""
        low, high = map(math.log10, self.log)
        found = float(f"{10 ** random.uniform(low, high):.3g}")
        return 0.0 if random.random() < self.zero else found


Choice = Annotated[tuple[Value, ...], Field(min_length=1)]
Distribution = LogUniform | Choice
Space = Mapping[str, Distribution]


def drawn(distribution: Distribution, random: np.random.Generator) -> Value:
    """One value; a choice is drawn evenly, so that a value that stands twice is drawn twice as often."""
    if isinstance(distribution, LogUniform):
        return distribution.drawn(random)
    return distribution[int(random.integers(len(distribution)))]
