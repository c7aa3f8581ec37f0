"""Recipe file -> the recipe of a population: a grid of settings on one data set, or many sweeps."""

import re
import tomllib
from collections.abc import Sequence
from importlib import resources
from itertools import product
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from epochgraph.errors import RecipeError, SettingError, UnreadableFileError
from epochgraph.zoo.architectures import ARCHITECTURES, Architecture
from epochgraph.zoo.ordering import MOST_RUNS, spread
from epochgraph.zoo.settings import INITIALIZATIONS, TrainingSettings, increasing
from epochgraph.zoo.sweeps.recipe import SweepRecipe

Share = Annotated[float, Field(gt=0, lt=1)]
Unit = Annotated[float, Field(ge=0, lt=1)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=1, le=MOST_RUNS)]


class _Section(BaseModel):
    """A part of a recipe: unknown keys and values of the wrong type are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class DataOptions(_Section):
    """Which images.

    Attributes:
        name: The name of the data set in publications.
        images_per_class: The most images per class, in the training and in the test set; None for all.
        held_out: Where validation images come from: the training images, or the official test images.
        validation_share: The share of those.
    """

    name: str
    images_per_class: Annotated[int, Field(ge=2)] | None = None
    held_out: Literal["train", "test"] = "test"
    validation_share: Share = 0.5


class Grid(_Section):
    """The settings that are combined, each with each.

    Attributes:
        learning_rate: Learning rates of SGD.
        dropout: Probabilities.
        width: Factors for the architecture's filters and neurons.
        repeats: Runs per combination; every run has its own seed.
        runs: Train this many of the combinations, spread evenly over the grid; None for all.
    """

    learning_rate: Annotated[tuple[Positive, ...], Field(min_length=1)]
    dropout: Annotated[tuple[Unit, ...], Field(min_length=1)] = (0.0,)
    width: Annotated[tuple[Positive, ...], Field(min_length=1)] = (1.0,)
    repeats: Count = 1
    runs: Count | None = None

    @model_validator(mode="after")
    def _not_endless(self) -> "Grid":
        runs = len(self.learning_rate) * len(self.dropout) * len(self.width) * self.repeats
        if runs > MOST_RUNS:
            raise ValueError(f"these are {runs:,} runs; more than {MOST_RUNS:,} are not trained by one recipe")
        return self


class TrainingOptions(_Section):
    """How each network is trained; see `TrainingSettings`."""

    epochs: Count
    batch_size: Count = 128
    momentum: Unit = 0.9
    crop_padding: Annotated[int, Field(ge=0)] = 4
    flip: bool = True
    initialization: Literal[INITIALIZATIONS] = "default"  # type: ignore[valid-type]


class Snapshots(_Section):
    """When the graphs are measured, beside the start and the end of every epoch.

    Attributes:
        fractions: Shares of the first epoch.
        node_values_until: The last epoch whose node values are kept.
    """

    fractions: tuple[Share, ...] = (0.125, 0.25, 0.5)
    node_values_until: Annotated[float, Field(ge=0)] = 5


class Recipe(_Section):
    """How to make a population of trained networks.

    Attributes:
        name: Name of the population.
        scale: "paper", or "reduced": smaller than the paper's, to fit a small machine.
        about: What it is, and its known limits, for its datasheet.
        architecture: Name of one of `ARCHITECTURES`.
        threshold: The final test accuracy from which on a run is good.
        data: Which images.
        grid: Which settings.
        training: How each network is trained.
        snapshots: When its graphs are measured.
    """

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
    scale: Literal["paper", "reduced"]
    about: str
    architecture: Literal[tuple(architecture.__name__ for architecture in ARCHITECTURES)]  # type: ignore[valid-type]
    threshold: Share
    data: DataOptions
    grid: Grid
    training: TrainingOptions
    snapshots: Snapshots = Snapshots()

    @property
    def network(self) -> Architecture:
        """The architecture itself."""
        return next(architecture for architecture in ARCHITECTURES if architecture.__name__ == self.architecture)

    def settings(self) -> list[TrainingSettings]:
        """The settings of every run, in an order whose every beginning is spread evenly over the grid.

        The seed of a run is its position in the grid, whatever part of the grid is trained.
        """
        grid = self.grid
        points = list(product(grid.learning_rate, grid.dropout, grid.width, range(grid.repeats)))
        options = self.training.model_dump()
        return [
            TrainingSettings(
                learning_rate=points[place][0], dropout=points[place][1], width=points[place][2], seed=place, **options
            )
            for place in spread(len(points))[: grid.runs]
        ]


def read_recipe(source: str | Path) -> tuple[Recipe | SweepRecipe, str]:
    """Read a recipe from a TOML file, or one that comes with the package by its name.

    Returns:
        The recipe, and the text of its file.

    Raises:
        UnreadableFileError: There is no such file or recipe.
        RecipeError: It is not TOML, or a key or value does not belong in a recipe; the message names the line.
    """
    path = Path(source)
    own = resources.files("epochgraph.zoo").joinpath("recipes", f"{source}.toml")
    try:
        text = own.read_text("utf-8") if not path.suffix and own.is_file() else path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        advice = f"Give a recipe's TOML file, or one of {', '.join(recipe_names())}."
        raise UnreadableFileError(path, getattr(error, "strerror", None) or "it is no text", advice) from error
    return parse_recipe(text, path), text


def parse_grid(text: str, path: Path) -> Recipe:
    """Read the recipe of one grid from its text.

    Raises:
        RecipeError: As `read_recipe`, or it is a recipe of sweeps.
    """
    recipe = parse_recipe(text, path)
    if isinstance(recipe, SweepRecipe):
        raise RecipeError(path, _line(text, ["kind"]), "it is a recipe of sweeps, not of one grid")
    return recipe


def parse_recipe(text: str, path: Path) -> Recipe | SweepRecipe:
    """Read a recipe from its text.

    Raises:
        RecipeError: As `read_recipe`.
    """
    try:
        document = tomllib.loads(text)
        if document.get("kind") == "sweeps":
            return SweepRecipe.model_validate(document)
        recipe = Recipe.model_validate(document)
        increasing(recipe.snapshots.fractions)
    except tomllib.TOMLDecodeError as error:
        line = re.search(r"at line (\d+)", str(error))
        found = str(error).partition(" (at ")[0]
        raise RecipeError(path, int(line[1]) if line else text.count("\n") + 1, f"it is no TOML: {found}") from error
    except RecursionError as error:
        raise RecipeError(path, 1, "it is nested deeper than any recipe") from error
    except ValidationError as error:
        first = error.errors()[0]
        keys = [str(key) for key in first["loc"]]
        found = "" if first["type"] == "missing" else f" (found {first['input']!r})"
        raise RecipeError(path, _line(text, keys), f"{'.'.join(keys)}: {first['msg']}{found}") from error
    except SettingError as error:
        raise RecipeError(path, _line(text, ["snapshots", "fractions"]), f"snapshots.{error}") from error
    return recipe


def recipe_names() -> list[str]:
    """Names of the recipes that come with the package."""
    folder = resources.files("epochgraph.zoo").joinpath("recipes")
    return sorted(file.name.removesuffix(".toml") for file in folder.iterdir() if file.name.endswith(".toml"))


def _line(text: str, keys: Sequence[str]) -> int:
    """The line of a recipe with a key, or its section if the key is missing, or else the first line."""
    lines = text.splitlines()
    section, found = "", 1
    for number, line in enumerate(lines, start=1):
        header = re.match(r"\s*\[([^\]]+)\]", line)
        section = header[1].strip() if header else section
        if header and keys[0] == section:
            found = number
        key = re.match(r"\s*\"?([\w-]+)\"?\s*=", line)
        if key and [section, key[1]] == (["", *keys] if len(keys) == 1 else list(keys))[:2]:
            return number
    return found
