"""Any task, any optimiser of torch.optim: steps worked out by hand, reports, looks, divergence, resuming."""

import math
from dataclasses import replace

import pytest
import torch
from torch import nn
from torch.nn import functional
from torch.optim import lr_scheduler

from epochgraph.errors import SettingError
from epochgraph.zoo.optimizers import OPTIMIZERS, SCHEDULES, Descent, Plan
from epochgraph.zoo.tasks import Examples, Form, Metric, Task
from epochgraph.zoo.training import Report, Training

FORM = Form(kind="table", inputs=(3,), outputs=(1,))


def squared(outputs: torch.Tensor, targets: torch.Tensor, smoothing: float) -> torch.Tensor:
    return functional.mse_loss(outputs, targets)


def absolute(outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    return (outputs - targets).abs().mean(1)


def line(count: int, seed: int) -> Examples:
    inputs = torch.randn(count, 3, generator=torch.Generator().manual_seed(seed))
    return Examples(inputs, inputs.sum(1, keepdim=True))


@pytest.fixture
def task() -> Task:
    """The sum of three numbers."""
    metric = Metric("mae", "falls", absolute, chance=9.0)
    parts = {"train": line(40, 0), "validation": line(10, 1), "test": line(10, 2)}
    return Task(name="sum", form=FORM, **parts, loss=squared, metric=metric)


def network(seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 8), nn.Tanh(), nn.Linear(8, 1))


def timeless(reports: list[Report]) -> list[Report]:
    return [replace(report, seconds=0, core_seconds=0) for report in reports]


def test_an_epoch_of_one_batch_is_a_step_of_gradient_descent(task):
    plan = Plan(learning_rate=0.1, epochs=2, batch_size=40)
    model, own = network(), network()
    for report in Training(model, task, plan).reports():
        for ours, theirs in zip(model.parameters(), own.parameters(), strict=True):
            torch.testing.assert_close(ours, theirs)
        own.zero_grad()
        loss = functional.mse_loss(own(task.train.inputs), task.train.targets)
        if report.epoch == 0:
            assert report.train.loss == pytest.approx(loss.item())
            assert report.train.metric == pytest.approx(
                absolute(own(task.train.inputs), task.train.targets).mean().item()
            )
        loss.backward()
        with torch.no_grad():
            for parameter in own.parameters():
                parameter.sub_(0.1 * parameter.grad)


def test_reports_are_made_at_the_looks_and_after_every_epoch(task):
    plan = Plan(learning_rate=0.01, epochs=3, batch_size=10)
    reports = list(Training(network(), task, plan, looks=[0.25, 1.5, 3]).reports())
    assert [report.epoch for report in reports] == [0, 0.25, 1, 1.5, 2, 3]
    assert [report.steps for report in reports] == [0, 1, 4, 6, 8, 12]


@pytest.mark.parametrize("looks", [[0.5, 0.5], [0, 1], [2, 1], [4]])
def test_looks_that_do_not_increase_within_the_budget_are_refused(task, looks):
    with pytest.raises(SettingError, match="increasing numbers above 0, at most 3"):
        Training(network(), task, Plan(learning_rate=0.1, epochs=3, batch_size=10), looks=looks)


def test_the_training_loss_is_that_of_the_steps_so_far_and_since_the_last_report(task):
    plan = Plan(learning_rate=0.05, epochs=1, batch_size=10)
    losses: list[float] = []

    def noted(outputs: torch.Tensor, targets: torch.Tensor, smoothing: float) -> torch.Tensor:
        loss = squared(outputs, targets, smoothing)
        if loss.requires_grad:
            losses.append(loss.item())
        return loss

    _, half, whole = Training(network(), replace(task, loss=noted), plan, looks=[0.5]).reports()
    assert half.train.loss == half.since_last == pytest.approx(sum(losses[:2]) / 2)
    assert whole.train.loss == pytest.approx(sum(losses) / 4)
    assert whole.since_last == pytest.approx(sum(losses[2:]) / 2)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("schedule", SCHEDULES)
def test_every_optimiser_learns_and_goes_on_from_its_state_under_every_schedule(task, optimizer, schedule):
    plan = Plan(learning_rate=0.02, epochs=4, batch_size=8, optimizer=optimizer, schedule=schedule)
    undisturbed = list(Training(network(), task, plan).reports())
    assert undisturbed[-1].validation.loss < undisturbed[0].validation.loss
    first = Training(network(), task, plan)
    begun = []
    for report in first.reports():
        begun.append(report)
        if report.epoch == 2:
            break
    second = Training(network(seed=1), task, plan)
    second.restore(first.state())
    assert timeless([*begun, *second.reports()]) == timeless(undisturbed)


def test_a_task_without_a_metric_is_compared_by_its_loss(task):
    plain = replace(task, metric=None)
    assert (plain.target, plain.direction) == ("loss", "falls")
    *_, last = Training(network(), plain, Plan(learning_rate=0.1, epochs=1, batch_size=10)).reports()
    assert math.isnan(last.test.metric)
    assert math.isfinite(last.test.loss)


def test_a_run_that_diverges_goes_on_reporting_the_metric_of_chance(task):
    plan = Plan(learning_rate=1e30, epochs=3, batch_size=10)
    model = network()
    reports = list(Training(model, task, plan, looks=[0.5]).reports())
    assert [report.epoch for report in reports] == [0, 0.5, 1, 2, 3]
    assert math.isnan(reports[-1].test.loss)
    assert reports[-1].test.metric == 9.0
    assert reports[-1].steps == reports[1].steps <= 3
    assert not all(bool(parameter.isfinite().all()) for parameter in model.parameters())


def test_the_steps_before_a_report_are_announced(task):
    seen: list[tuple[int, bool]] = []

    def look(model: nn.Module, remaining: int) -> None:
        seen.append((remaining, all(parameter.grad is not None for parameter in model.parameters())))

    plan = Plan(learning_rate=0.1, epochs=1, batch_size=10)
    list(Training(network(), task, plan, looks=[0.5], before_step=look).reports())
    assert seen == [(1, True), (0, True), (1, True), (0, True)]


def heights(schedule: str, steps: int, learning_rate: float = 1.0) -> list[float]:
    model = nn.Linear(1, 1)
    descent = Descent(model, Plan(learning_rate=learning_rate, epochs=1, batch_size=1, schedule=schedule), steps)
    found = []
    for _ in range(steps):
        found.append(descent.learning_rate)
        model(torch.ones(1, 1)).sum().backward()
        descent.step()
    return found


def test_schedules_are_those_worked_out_by_hand():
    assert heights("constant", 4) == [1, 1, 1, 1]
    assert heights("step", 8) == pytest.approx([1] * 4 + [0.1] * 2 + [0.01] * 2)
    assert heights("cosine", 4) == pytest.approx([(1 + math.cos(math.pi * step / 4)) / 2 for step in range(4)])
    warm = heights("warmup-cosine", 20)
    assert warm[:3] == pytest.approx([0.5, 0.75, 1])
    assert warm[-1] < 0.02
    cycle = heights("one-cycle", 100)
    assert cycle[0] == pytest.approx(1 / 25)
    assert max(cycle) == pytest.approx(1, rel=1e-3)
    assert cycle[-1] < 0.01


@pytest.mark.parametrize("steps", [1, 2, 3, 7])
@pytest.mark.parametrize("schedule", SCHEDULES)
def test_schedules_stretch_over_the_fewest_steps(schedule, steps):
    assert len(heights(schedule, steps)) == steps


def test_muon_takes_the_matrices_between_hidden_layers_and_adamw_the_rest():
    model = network()
    muon = Descent(model, Plan(learning_rate=0.1, epochs=1, batch_size=1, optimizer="Muon"), 10)
    kinds = {type(optimizer).__name__: optimizer for optimizer in muon.optimizers}
    assert set(kinds) == {"AdamW", "Muon"}
    (hidden,) = kinds["Muon"].param_groups[0]["params"]
    assert hidden is model[2].weight
    assert len(kinds["AdamW"].param_groups[0]["params"]) == 5


def test_the_classes_are_those_of_torch():
    for family, (name, _) in OPTIMIZERS.items():
        descent = Descent(network(), Plan(learning_rate=0.1, epochs=1, batch_size=1, optimizer=family), 10)
        assert type(descent.optimizers[-1]) is getattr(torch.optim, name)
    scheduled = Descent(network(), Plan(learning_rate=0.1, epochs=1, batch_size=1, schedule="cosine"), 10)
    assert isinstance(scheduled.schedules[0], lr_scheduler.CosineAnnealingLR)


@pytest.mark.parametrize(
    ("options", "named"),
    [({"optimizer": "Adamax"}, "optimizer"), ({"batch_size": 0}, "batch_size"), ({"epochs": 0}, "epochs")],
)
def test_a_plan_says_what_is_wrong_with_it(options, named):
    with pytest.raises(SettingError, match=named):
        Plan(**{"learning_rate": 0.1, "epochs": 1, "batch_size": 1, **options})
