"""What is trained together, after what was interrupted and what has failed."""

import json
from pathlib import Path

import pytest
import torch

from epochgraph.errors import ZooError
from epochgraph.zoo.pool import planned
from epochgraph.zoo.population import SITTINGS, check_images, note_sitting, open_population, sittings, status
from epochgraph.zoo.recipe import parse_recipe
from epochgraph.zoo.resources import Resources
from epochgraph.zoo.running import PopulationFolder

TEXT = """
name = "six"
scale = "reduced"
architecture = "DigitsNet"
threshold = 0.5
about = "For a test."
[data]
name = "digits"
[grid]
learning_rate = [0.001, 0.01, 0.1]
dropout = [0.0, 0.5]
[training]
epochs = 3
"""


@pytest.fixture
def population(tmp_path: Path) -> Path:
    """A population of six runs, of which none is done."""
    open_population(tmp_path, parse_recipe(TEXT, tmp_path), TEXT)
    return tmp_path


def groups(population: Path, resources: Resources) -> list[list[int]]:
    """The places of the runs that are trained together."""
    now = status(population)
    order = [own.name for own in now.recipe.settings()]
    return [[order.index(own.name) for own in group] for group in planned(population, now, resources)]


def interrupted(population: Path, *places: int) -> list[str]:
    """Write the state of some runs, as far as it is looked at before they are trained."""
    settings = status(population).recipe.settings()
    names = [settings[place].name for place in places]
    path = PopulationFolder(population).state(names[0])
    path.parent.mkdir(exist_ok=True)
    torch.save({"runs": names, "device": "cpu"}, path)
    return names


def test_runs_that_were_interrupted_stay_together(population):
    interrupted(population, 1, 4, 5)
    assert groups(population, Resources(together=2)) == [[1, 4, 5], [0], [2, 3]]


def test_they_do_not_if_one_of_them_has_failed(population):
    failure = PopulationFolder(population).failure(interrupted(population, 1, 4, 5)[2])
    failure.parent.mkdir()
    failure.write_text(json.dumps({"error": "out of memory"}))
    assert groups(population, Resources(together=2)) == [[0, 1], [2, 3], [4, 5]]


def test_a_gpu_is_shared_by_processes_that_take_turns(population):
    assert groups(population, Resources(workers=3, device="cuda", together=70)) == [[0, 1], [2, 3], [4, 5]]
    assert groups(population, Resources(workers=3, together=70)) == [[0, 1, 2, 3, 4, 5]]


def test_a_state_of_another_gpu_is_taken_up(population):
    names = interrupted(population, 0, 1)
    torch.save({"runs": names, "device": "cuda:1"}, PopulationFolder(population).state(names[0]))
    assert groups(population, Resources(device="cuda", together=3))[0] == [0, 1]


def test_what_was_being_written_when_it_was_killed_is_swept_away(population):
    places = PopulationFolder(population)
    kept = places.state(interrupted(population, 0)[0])
    left = kept.with_name(f".{kept.stem}-abcdef_8.pt")
    left.write_bytes(b"half")
    assert places.states() == [kept]
    places.sweep()
    assert not left.exists()
    assert kept.exists()


def test_so_is_half_of_a_checkpoint(population):
    whole = PopulationFolder(population).checkpoint("one", 0.25)
    whole.parent.mkdir(parents=True)
    for path in (whole, whole.with_name(".epoch_0.5-abcdef_8.safetensors")):
        path.write_bytes(b"weights")
    PopulationFolder(population).sweep()
    assert list(whole.parent.iterdir()) == [whole]


def test_what_a_user_hides_among_them_stays(population):
    hidden = PopulationFolder(population).checkpoint("one", 1).parent / ".notebook"
    hidden.mkdir(parents=True)
    (hidden / ".gitignore").write_text("*")
    PopulationFolder(population).sweep()
    assert (hidden / ".gitignore").exists()


def test_runs_of_other_images_have_no_place_beside_these(population):
    (population / SITTINGS).write_text('{"started": "2026-01-01"}\n')  # before digests were noted
    check_images(population, 16 * "f")
    for workers in (1, 2):
        note_sitting(population, images="0123456789abcdef", workers=workers)
        check_images(population, "0123456789abcdef")
    with pytest.raises(ZooError, match="of other images"):
        check_images(population, 16 * "f")
    assert [sitting.get("workers") for sitting in sittings(population)] == [None, 1, 2]
