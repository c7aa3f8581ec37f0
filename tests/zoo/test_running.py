"""One run, from its settings to its file, also in several sittings."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import load_file

from epochgraph import read_run
from epochgraph.extraction import extraction
from epochgraph.runs import Run, read_stored_run
from epochgraph.zoo import Split, read_digits
from epochgraph.zoo.recipe import Recipe, parse_recipe
from epochgraph.zoo.running import PopulationFolder, early_stopping_epoch, saved_runs, train_runs
from epochgraph.zoo.settings import TrainingSettings

TEXT = """
name = "mine"
scale = "reduced"
architecture = "DigitsNet"
threshold = 0.5
about = "For a test."
[data]
name = "digits"
[grid]
learning_rate = [0.05, 1e6]
dropout = [0.3]
[training]
epochs = 4
batch_size = 64
crop_padding = 1
[snapshots]
fractions = [0.5]
node_values_until = 1
"""


@pytest.fixture(scope="module")
def digits() -> Split:
    return read_digits()


@pytest.fixture(scope="module")
def recipe() -> Recipe:
    return parse_recipe(TEXT, Path("mine.toml"))


class Killed(BaseException):
    """What ends a process in the middle of a run."""


@dataclass
class Sitting:
    """Watches a run, and kills it once it has reported an epoch."""

    until: float = np.inf
    epochs: list[float] = field(default_factory=list)

    def __call__(self, run: str, epoch: float) -> None:
        self.epochs.append(epoch)
        if epoch >= self.until:
            raise Killed


def equal(first: Run, second: Run) -> None:
    """Every number is the same, but for the time it took."""
    timed = [name for name in first.metrics if name.startswith("seconds")]
    pd.testing.assert_frame_equal(first.metrics.drop(columns=timed), second.metrics.drop(columns=timed))
    assert first.signature.names == second.signature.names
    np.testing.assert_array_equal(first.signature.values, second.signature.values)
    assert first.settings == second.settings
    assert first.recordings.keys() == second.recordings.keys()
    for name, recording in first.recordings.items():
        np.testing.assert_array_equal(recording.values, second.recordings[name].values)


def trained(
    recipe: Recipe, split: Split, settings: TrainingSettings, places: PopulationFolder, *sittings: Sitting
) -> Run:
    for sitting in sittings[:-1]:
        with pytest.raises(Killed):
            train_runs(recipe, split, [settings], places, advance=sitting, save_every=0)
    train_runs(recipe, split, [settings], places, advance=sittings[-1], save_every=0)
    return read_stored_run(places.run(settings.name))


@pytest.mark.parametrize("place", [0, 1], ids=["converges", "diverges"])
def test_a_run_in_several_sittings_ends_in_the_same_numbers(tmp_path, digits, recipe, place):
    settings = recipe.settings()[place]
    whole = trained(recipe, digits, settings, PopulationFolder(tmp_path / "whole"), Sitting())
    sittings = [Sitting(0.5), Sitting(2), Sitting()]
    parts = trained(recipe, digits, settings, PopulationFolder(tmp_path / "parts"), *sittings)
    equal(whole, parts)
    assert [sitting.epochs for sitting in sittings] == [[0, 0.5], [0, 0.5, 1, 2], [3, 4]]
    assert not list((tmp_path / "parts" / "partial").iterdir())


def test_a_state_that_cannot_be_read_costs_only_time(tmp_path, digits, recipe):
    settings = recipe.settings()[0]
    places = PopulationFolder(tmp_path)
    whole = trained(recipe, digits, settings, places, Sitting())
    places.state(settings.name).write_bytes(b"half a state")
    equal(whole, trained(recipe, digits, settings, places, Sitting()))


def test_of_a_state_that_does_not_fit_nothing_is_kept(tmp_path, digits, recipe):
    """As another version of the package may have left it: the weights are there, the records are not."""
    settings = recipe.settings()[0]
    places, name = PopulationFolder(tmp_path), settings.name
    with pytest.raises(Killed):
        train_runs(recipe, digits, [settings], places, advance=Sitting(2), save_every=0)
    state = torch.load(places.state(name), weights_only=True)
    del state["recorders"][0]["rows"]
    torch.save(state, places.state(name))
    equal(trained(recipe, digits, settings, places, Sitting()), trained(recipe, digits, settings, places, Sitting()))
    assert read_stored_run(places.run(name)).signature.times.tolist() == [0, 0.5, 1, 2, 3, 4]


def test_runs_side_by_side_in_several_sittings_end_in_the_same_numbers(tmp_path, digits, recipe):
    """And much as each by itself would: only sums are rounded otherwise, for the recipe has no dropout here."""
    recipe = recipe.model_copy(update={"grid": recipe.grid.model_copy(update={"dropout": (0.0,)})})
    settings = recipe.settings()
    whole, parts, alone = (
        PopulationFolder(tmp_path / "whole"),
        PopulationFolder(tmp_path / "parts"),
        PopulationFolder(tmp_path / "alone"),
    )
    assert train_runs(recipe, digits, settings, whole, advance=Sitting()) == [own.name for own in settings]
    for sitting in (Sitting(0.5), Sitting(2)):
        with pytest.raises(Killed):
            train_runs(recipe, digits, settings, parts, advance=sitting, save_every=0)
    assert saved_runs(parts.states()[0], "cpu") == tuple(own.name for own in settings)
    assert saved_runs(parts.states()[0], "cuda") == ()
    train_runs(recipe, digits, settings, parts, advance=(last := Sitting()), save_every=0)
    assert last.epochs == [3, 3, 4, 4]
    assert parts.states() == []
    for own in settings:
        together = read_stored_run(whole.run(own.name))
        equal(together, read_stored_run(parts.run(own.name)))
        by_itself = trained(recipe, digits, own, alone, Sitting())
        untimed = [name for name in together.metrics if not name.startswith("seconds")]
        pd.testing.assert_frame_equal(together.metrics[untimed], by_itself.metrics[untimed], rtol=0.01, atol=0.01)
        assert together.settings == by_itself.settings


def test_the_state_of_other_runs_is_not_gone_on_from(tmp_path, digits, recipe):
    """A first run of a group is trained by itself later."""
    settings = recipe.settings()
    places = PopulationFolder(tmp_path)
    whole = trained(recipe, digits, settings[0], PopulationFolder(tmp_path / "whole"), Sitting())
    with pytest.raises(Killed):
        train_runs(recipe, digits, settings, places, advance=Sitting(2), save_every=0)
    equal(whole, trained(recipe, digits, settings[0], places, Sitting()))


def test_a_finished_run_stays_when_its_group_goes_on(tmp_path, digits, recipe):
    settings = recipe.settings()
    places = PopulationFolder(tmp_path)
    names = train_runs(recipe, digits, settings, places, advance=Sitting())
    places.run(names[1]).unlink()
    before = places.run(names[0]).stat().st_mtime_ns
    assert train_runs(recipe, digits, settings, places, advance=Sitting()) == [names[1]]
    assert places.run(names[0]).stat().st_mtime_ns == before


def test_what_a_run_records(tmp_path, digits, recipe):
    settings = recipe.settings()[0]
    run = trained(recipe, digits, settings, PopulationFolder(tmp_path), Sitting())
    epochs = [0, 0.5, 1, 2, 3, 4]
    assert run.signature.times.tolist() == run.metrics.index.tolist() == epochs
    assert run.recordings["degree"].times.tolist() == [0, 0.5, 1]
    assert run.recordings["last_layer"].times.tolist() == epochs
    assert (run.metrics["learning_rate"] == 0.05).all()
    assert run.final_accuracy() == run.metrics["test_accuracy"].iloc[-1] > 0.3
    assert {"recipe": "mine", "architecture": "DigitsNet", "data": "digits", "dropout": 0.3, "seed": 0}.items() <= (
        run.settings.items()
    )
    assert extraction(run.settings).change == ("initial", "previous")
    times = ["rolled_graph", "degree", "eigenvector_centrality", "unrolled_graph", "unrolled_degree", "snapshot"]
    assert (run.metrics[[f"seconds_{name}" for name in times]] > 0).all(axis=None)


def test_checkpoints_are_kept_on_request(tmp_path, digits, recipe):
    settings = recipe.settings()[0]
    places = PopulationFolder(tmp_path)
    train_runs(recipe, digits, [settings], places, advance=Sitting(), checkpoints=True)
    run = read_stored_run(places.run(settings.name))
    checkpoints = read_run(tmp_path / "checkpoints" / settings.name, allow_gaps=True)
    assert [checkpoint.epoch for checkpoint in checkpoints] == [0, 0.5, 1, 2, 3, 4]
    last = load_file(places.checkpoint(settings.name, 4))["classifier.3.weight"].double()
    assert run.signature.values[-1][run.signature.names.index("parameter:classifier.3.weight/mean")] == pytest.approx(
        last.mean().item()
    )


def test_the_early_stopping_epoch_is_worked_out_by_hand():
    def losses(*values: float) -> pd.Series:
        return pd.Series(values, np.arange(1.0, len(values) + 1))

    assert early_stopping_epoch(losses(3, 2, 1, 1.5, 1.2, 1, 4), patience=3) == 6
    assert early_stopping_epoch(losses(3, 2, 1, 1.5, 0.9, 1, 4), patience=3) == 7
    assert early_stopping_epoch(losses(3, np.nan, np.nan, np.nan), patience=2) == 3
