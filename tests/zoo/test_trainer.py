"""Steps worked out by hand; reports on what the model holds; only the seed decides; divergence is no error."""

import copy
import math
from dataclasses import replace

import pytest
import torch
from torch import nn
from torch.nn import functional

from epochgraph.errors import SettingError
from epochgraph.zoo import (
    Dataset,
    DigitsNet,
    EpochReport,
    LeNet,
    Split,
    Training,
    TrainingSettings,
    build,
    read_digits,
    train,
)
from epochgraph.zoo.batches import inputs

SETTINGS = TrainingSettings(learning_rate=0.05, epochs=2, dropout=0.3, crop_padding=1, flip=False)


def shortened(dataset: Dataset, count: int) -> Dataset:
    return Dataset(dataset.images[:count], dataset.labels[:count], dataset.classes)


@pytest.fixture(scope="module")
def digits() -> Split:
    return read_digits()


@pytest.fixture(scope="module")
def few(digits: Split) -> Split:
    return Split(shortened(digits.train, 300), shortened(digits.validation, 50), shortened(digits.test, 50))


def timeless(reports: list[EpochReport]) -> list[EpochReport]:
    return [replace(report, seconds=0) for report in reports]


def weights(model: nn.Module) -> list[bytes]:
    return [tensor.detach().contiguous().numpy().tobytes() for tensor in model.state_dict().values()]


def scores(model: nn.Module, dataset: Dataset) -> tuple[float, float]:
    outputs = model(inputs(dataset.images)).detach()
    loss = functional.cross_entropy(outputs, dataset.labels).item()
    return loss, (outputs.argmax(1) == dataset.labels).double().mean().item()


def test_digits_are_learned(digits):
    settings = replace(SETTINGS, epochs=15)
    *_, last = train(build(DigitsNet, digits, settings), digits, settings)
    assert last.epoch == 15
    assert last.train_accuracy > 0.6  # with dropout
    assert last.validation_accuracy > 0.9
    assert last.test_accuracy > 0.9


def test_two_steps_are_those_worked_out_by_hand(few):
    """One batch an epoch, so an epoch is a step: v <- m v + gradient, w <- w - r v."""
    settings = TrainingSettings(
        learning_rate=0.1, epochs=2, momentum=0.5, batch_size=300, crop_padding=0, flip=False, width=0.5
    )
    model, own = build(DigitsNet, few, settings), build(DigitsNet, few, settings)
    parameters = list(own.parameters())
    velocity = [torch.zeros_like(parameter) for parameter in parameters]
    for report in train(model, few, settings):
        for ours, theirs in zip(model.parameters(), parameters, strict=True):
            torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-6)
        loss = functional.cross_entropy(own(inputs(few.train.images)), few.train.labels)
        if report.epoch == 0:
            assert report.train_loss == pytest.approx(loss.item(), rel=1e-5)
        for n, gradient in enumerate(torch.autograd.grad(loss, parameters)):
            velocity[n] = 0.5 * velocity[n] + gradient
            parameters[n].data -= 0.1 * velocity[n]


def test_a_report_is_about_the_weights_that_the_model_holds(few):
    model = build(DigitsNet, few, SETTINGS)
    reports = []
    for report in train(model, few, SETTINGS):
        reports.append(report)
        assert not model.training
        loss, accuracy = scores(model, few.validation)
        assert report.validation_loss == pytest.approx(loss, rel=1e-5)
        assert report.validation_accuracy == pytest.approx(accuracy)
        assert report.test_accuracy == pytest.approx(scores(model, few.test)[1])
    assert [report.epoch for report in reports] == [0, 1, 2]
    assert reports[0].seconds == 0
    assert all(report.seconds > 0 for report in reports[1:])


def test_the_first_report_is_about_the_initial_network(few):
    model = build(DigitsNet, few, SETTINGS)
    before, expected = weights(model), scores(model.eval(), few.train)
    report = next(train(model, few, SETTINGS))
    assert weights(model) == before
    assert (report.train_loss, report.train_accuracy) == pytest.approx(expected, rel=1e-5)


def test_the_same_settings_give_the_same_weights_whatever_happens_between_reports(few):
    models = [build(DigitsNet, few, SETTINGS) for _ in range(2)]
    assert weights(models[0]) == weights(models[1])
    undisturbed = list(train(models[0], few, SETTINGS))
    disturbed = []
    for report in train(models[1], few, SETTINGS):
        disturbed.append(report)
        torch.manual_seed(99)
        torch.rand(7)
        models[1].train()
    assert timeless(disturbed) == timeless(undisturbed)
    assert weights(models[0]) == weights(models[1])


def test_runs_may_take_turns(few):
    settings = [replace(SETTINGS, seed=seed) for seed in range(2)]
    alone = [timeless(list(train(build(DigitsNet, few, s), few, s))) for s in settings]
    together = zip(*(train(build(DigitsNet, few, s), few, s) for s in settings), strict=True)
    assert [timeless(list(reports)) for reports in zip(*together, strict=True)] == alone


def test_the_global_random_numbers_are_left_alone(few):
    torch.manual_seed(5)
    before = torch.get_rng_state()
    for _ in train(build(DigitsNet, few, SETTINGS), few, SETTINGS):
        assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(torch.get_rng_state(), before)


def test_the_global_random_numbers_survive_an_error(few):
    class Broken(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = build(DigitsNet, few, SETTINGS)

        def forward(self, images):
            if self.training:
                raise KeyError("broken")
            return self.inner(images)

    torch.manual_seed(5)
    before = torch.get_rng_state()
    with pytest.raises(KeyError, match="broken"):
        list(train(Broken(), few, SETTINGS))
    assert torch.equal(torch.get_rng_state(), before)


def test_the_seed_decides_on_the_initial_weights_and_dropout_does_not(few):
    first, second = build(DigitsNet, few, SETTINGS), build(DigitsNet, few, replace(SETTINGS, dropout=0.8))
    other = build(DigitsNet, few, replace(SETTINGS, seed=1))
    assert weights(first) == weights(second)
    assert weights(first) != weights(other)


def test_he_weights_keep_the_variance_of_the_values(few):
    settings = TrainingSettings(learning_rate=0.1, epochs=1, width=8, initialization="he")
    for layer in build(DigitsNet, few, settings).modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            deviation = math.sqrt(2 / layer.weight[0].numel())
            assert layer.weight.std().item() == pytest.approx(deviation, rel=0.1)
            assert not layer.bias.any()
    again = build(DigitsNet, few, settings)
    torch.testing.assert_close(again.state_dict(), build(DigitsNet, few, settings).state_dict(), rtol=0, atol=0)


def test_dropout_drops_others_in_every_epoch(few):
    """With a learning rate of nearly nothing, only dropout can make the losses of two epochs differ."""
    settings = replace(SETTINGS, learning_rate=1e-30, crop_padding=0, batch_size=300, dropout=0.5)
    _, first, second = train(build(DigitsNet, few, settings), few, settings)
    assert first.train_loss != pytest.approx(second.train_loss, rel=1e-6)
    _, first, second = train(build(DigitsNet, few, settings), few, replace(settings, seed=3))
    model = build(DigitsNet, few, replace(settings, dropout=0))
    _, first, second = train(model, few, settings)
    assert first.train_loss == pytest.approx(second.train_loss, rel=1e-6)


def test_a_network_is_built_for_its_images(few):
    images = torch.zeros(4, 3, 64, 64, dtype=torch.uint8)
    part = Dataset(images, torch.tensor([0, 1, 2, 2]), ("cat", "cow", "dog"))
    model = build(LeNet, Split(part, part, part), replace(SETTINGS, width=0.5, dropout=0.7))
    assert model(inputs(images)).shape == (4, 3)
    assert model.features[0].weight.shape == (3, 3, 5, 5)
    assert model.classifier[2].p == 0.7


@pytest.mark.parametrize("learning_rate", [1e6, 1e30])
def test_a_run_that_diverges_is_finished_as_what_it_is(few, learning_rate):
    settings = replace(SETTINGS, learning_rate=learning_rate, epochs=4)
    model = build(DigitsNet, few, settings)
    states, reports = [], []
    for report in train(model, few, settings):
        reports.append(report)
        states.append(weights(model))
        assert not model.training
    assert [report.epoch for report in reports] == [0, 1, 2, 3, 4]
    assert math.isfinite(reports[0].train_loss)
    for report in reports[1:]:
        assert all(math.isnan(loss) for loss in (report.train_loss, report.validation_loss, report.test_loss))
        accuracies = [report.train_accuracy, report.validation_accuracy, report.test_accuracy]
        assert accuracies == [0.1, 0.1, 0.1]
    assert not all(parameter.isfinite().all() for parameter in model.parameters())
    assert states[1] == states[2] == states[4]


def test_a_diverged_network_is_not_trained_any_further(few):
    settings = replace(SETTINGS, epochs=3)
    model = build(DigitsNet, few, settings)
    passes = []
    model.register_forward_hook(lambda *_: passes.append(model.training))
    with torch.no_grad():
        model.classifier[-1].bias.fill_(math.nan)
    assert all(math.isnan(report.train_loss) for report in train(model, few, settings))
    assert passes == [False, False]  # the training images of epoch 0, in two batches


def test_a_loss_beyond_all_numbers_counts_as_diverged(few):
    model = build(DigitsNet, few, SETTINGS)
    with torch.no_grad():
        model.classifier[-1].weight.fill_(0)
        model.classifier[-1].bias.copy_(torch.linspace(-3e38, 3e38, 10))
    report = next(train(model, few, SETTINGS))
    assert math.isnan(report.train_loss)
    assert report.test_accuracy == 0.1


@pytest.mark.parametrize(
    ("option", "values"),
    [
        ("learning_rate", (0.0, -1.0, math.nan, math.inf)),
        ("width", (0.0, math.nan)),
        ("dropout", (-0.1, 1.0, math.nan)),
        ("momentum", (-0.1, 1.0)),
        ("epochs", (0,)),
        ("batch_size", (0,)),
        ("seed", (-1,)),
        ("crop_padding", (-1,)),
        ("initialization", ("glorot",)),
    ],
)
def test_settings_out_of_range_are_refused(option, values):
    for value in values:
        with pytest.raises(SettingError, match=f"{option} is {value!r}, but must be"):
            replace(SETTINGS, **{option: value})


def test_reports_after_fractions_of_the_first_epoch(few):
    """300 images are ten steps of 32: reports come after the steps that complete a fraction."""
    settings = replace(SETTINGS, batch_size=32)
    whole = list(train(build(DigitsNet, few, settings), few, settings))
    reports = list(train(build(DigitsNet, few, settings), few, settings, fractions=(0.125, 0.5)))
    assert [report.epoch for report in reports] == [0, 0.125, 0.5, 1, 2]
    assert timeless(reports[:1] + reports[3:]) == timeless(whole)
    assert len({report.validation_loss for report in reports}) == 5, "each is about other weights"
    assert 0 < reports[1].seconds <= reports[2].seconds <= reports[3].seconds


@pytest.mark.parametrize("fractions", [(0.5, 0.25), (0.0,), (1.0,), (0.5, 0.5), (float("nan"),)])
def test_fractions_increase_between_the_ends(few, fractions):
    with pytest.raises(SettingError, match="fractions"):
        train(build(DigitsNet, few, SETTINGS), few, SETTINGS, fractions=fractions)


@pytest.mark.parametrize("learning_rate", [0.05, 1e30])
def test_a_run_that_is_taken_up_again_ends_as_if_undisturbed(few, learning_rate):
    settings = replace(SETTINGS, epochs=4, learning_rate=learning_rate)
    undisturbed = build(DigitsNet, few, settings)
    expected = list(train(undisturbed, few, settings, fractions=(0.5,)))
    first = Training(build(DigitsNet, few, settings), few, settings, fractions=(0.5,))
    for report in first.reports():
        if report.epoch == 2:
            break
    saved = copy.deepcopy(first.state())
    model = build(DigitsNet, few, settings)
    second = Training(model, few, settings, fractions=(0.5,))
    second.restore(saved)
    rest = list(second.reports())
    assert [report.epoch for report in rest] == [3, 4]
    assert str(timeless(rest)) == str(timeless(expected[-2:]))  # NaN equals NaN in text
    assert weights(model) == weights(undisturbed)
