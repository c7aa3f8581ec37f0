"""A recipe of many sweeps -> the runs of each, drawn at random from the space of its sweep.

A sweep is what a practitioner tries side by side: one task, one architecture, one optimiser, and some runs that differ
in hyper-parameters. A family of sweeps shares a space; tasks, architectures and optimisers are assigned to its sweeps
in turn, so that each appears about equally often.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from math import inf
from typing import Annotated, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, field_validator

from epochgraph.errors import SettingError
from epochgraph.runs import Setting
from epochgraph.zoo.architectures.choices import ACTIVATIONS, Choices
from epochgraph.zoo.architectures.families import FAMILIES, Family
from epochgraph.zoo.architectures.initialization import Initialization
from epochgraph.zoo.optimizers import OPTIMIZERS, SCHEDULES, Plan
from epochgraph.zoo.ordering import MOST_RUNS, spread
from epochgraph.zoo.sweeps.spaces import Choice, Distribution, LogUniform, Value, drawn

LOOKS = (1 / 32, 1 / 16, 1 / 8, 3 / 16, 1 / 4, 3 / 8, 1 / 2, 3 / 4, 1)
"""Shares of a run's budget after which it is recorded, besides the end of every epoch."""

Count = Annotated[int, Field(ge=1, le=MOST_RUNS)]
Names = Annotated[tuple[str, ...], Field(min_length=1)]

SPACE: Mapping[str, Distribution] = {
    "weight_decay": LogUniform(log=(1e-6, 1e-1), zero=0.25),
    "batch_size": (16, 32, 64, 128, 256, 512),
    "dropout": (0.0, 0.0, 0.1, 0.2, 0.3, 0.5),
    "schedule": tuple(SCHEDULES),
    "activation": tuple(ACTIVATIONS),
    "initialization": ("default", "default", "default", "he", "xavier", "orthogonal", "small", "large"),
    "label_smoothing": (0.0,),
    "label_noise": (0.0,),
    "data_share": (1.0, 1.0, 1.0, 0.5),
}
"""What a hyper-parameter is drawn from unless a recipe says otherwise; width, depth and norm depend on the
architecture, and only a classification has labels that can be smoothed or replaced."""

OWN_CHOICES: Mapping[str, Distribution] = {"width": (16, 32, 64), "depth": (1, 2, 3), "norm": ("none",)}
"""What width, depth and norm are drawn from for the user's own architecture, likewise."""

WORDS = ("activation", "initialization", "norm", "schedule")
WHOLE = ("batch_size", "depth", "width")
SHARES = ("data_share", "dropout", "label_noise", "label_smoothing")
"""Which hyper-parameters are names, whole numbers from 1, and numbers from 0 to 1; the others are numbers from 0."""

LEARNING_RATES: Mapping[str, LogUniform] = {
    "SGD": LogUniform(log=(5e-3, 5.0)),
    "SGD-momentum": LogUniform(log=(5e-4, 5e-1)),
    "SGD-nesterov": LogUniform(log=(5e-4, 5e-1)),
    "Adam": LogUniform(log=(1e-4, 1e-1)),
    "AdamW": LogUniform(log=(1e-4, 1e-1)),
    "RMSprop": LogUniform(log=(5e-5, 5e-2)),
    "Adagrad": LogUniform(log=(1e-3, 1.0)),
    "NAdam": LogUniform(log=(1e-4, 1e-1)),
    "Muon": LogUniform(log=(1e-4, 1e-1)),
}
"""What the learning rate of each optimiser is drawn from: three decades around usual values."""


class _Section(BaseModel):
    """A part of a recipe: no key that is not known, no value of another type than asked for."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class SweepFamily(_Section):
    """Sweeps that share a space.

    Attributes:
        name: Name of the family.
        sweeps: How many sweeps.
        runs: Runs of each sweep.
        epochs: Passes over the training examples: the budget of each run.
        tasks: Names of tasks, assigned to the sweeps in turn; a name listed twice is assigned twice as often.
        architectures: Names of architectures, likewise.
        optimizers: Names of `OPTIMIZERS`, likewise.
        space: What hyper-parameters are drawn from, if not `SPACE` or `LEARNING_RATES`.
    """

    name: str
    sweeps: Count
    runs: Count = 12
    epochs: Count
    tasks: Names
    architectures: Names
    optimizers: Names
    space: Mapping[str, LogUniform | Choice] = {}

    @field_validator("optimizers")
    @classmethod
    def _known(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        for name in names:
            if name not in OPTIMIZERS:
                raise ValueError(f"{name!r} is none of {', '.join(OPTIMIZERS)}")
        return names

    @field_validator("space")
    @classmethod
    def _fitting(cls, space: Mapping[str, LogUniform | Choice]) -> Mapping[str, LogUniform | Choice]:
        for name, distribution in space.items():
            values: Sequence[Value] = distribution.log if isinstance(distribution, LogUniform) else distribution
            if name in WHOLE and isinstance(distribution, LogUniform):
                raise ValueError(f"{name} is a whole number: list those to choose from")
            for value in values:
                if problem := _unfitting(name, value):
                    raise ValueError(f"{name} is {value!r}, but must be {problem}")
        return space


def _unfitting(name: str, value: Value) -> str:
    """What a hyper-parameter must be; empty if a value is that."""
    if name in WORDS:
        return "" if isinstance(value, str) else "a name"
    if name in WHOLE:
        return "" if isinstance(value, int) and value >= 1 else "a whole number from 1"
    most = 1.0 if name in SHARES else inf
    if isinstance(value, int | float) and 0 <= value <= most:
        return ""
    return "a number from 0" if most == inf else "a number from 0 to 1"


class SweepRecipe(_Section):
    """How to make a population of sweeps.

    Attributes:
        kind: Distinguishes it from the recipe of a grid.
        name: The name of the population.
        about: What it is, and its known limits, for its datasheet.
        seed: Random seed of all sweeps and runs.
        varied: How often a sweep varies a hyper-parameter; otherwise all its runs share one value. The learning rate
            always varies.
        families: The sweeps.
    """

    kind: Literal["sweeps"]
    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
    about: str
    seed: Annotated[int, Field(ge=0)] = 0
    varied: Annotated[float, Field(ge=0, le=1)] = 0.5
    families: Annotated[tuple[SweepFamily, ...], Field(min_length=1)]

    @field_validator("families")
    @classmethod
    def _not_endless(cls, families: tuple[SweepFamily, ...]) -> tuple[SweepFamily, ...]:
        runs = sum(family.sweeps * family.runs for family in families)
        if runs > MOST_RUNS:
            raise ValueError(f"these are {runs:,} runs; more than {MOST_RUNS:,} are not trained by one recipe")
        return families

    def settings(self) -> list["RunSettings"]:
        """The settings of every run: sweep by sweep, in an order whose every beginning is spread over the families.

        A sweep depends only on the seed, its family's name and its position in that family, so another family can be
        added without changing it.
        """
        sweeps = [(family, place) for family in self.families for place in range(family.sweeps)]
        return [run for number in spread(len(sweeps)) for run in _sweep(self, *sweeps[number])]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSettings:
    """One run of a sweep.

    Attributes:
        sweep: Name of its sweep.
        number: Its position in the sweep.
        task: Name of the task.
        architecture: Name of the architecture.
        choices: What it chooses of its architecture.
        plan: How it is trained.
        initialization: Initialisation of the weights.
        label_noise: Share of the training labels that are replaced by others.
        data_share: Share of the training examples that it learns from.
    """

    sweep: str
    number: int
    task: str
    architecture: str
    choices: Choices
    plan: Plan
    initialization: Initialization = "default"
    label_noise: float = 0.0
    data_share: float = 1.0

    @property
    def name(self) -> str:
        """Name of the run."""
        return f"{self.sweep}-{self.number:02d}"

    @property
    def epochs(self) -> int:
        """Its budget."""
        return self.plan.epochs

    @property
    def looks(self) -> list[float]:
        """The epochs after which it is recorded, the ends of epochs aside."""
        return [share * self.plan.epochs for share in LOOKS]

    def stored(self) -> dict[str, Setting]:
        """The settings as they are stored with the run, flat."""
        plan = asdict(self.plan)
        arguments = plan.pop("arguments")
        return {
            "sweep": self.sweep,
            "task": self.task,
            "architecture": self.architecture,
            **asdict(self.choices),
            **plan,
            **arguments,
            "initialization": self.initialization,
            "label_noise": self.label_noise,
            "data_share": self.data_share,
        }


def _sweep(recipe: SweepRecipe, family: SweepFamily, place: int) -> list[RunSettings]:
    """The runs of one sweep."""
    task, architecture, optimizer = (
        _dealt(recipe, family, what)[place] for what in ("tasks", "architectures", "optimizers")
    )
    space = _space(family, architecture, optimizer)
    random = _random(recipe, family, "sweep", place)
    common = {name: drawn(distribution, random) for name, distribution in space.items()}
    varied = {name for name in space if random.random() < recipe.varied} | {"learning_rate"}
    runs = []
    for number in range(family.runs):
        found = {name: drawn(distribution, random) for name, distribution in space.items()}
        values = {name: found[name] if name in varied else common[name] for name in space}
        seed = int(random.integers(2**31))
        sweep = f"{family.name}-{place:02d}"
        runs.append(
            _run(
                values,
                sweep,
                number,
                seed,
                task=task,
                architecture=architecture,
                optimizer=optimizer,
                epochs=family.epochs,
            )
        )
    return runs


def _run(
    values: Mapping[str, Value],
    sweep: str,
    number: int,
    seed: int,
    *,
    task: str,
    architecture: str,
    optimizer: str,
    epochs: int,
) -> RunSettings:
    choices = {name: values[name] for name in ("width", "depth", "norm", "activation", "dropout")}
    arguments = {name: values[name] for name in ("weight_decay",)}
    plan = {name: values[name] for name in ("learning_rate", "batch_size", "schedule", "label_smoothing")}
    others = {name: values[name] for name in ("initialization", "label_noise", "data_share")}
    return RunSettings(
        sweep=sweep,
        number=number,
        task=task,
        architecture=architecture,
        choices=Choices(**choices),  # type: ignore[arg-type]
        plan=Plan(epochs=epochs, seed=seed, optimizer=optimizer, arguments=arguments, **plan),  # type: ignore[arg-type]
        **others,  # type: ignore[arg-type]
    )


def _space(family: SweepFamily, architecture: str, optimizer: str) -> dict[str, Distribution]:
    """The range that each hyper-parameter of a sweep is drawn from."""
    space: dict[str, Distribution] = {
        "learning_rate": LEARNING_RATES[optimizer],
        **(_choices(FAMILIES[architecture]) if architecture in FAMILIES else OWN_CHOICES),
        **SPACE,
    }
    if architecture in FAMILIES and not FAMILIES[architecture].activated:
        space["activation"] = ("tanh",)
    if unknown := set(family.space) - set(space):
        raise SettingError("space", min(unknown), f"one of {', '.join(space)}")
    return {name: family.space.get(name, distribution) for name, distribution in space.items()}


def _choices(family: Family) -> dict[str, Distribution]:
    return {"width": family.widths, "depth": family.depths, "norm": family.norms}


def _dealt(recipe: SweepRecipe, family: SweepFamily, what: str) -> list[str]:
    """The names that a family assigns to its sweeps: each about equally often, in random order."""
    names: Sequence[str] = getattr(family, what)
    random = _random(recipe, family, what)
    rounds = -(-family.sweeps // len(names))
    return [names[number] for _ in range(rounds) for number in random.permutation(len(names))]


def _random(recipe: SweepRecipe, family: SweepFamily, *what: str | int) -> np.random.Generator:
    """Random numbers for one purpose, determined by the seed and names."""
    words = [recipe.seed, *"/".join(map(str, (family.name, *what))).encode()]
    return np.random.default_rng(words)
