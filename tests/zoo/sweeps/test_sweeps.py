"""Recipes of sweeps, and their runs: what is drawn, what is recorded, and that only the seed decides."""

import hashlib
import json
import math
from collections import Counter
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from epochgraph import read_population
from epochgraph.errors import RecipeError, SettingError, ZooError
from epochgraph.extraction import extraction
from epochgraph.runs import Run, read_stored_run, read_stored_runs
from epochgraph.signature import Signature
from epochgraph.zoo.architectures.choices import Choices
from epochgraph.zoo.architectures.families import FAMILIES
from epochgraph.zoo.export import export_population, import_population
from epochgraph.zoo.optimizers import OPTIMIZERS, SCHEDULES, Plan
from epochgraph.zoo.pool import train_population
from epochgraph.zoo.population import open_population, status
from epochgraph.zoo.recipe import parse_grid, parse_recipe, read_recipe, recipe_names
from epochgraph.zoo.running import PopulationFolder, train_runs
from epochgraph.zoo.sweeps.recipe import LEARNING_RATES, LOOKS, SPACE, RunSettings, SweepRecipe
from epochgraph.zoo.sweeps.running import Seams, WatchedRun, altered, built
from epochgraph.zoo.sweeps.summary import sweep_table
from epochgraph.zoo.tasks import TASKS

TEXT = """
kind = "sweeps"
name = "few"
about = "For a test."
seed = 3
[[families]]
name = "table"
sweeps = 2
runs = 3
epochs = 2
tasks = ["wine"]
architectures = ["mlp"]
optimizers = ["SGD", "AdamW"]
[families.space]
learning_rate = {log = [1e-3, 1e-1]}
batch_size = [32]
width = [16]
data_share = [1.0]
"""


@pytest.fixture
def recipe() -> SweepRecipe:
    found = parse_recipe(TEXT, Path("few.toml"))
    assert isinstance(found, SweepRecipe)
    return found


@pytest.fixture(scope="module")
def wild() -> list[RunSettings]:
    recipe, _ = read_recipe("wild")
    return recipe.settings()


def test_a_sweep_has_one_task_architecture_and_optimiser(wild):
    sweeps: dict[str, list[RunSettings]] = {}
    for own in wild:
        sweeps.setdefault(own.sweep, []).append(own)
    for runs in sweeps.values():
        assert len({(own.task, own.architecture, own.plan.optimizer, own.epochs) for own in runs}) == 1
        assert [own.number for own in runs] == list(range(len(runs)))
        assert len({own.plan.learning_rate for own in runs}) > 1
        assert len({own.plan.seed for own in runs}) == len(runs)
    assert len({own.name for own in wild}) == len(wild)


def test_the_wild_population_is_as_large_and_as_mixed_as_it_says(wild):
    first = {own.sweep: own for own in wild}.values()
    assert len(first) >= 120
    assert len(wild) >= 1400
    assert (
        sum(
            own.architecture in ("gpt", "gpt-tied", "lstm", "gru", "tcn-tokens") and "text" in own.sweep
            for own in first
        )
        >= 35
    )
    optimizers = Counter(own.plan.optimizer for own in first)
    assert set(optimizers) == set(OPTIMIZERS)
    assert min(optimizers.values()) >= 5
    assert min(Counter(own.architecture for own in first).values()) >= 4
    assert {own.plan.schedule for own in wild} == set(SCHEDULES)
    for own in wild:
        assert own.task in TASKS
        family = FAMILIES[own.architecture]
        assert own.choices.norm in family.norms
        assert own.choices.width in family.widths


def test_every_beginning_of_the_order_is_spread_over_the_families(wild):
    sweeps = list(dict.fromkeys(own.sweep for own in wild))
    families = Counter(sweep.rsplit("-", 1)[0] for sweep in sweeps)
    for count in (30, 60):
        begun = Counter(sweep.rsplit("-", 1)[0] for sweep in sweeps[:count])
        for family, planned in families.items():
            assert abs(begun[family] - planned * count / len(sweeps)) <= 2


def test_what_is_drawn_stays_as_it_was(wild):
    """Runs that are published were drawn like this: other draws under the same names would mix two populations."""
    text = "\n".join(f"{own.name} {json.dumps(own.stored(), sort_keys=True)}" for own in wild)
    assert hashlib.sha256(text.encode()).hexdigest()[:16] == "17528098bc94e765"


def test_a_sweep_does_not_depend_on_other_families():
    more = TEXT + TEXT[TEXT.index("[[families]]") :].replace('name = "table"', 'name = "other"')
    alone = parse_recipe(TEXT, Path("few.toml")).settings()
    beside = [own for own in parse_recipe(more, Path("few.toml")).settings() if own.sweep.startswith("table")]
    assert sorted(alone, key=lambda own: own.name) == sorted(beside, key=lambda own: own.name)


def test_values_come_from_the_space_of_the_recipe(recipe):
    for own in recipe.settings():
        assert 1e-3 <= own.plan.learning_rate <= 1e-1
        assert own.plan.batch_size == 32
        assert own.choices.width == 16
        assert own.choices.dropout in SPACE["dropout"]
    rates = [np.log10(LEARNING_RATES[name].log) for name in OPTIMIZERS]
    assert min(high - low for low, high in rates) >= 3 - 1e-9


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('optimizers = ["SGD", "AdamW"]', 'optimizers = ["Adamax"]', "Adamax"),
        ("log = [1e-3, 1e-1]", "log = [1e-1, 1e-3]", "lowest"),
        ("sweeps = 2", "sweeps = 0", "sweeps"),
        ("batch_size = [32]", "batch_size = []", "batch_size"),
        ("batch_size = [32]", 'batch_size = ["SGD"]', "batch_size is 'SGD', but must be a whole number from 1"),
        ("batch_size = [32]", "batch_size = {log = [1, 9]}", "list those to choose from"),
        ("batch_size = [32]", "dropout = [2]", "dropout is 2, but must be a number from 0 to 1"),
        ("batch_size = [32]", "schedule = [3]", "schedule is 3, but must be a name"),
        ("sweeps = 2", "sweeps = 99999", "more than 100,000 are not trained by one recipe"),
        ("sweeps = 2", "sweeps = 9223372036854775807", "sweeps"),
        ('about = "For a test."', "", "about"),
    ],
)
def test_what_is_wrong_with_a_recipe_is_one_line(old, new, said):
    with pytest.raises(RecipeError, match=said) as error:
        parse_recipe(TEXT.replace(old, new), Path("few.toml"))
    assert "\n" not in str(error.value)


def test_an_unknown_hyper_parameter_is_named(recipe):
    with pytest.raises(SettingError, match="momentum"):
        parse_recipe(TEXT.replace("width = [16]", "momentum = [0.9]"), Path("few.toml")).settings()


def test_a_recipe_of_sweeps_is_no_grid():
    with pytest.raises(RecipeError, match="not of one grid"):
        parse_grid(TEXT, Path("few.toml"))


def test_names_that_nobody_knows_are_found_before_training(recipe):
    Seams().check(recipe)
    strange = parse_recipe(TEXT.replace('"wine"', '"beer"'), Path("few.toml"))
    with pytest.raises(SettingError, match=r"beer.*--task beer=MODULE:NAME"):
        Seams().check(strange)
    Seams(tasks={"beer": TASKS["wine"]}).check(strange)


def test_a_run_is_recorded_at_every_look(tmp_path, recipe):
    settings = recipe.settings()[0]
    train_runs(recipe, Seams(), [settings], PopulationFolder(tmp_path), advance=lambda name, epoch: None)
    run = read_stored_run(PopulationFolder(tmp_path).run(settings.name))
    expected = sorted({0.0, 1.0, *(look * 2 for look in LOOKS)})
    assert run.metrics.index.tolist() == pytest.approx(expected)
    assert run.signature.times.tolist() == pytest.approx(expected)
    assert {"train_loss", "validation_accuracy", "test_accuracy", "learning_rate", "steps"} <= {*run.metrics}
    kinds = {name.partition("/")[0] for name in run.signature.names}
    assert kinds >= {"degree", "eigenvector_centrality", "weights", "parameters", "gradients", "update", "units"}
    assert np.isfinite(run.signature.values[-1]).mean() > 0.9
    assert (run.settings["metric"], run.settings["direction"]) == ("accuracy", "rises")
    ranks = run.signature.names.index("degree/graph/rank_change_since_initial")
    assert run.signature.values[0, ranks] == pytest.approx(0, abs=1e-12)
    assert 0 < run.signature.values[-1, ranks] < 2
    assert extraction(run.settings).scopes == ("graph", "depth")  # so that it can be repeated, and evaluated


def test_the_same_seed_gives_the_same_run_and_leaves_global_randomness(tmp_path, recipe):
    settings = recipe.settings()[1]
    state = torch.get_rng_state()
    runs = []
    for place in ("a", "b"):
        train_runs(recipe, Seams(), [settings], PopulationFolder(tmp_path / place), advance=lambda name, epoch: None)
        runs.append(read_stored_run(PopulationFolder(tmp_path / place).run(settings.name)))
    np.testing.assert_array_equal(runs[0].signature.values, runs[1].signature.values)
    assert runs[0].settings == runs[1].settings
    timed = [name for name in runs[0].metrics if "seconds" in name]
    assert runs[0].metrics.drop(columns=timed).equals(runs[1].metrics.drop(columns=timed))
    assert torch.equal(state, torch.get_rng_state())


def test_a_task_of_other_examples_is_refused(tmp_path, recipe):
    settings = recipe.settings()[0]
    (tmp_path / "tasks.json").write_text('{"wine": "0123456789abcdef"}')
    with pytest.raises(ZooError, match="of other examples"):
        WatchedRun(recipe, Seams(), settings, tmp_path)


def test_less_data_and_noisier_labels_reach_the_task(recipe):
    settings = replace(recipe.settings()[0], data_share=0.5, label_noise=0.25)
    task = TASKS["wine"](None)
    found = altered(task, settings)
    assert len(found.train) == round(len(task.train) / 2)
    assert len(found.validation) == len(task.validation)


def test_small_and_large_initial_weights_are_half_and_twice_the_default(recipe):
    settings = recipe.settings()[0]
    form = TASKS["wine"](None).form
    weights = {}
    for name in ("default", "small", "large"):
        model = built(Seams(), form, replace(settings, initialization=name))
        weights[name] = next(model.parameters()).detach()
    assert torch.equal(weights["small"], weights["default"] * 0.5)
    assert torch.equal(weights["large"], weights["default"] * 2)


def test_a_task_of_ones_own_is_read_once_a_process(tmp_path, recipe):
    calls = []

    def own_task(data):
        calls.append(data)
        return TASKS["wine"](None)

    seams = Seams(data=tmp_path, tasks={"wine": own_task})
    assert seams.task("wine") is seams.task("wine")
    assert seams.digest("wine") == TASKS["wine"](None).digest()
    assert calls == [tmp_path]


def own_network(form, choices: Choices) -> torch.nn.Module:
    return torch.nn.Linear(form.inputs[0], form.outputs[0])


def test_an_architecture_of_ones_own_is_a_function(tmp_path):
    text = TEXT.replace('"mlp"', '"mine"')
    recipe = parse_recipe(text, Path("few.toml"))
    settings = recipe.settings()[0]
    seams = Seams(architectures={"mine": own_network})
    train_runs(recipe, seams, [settings], PopulationFolder(tmp_path), advance=lambda name, epoch: None)
    assert read_stored_run(PopulationFolder(tmp_path).run(settings.name)).settings["parameters"] == 13 * 3 + 3


def test_a_population_is_trained_exported_imported_and_read(tmp_path, recipe):
    folder = tmp_path / "few"
    open_population(folder, recipe, TEXT)
    events = list(train_population(folder, Seams))
    assert sum(event.finished for event in events) == 6
    assert not status(folder).missing
    table = sweep_table(read_stored_runs(folder / "runs"))
    assert table["runs"].tolist() == [3, 3]
    assert (table["near_best"] >= 1 / 3 - 1e-9).all()
    assert (table["best"] >= table["median"]).all()
    exported = export_population(folder, tmp_path / "few.parquet")
    sheet = exported.datasheet.read_text()
    assert "6 of the 6 runs of `few`, in 2 sweeps; 2 are complete" in sheet
    population = read_population(tmp_path / "few.parquet")
    assert len(population.runs) == 6
    assert population.curves["test_accuracy"].groupby("run").last().between(0, 1).all()
    assert population.features.index.equals(population.curves.index)
    assert import_population(tmp_path / "few.parquet", tmp_path / "again") == 6


def test_recipes_of_sweeps_come_with_the_package():
    assert {"wild", "sweeps-without-files"} <= set(recipe_names())
    recipe, _ = read_recipe("sweeps-without-files")
    Seams().check(recipe)
    assert {own.task for own in recipe.settings()} <= {"digits", "python-docs", "generated-series", "friedman", "wine"}


def test_plans_of_drawn_runs_are_plain_values(wild):
    assert all(isinstance(value, str | int | float | bool) for own in wild[:50] for value in own.stored().values())
    assert isinstance(wild[0].plan, Plan)
    assert partial(Seams)().data is None


def ended(name: str, values: list[float], **settings: object) -> Run:
    """A run whose metric has had these values."""
    metrics = pd.DataFrame({"test_loss": values}, index=pd.Index(np.arange(len(values), dtype=float), name="epoch"))
    signature = Signature(np.zeros(1), ("x",), np.zeros((1, 1)), np.array([bool(np.isnan(values[-1]))]))
    common = {
        "sweep": "s",
        "task": "t",
        "architecture": "a",
        "optimizer": "SGD",
        "metric": "loss",
        "direction": "falls",
    }
    return Run(name, signature, metrics, {**common, **settings})


def test_near_the_best_and_clearly_worse_are_shares_of_the_best_gain():
    ends = [1.0, 1.35, 1.5, 2.5, math.nan]  # from 5: the best gains 4, near is up to 1.4, clearly worse above 2
    table = sweep_table([ended(str(number), [5.0, end]) for number, end in enumerate(ends)])
    row = table.loc["s"]
    assert (row["best"], row["worst"], row["diverged"]) == (1.0, 2.5, 1)
    assert row["near_best"] == pytest.approx(2 / 5)
    assert row["clearly_worse"] == pytest.approx(2 / 5)
    assert row["median"] == pytest.approx(1.425)
