"""The published populations, as the tables need them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from epochgraph.errors import UnreadableFileError
from epochgraph.predictors.views import LAST_LAYER
from epochgraph.runs import Run, parquet_files, read_stored_runs
from paper.reported import CIFAR, IMAGENET
from paper.wild import of_sweeps

FAMILY = "family"
"""The setting with the architecture without its depth: a ResNet-32 is not new if ResNet-20 is known."""

DECADE = "decade of the learning rate"
"""The setting with the rough learning rate: those of one decade are neighbours in the paper's grid."""

SHARE_SEEN = 0.3
"""The share of epochs that tables look at: 9 of 30, as the paper's LeNet; for AlexNet the paper has 14 of 50."""


@dataclass(frozen=True, slots=True)
class Population:
    """Runs that were trained from one recipe.

    Attributes:
        name: The name of the recipe.
        runs: The finished ones.
        threshold: The final test accuracy from which on a run is good.
        source: The file that it was read from.
    """

    name: str
    runs: tuple[Run, ...]
    threshold: float
    source: Path | None = None

    @property
    def kind(self) -> tuple[str, str]:
        """Data and architecture, as the paper names them."""
        settings = self.runs[0].settings
        data = next((name for name in (CIFAR, IMAGENET) if str(settings["data"]).startswith(name)), settings["data"])
        return str(data), str(settings["architecture"])

    @property
    def epochs(self) -> int:
        """The number of epochs that each run was trained for."""
        return int(self.runs[0].metrics.index[-1])

    @property
    def seen(self) -> int:
        """The last epoch that tables look at."""
        return round(SHARE_SEEN * self.epochs)

    @property
    def good(self) -> int:
        """How many runs end well."""
        return sum(run.final_accuracy() >= self.threshold for run in self.runs)

    @property
    def rarer(self) -> int:
        """How many runs end well, or not, whichever are fewer."""
        return min(self.good, len(self.runs) - self.good)

    @property
    def larger_class(self) -> float:
        """The share of the others."""
        return (len(self.runs) - self.rarer) / len(self.runs)

    @property
    def widths(self) -> list[float]:
        """The different widths of its networks, the narrowest first."""
        return sorted({float(str(run.settings.get("width", 1))) for run in self.runs})

    @property
    def title(self) -> str:
        """The name of the population in tables, and its size."""
        return f"{self.name} ({len(self.runs)} runs, {self.good} good)"


def stopping_epoch(run: Run) -> float:
    """The epoch at which training would have stopped early."""
    return float(run.metrics.index[run.metrics["stopped_early"] == 1][0])


def read_populations(folder: Path) -> tuple[Population, ...]:
    """Read all populations of a grid in a folder, in the order of their names; those of sweeps are ignored.

    Raises:
        UnreadableFileError: There is none, a file is damaged or not a population, or two have the same recipe.
    """
    paths = sorted(path for path in parquet_files(folder) if not of_sweeps(path))
    if not paths:
        advice = "Name the folder `zoos` of a checkout, or one of files that `zoo export` wrote."
        raise UnreadableFileError(folder, "it holds no populations (.parquet)", advice)
    found: dict[str, Population] = {}
    for path in paths:
        one = _population(path, read_stored_runs(path))
        if one.name in found:
            twice = f"it is of the recipe {one.name!r}, and so is {found[one.name].source}"
            raise UnreadableFileError(path, twice, "Keep one of the two in the folder.")
        found[one.name] = one
    return tuple(found.values())


def _population(path: Path, runs: Sequence[Run]) -> Population:
    missing = {"recipe", "threshold", "data", "architecture", "learning_rate"} - set(runs[0].settings if runs else ())
    if missing:
        found = f"its runs do not tell their {', '.join(sorted(missing))}"
        raise UnreadableFileError(path, found, "Give files that `zoo export` wrote.")
    settings = runs[0].settings
    return Population(str(settings["recipe"]), tuple(map(_lightened, runs)), float(str(settings["threshold"])), path)


def _lightened(run: Run) -> Run:
    """The run with family and decade, and without node values, which no table needs but every process would be sent."""
    kept = {name: run.recordings[name] for name in run.recordings if name == LAST_LAYER}
    family = str(run.settings["architecture"]).rstrip("0123456789").replace("resnet", "ResNet")
    decade = f"{float(str(run.settings['learning_rate'])):e}".partition("e")[2]
    return replace(run, recordings=kept, settings={**run.settings, FAMILY: family, DECADE: f"1e{int(decade)}"})


def of_one_width(populations: Sequence[Population]) -> list[Population]:
    """Those whose networks can be compared weight by weight."""
    return [population for population in populations if len(population.widths) == 1]


def on_cifar(populations: Sequence[Population]) -> list[Population]:
    """Those on CIFAR-10."""
    return [population for population in populations if population.kind[0] == CIFAR]


def united(populations: Sequence[Population]) -> tuple[Run, ...]:
    """All runs on CIFAR-10, of any architecture."""
    return tuple(run for population in on_cifar(populations) for run in population.runs)
