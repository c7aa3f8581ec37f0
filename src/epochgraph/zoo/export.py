"""Finished runs of a folder -> one Parquet file to publish, and its datasheet; and back."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from epochgraph.errors import SettingError, UnreadableFileError, ZooError
from epochgraph.files import atomic_write
from epochgraph.predictors.views import LAST_LAYER
from epochgraph.runs import Recording, Run, read_about, read_stored_runs, write_run, write_runs
from epochgraph.zoo.datasets import DIGITS
from epochgraph.zoo.population import (
    RECIPE,
    SITTINGS,
    add_sittings,
    check_images,
    finished_runs,
    open_population,
    parse_sittings,
    sittings,
    sittings_text,
    status,
    training_seconds,
)
from epochgraph.zoo.recipe import DataOptions, Recipe, parse_recipe
from epochgraph.zoo.running import PopulationFolder
from epochgraph.zoo.sweeps.datasheet import sweep_datasheet

ADVICE = "Give a file that `zoo export` wrote."


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written.

    Attributes:
        runs: How many runs.
        data: The Parquet file.
        datasheet: The Markdown file beside it.
    """

    runs: int
    data: Path
    datasheet: Path


def export_population(
    folder: Path, out: Path, *, vectors_until: float = 10, last_layer_at: Sequence[float] = ()
) -> Exported:
    """Write the finished runs of a population as one Parquet file, with a datasheet beside it.

    Args:
        folder: The population's folder; it may still be in training.
        out: The file; its datasheet has the suffix .md.
        vectors_until: The last epoch whose vectors are written: they cannot be compressed.
        last_layer_at: The epochs among those whose last layers are written; none means all. With many classes they
            take up most of a file, and the paper's tables look at one epoch.

    Raises:
        ZooError: No run is finished.
        SettingError: The file's name does not end in .parquet, or a run has no last layer for an epoch.
        OutputError: A file cannot be written.
    """
    if out.suffix != ".parquet":
        raise SettingError("out", str(out), "the name of a .parquet file")
    now = status(folder)
    if not now.finished:
        raise ZooError(folder, "no run is finished", "Train some with `zoo train`.")
    runs = finished_runs(folder, now)
    about = {RECIPE: (folder / RECIPE).read_text("utf-8"), SITTINGS: sittings_text(sittings(folder))}
    write_runs([_shortened(run, vectors_until, last_layer_at) for run in runs], out, about=about)
    sheet = out.with_suffix(".md")
    names = [settings.name for settings in now.recipe.settings()]
    order = [place for place, name in enumerate(names, start=1) if name in now.finished]
    if isinstance(now.recipe, Recipe):
        content = datasheet(runs, folder, now.recipe, name=out.name)
        content += _order(order, len(names)) + _limits(now.recipe, last_layer_at)
    else:
        content = sweep_datasheet(runs, now.recipe, name=out.name, made_with=_sittings(folder))
    content += _failures(now.failed)
    content += f"\n## Recipe\n\n```toml\n{about[RECIPE].strip()}\n```\n"
    with atomic_write(sheet) as temporary:
        temporary.write_text(content, "utf-8")
    return Exported(len(runs), out, sheet)


def import_population(path: Path, folder: Path) -> int:
    """Make the folder of a population from its exported file, so that its training can continue.

    Runs that are already in the folder stay as they are. Those from the file have what was exported: 32-bit features.

    Args:
        path: The file.
        folder: The population's folder, or a new one.

    Returns:
        How many runs were written.

    Raises:
        UnreadableFileError: `export_population` did not write the file.
        ZooError: The folder holds another population, or one on other images.
        OutputError: It cannot be written.
    """
    about = read_about(path)
    if RECIPE not in about or SITTINGS not in about:
        raise UnreadableFileError(path, "it does not tell its recipe", ADVICE)
    recipe, runs = parse_recipe(about[RECIPE], path), read_stored_runs(path)
    strange = {run.name for run in runs} - {settings.name for settings in recipe.settings()}
    if strange:  # a name becomes a path, so only names of the recipe may be written
        raise UnreadableFileError(path, f"its run {min(strange)!r} is none of its recipe", ADVICE)
    added = parse_sittings(about[SITTINGS], path)
    open_population(folder, recipe, about[RECIPE])
    for sitting in added:
        if "images" in sitting:
            check_images(folder, str(sitting["images"]))
    add_sittings(folder, added)
    places = PopulationFolder(folder)
    missing = [run for run in runs if not places.run(run.name).exists()]
    for run in missing:
        write_run(run, places.run(run.name))
    return len(missing)


def datasheet(runs: Sequence[Run], folder: Path, recipe: Recipe, *, name: str) -> str:
    """What a population is, how it was made and what is in its file, in Markdown."""
    threshold, planned = recipe.threshold, len(recipe.settings())
    accuracies = np.array([run.final_accuracy() for run in runs])
    good = int((accuracies >= threshold).sum())
    diverged = sum(bool(run.signature.diverged.any()) for run in runs)
    hours = sum(map(training_seconds, runs)) / 3600
    features = {len(run.signature.names) for run in runs}
    epochs = sorted({float(run.metrics.index[-1]) for run in runs})
    sizes = " or ".join(f"{count:,}" for count in sorted(features))
    rarer = min(good, len(runs) - good) / len(runs)
    return f"""# {name}

{len(runs)} of the {planned} runs of `{recipe.name}`: {recipe.architecture} on {recipe.data.name}, scale {recipe.scale}.

{recipe.about.strip()}

| | |
|---|---|
| final test accuracy | {accuracies.min():.1%} to {accuracies.max():.1%}, median {np.median(accuracies):.1%} |
| runs of at least {threshold:.0%} (the label) | {good} of {len(runs)}; the rarer side has {rarer:.0%} |
| runs that diverged | {diverged} |
| epochs | {", ".join(f"{epoch:g}" for epoch in epochs)} |
| features of a snapshot | {sizes} |
| training, without evaluation and snapshots | {hours:.1f} core hours |

## How to read it

`epochgraph.runs.read_stored_runs("{name}")`, or any reader of Parquet.
A row is a run and an epoch, with columns `run`, `epoch`, `diverged`, `metric:...`, `feature:...`, `vector:...` and
`setting:...`; `epoch` 0 is the initial network, 0.25 a quarter of the first epoch. Features are rounded to 32 bits,
vectors to 16.

## Trained on

{_sittings(folder)}
"""


def _sittings(folder: Path) -> str:
    """The machines and versions that runs were trained with, each once."""
    known: dict[str, int | str] = {}
    for sitting in sittings(folder):
        started = sitting.pop("started")
        known.setdefault(", ".join(f"{name} {value}" for name, value in sitting.items()), started)
    return "\n".join(f"- from {started}: {what}" for what, started in known.items())


def _order(places: Sequence[int], planned: int) -> str:
    """Which of the recipe's runs these are."""
    if len(places) == places[-1]:
        return (
            f"\nThey are the first {len(places)} of {planned} in the recipe's order, which is spread over its grid.\n"
        )
    return f"\nOf the recipe's order, they are the runs {', '.join(map(str, places))} of {planned}.\n"


def _limits(recipe: Recipe, last_layer_at: Sequence[float]) -> str:
    """What is to be kept in mind with such a population."""
    epochs = ", ".join(f"{epoch:g}" for epoch in last_layer_at)
    layers = f"- Last layers are in the file at these epochs only: {epochs}.\n" if epochs else ""
    return f"""
## Known limits

- {_held_out(recipe.data)}.
- Runs of each combination of settings: {recipe.grid.repeats}. Every run has a seed of its own.
- Metrics named `seconds...` include whatever else the machine did meanwhile.
- `seconds_rolled_graph` includes the degree: that the weights are finite is seen by the product that the degree is.
- After a run has diverged its features are NaN, its accuracies those of chance.
{layers}"""


def _held_out(data: DataOptions) -> str:
    if data.name == DIGITS:
        return "1,000 of the digits train, 397 validate, and test accuracies are of the other 400"
    share = f"{data.validation_share:.0%}"
    if data.held_out == "train":
        return f"{share} of the training images validate; test accuracies are of the official test images"
    official = f"{share} of the official test images (`val` where those have no labels)"
    return f"{official} validate; test accuracies are of the others"


def _failures(failed: dict[str, str]) -> str:
    if not failed:
        return ""
    return "\n## Failed\n\n" + "\n".join(f"- {name}: {error}" for name, error in failed.items()) + "\n"


def _shortened(run: Run, vectors_until: float, last_layer_at: Sequence[float]) -> Run:
    """The run with its vectors up to an epoch, and if epochs are given, only their last layers."""
    kept = {name: recording.times <= vectors_until for name, recording in run.recordings.items()}
    if last_layer_at and LAST_LAYER in kept:
        times = run.recordings[LAST_LAYER].times[kept[LAST_LAYER]]
        if missing := set(last_layer_at) - set(times.tolist()):
            found = ", ".join(f"{time:g}" for time in times)
            raise SettingError("last_layer_at", min(missing), f"one of the epochs of run {run.name!r}: {found}")
        kept[LAST_LAYER] = np.isin(run.recordings[LAST_LAYER].times, last_layer_at)
    recordings = {
        name: Recording(recording.times[kept[name]], recording.values[kept[name]])
        for name, recording in run.recordings.items()
        if kept[name].any()
    }
    return replace(run, recordings=recordings)
