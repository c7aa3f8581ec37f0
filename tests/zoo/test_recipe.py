"""Recipes: what they mean, and where they are wrong."""

from itertools import product
from pathlib import Path

import numpy as np
import pytest

from epochgraph.errors import RecipeError, UnreadableFileError
from epochgraph.zoo.ordering import spread
from epochgraph.zoo.recipe import Recipe, parse_recipe, read_recipe, recipe_names

TEXT = """\
name = "mine"
scale = "reduced"
architecture = "DigitsNet"
threshold = 0.5
about = "For a test."

[data]
name = "digits"

[grid]
learning_rate = [0.1, 0.2, 0.4]
dropout = [0.0, 0.5]
width = [1.0, 2.0]

[training]
epochs = 3
batch_size = 32
"""


def test_a_recipe_is_the_settings_of_its_runs():
    recipe = parse_recipe(TEXT, Path("mine.toml"))
    settings = recipe.settings()
    points = {(s.learning_rate, s.dropout, s.width) for s in settings}
    assert points == set(product((0.1, 0.2, 0.4), (0.0, 0.5), (1.0, 2.0)))
    assert sorted(s.seed for s in settings) == list(range(12))
    assert {(s.epochs, s.batch_size, s.momentum, s.crop_padding, s.flip) for s in settings} == {(3, 32, 0.9, 4, True)}
    assert recipe.network.__name__ == "DigitsNet"


def test_a_part_of_a_grid_has_the_seeds_of_the_whole():
    whole = parse_recipe(TEXT, Path("mine.toml")).settings()
    part = parse_recipe(TEXT.replace("width =", "runs = 5\nwidth ="), Path("mine.toml")).settings()
    assert part == whole[:5]


def test_repeats_differ_in_the_seed():
    settings = parse_recipe(TEXT.replace("width =", "repeats = 3\nwidth ="), Path("mine.toml")).settings()
    assert len({s.seed for s in settings}) == len(settings) == 36


@pytest.mark.parametrize("count", [1, 2, 3, 4, 6, 10, 360, 361])
def test_every_beginning_is_spread_evenly(count):
    order = spread(count)
    assert sorted(order) == list(range(count))
    for some in range(1, count):
        gaps = np.diff([-1, *sorted(order[:some]), count])
        assert gaps.max() <= 4 * count / some + 1


@pytest.mark.parametrize(
    ("old", "new", "line", "found"),
    [
        ('name = "mine"', 'name = "mine', 1, "it is no TOML"),
        ('scale = "reduced"', 'scale = "tiny"', 2, "scale: .*'paper' or 'reduced'.*'tiny'"),
        ('architecture = "DigitsNet"', 'architecture = "Transformer"', 3, "architecture: .*'LeNet'.*'Transformer'"),
        ("threshold = 0.5", "", 1, "threshold: Field required"),
        ("0.1, 0.2, 0.4", "0.1, -0.2", 11, r"grid\.learning_rate\.1: .*greater than 0.*-0\.2"),
        ("0.1, 0.2, 0.4", "", 11, r"grid\.learning_rate: .*at least 1 item"),
        ("dropout = [0.0, 0.5]", "dropout = [1.0]", 12, r"grid\.dropout\.0: .*less than 1"),
        ("dropout =", "drop_out =", 12, r"grid\.drop_out: Extra inputs"),
        ("dropout = [0.0, 0.5]", "dropout = [0.0]\nrepeats = 99999", 10, "more than 100,000 are not trained by one"),
        ("epochs = 3", "epochs = 0", 16, r"training\.epochs: .*greater than or equal to 1"),
        ("epochs = 3", 'epochs = "many"', 16, r"training\.epochs: .*valid integer.*'many'"),
        ("epochs = 3\n", "", 15, r"training\.epochs: Field required"),
        ("learning_rate = [0.1, 0.2, 0.4]\n", "", 10, r"grid\.learning_rate: Field required"),
        ("batch_size = 32\n", "[snapshots]\nfractions = [0.5, 0.25]\n", 18, r"snapshots\.fractions is \[0\.5, 0\.25\]"),
        ("[data]", "[dta]", 7, "dta: Extra inputs|data: Field required"),
    ],
)
def test_a_mistake_is_told_with_its_line(old, new, line, found):
    assert old in TEXT
    with pytest.raises(RecipeError, match=found) as caught:
        parse_recipe(TEXT.replace(old, new), Path("mine.toml"))
    if "dta" not in new:
        assert str(caught.value).startswith(f"mine.toml, line {line}: ")
    assert "\n" not in str(caught.value)


def grids() -> dict[str, Recipe]:
    """The package's recipes of one grid."""
    recipes = {name: read_recipe(name)[0] for name in recipe_names()}
    return {name: recipe for name, recipe in recipes.items() if isinstance(recipe, Recipe)}


def test_the_papers_populations_are_recipes():
    recipes = grids()
    assert all(recipe.name == name for name, recipe in recipes.items())
    paper = {name: recipe for name, recipe in recipes.items() if recipe.scale == "paper"}
    assert {(recipe.architecture, recipe.data.name.split()[0]) for recipe in paper.values()} >= {
        *((architecture, "CIFAR-10") for architecture in ("LeNet", "AlexNet", "VGG", "resnet32", "resnet44")),
        *((architecture, "Tiny") for architecture in ("LeNet", "AlexNet", "resnet34", "resnet50")),
    }
    for recipe in paper.values():
        settings = recipe.settings()
        assert len(settings) == 360
        assert {s.epochs for s in settings} == {120 if "resnet" in recipe.architecture else 50}
        rates = sorted({s.learning_rate for s in settings})
        expected = [m * 10.0**e for e in range(-6, 0) for m in (2, 2.5, 3, 3.5, 4, 4.5)]
        np.testing.assert_allclose(rates, expected, rtol=1e-12)
        assert sorted({s.dropout for s in settings}) == pytest.approx([n / 10 for n in range(10)])
        assert {(s.batch_size, s.momentum, s.crop_padding, s.flip, s.width) for s in settings} == {
            (128, 0.9, 4, True, 1)
        }


def test_a_reduced_recipe_says_so_in_its_name():
    for name, recipe in grids().items():
        assert name.endswith("-reduced") == (recipe.scale == "reduced")


def test_a_recipe_that_is_not_there_is_told_with_those_that_are(tmp_path):
    with pytest.raises(UnreadableFileError, match="lenet-cifar10"):
        read_recipe("lenet-mnist")
    with pytest.raises(UnreadableFileError):
        read_recipe(tmp_path)
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(UnreadableFileError, match="no text"):
        read_recipe(tmp_path / "binary.toml")


def test_a_recipe_that_is_nested_without_end_is_one_line(tmp_path):
    path = tmp_path / "deep.toml"
    path.write_text(f"x = {'[' * 100_000}")
    with pytest.raises(RecipeError, match=r"deep\.toml, line 1: it is nested deeper than any recipe"):
        read_recipe(path)
