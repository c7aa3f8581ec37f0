"""Networks trained side by side end as `Training` lets each end by itself; on a GPU too, where there is one."""

import io
import math
from dataclasses import astuple, replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from epochgraph.errors import SettingError
from epochgraph.zoo import (
    CifarResNet,
    Dataset,
    DigitsNet,
    EpochReport,
    Split,
    TrainingSettings,
    build,
    read_digits,
    train,
)
from epochgraph.zoo.ensemble import Ensemble, groups

ONE = TrainingSettings(learning_rate=0.05, epochs=2, crop_padding=1, width=0.25, batch_size=16)
SETTINGS = [replace(ONE, learning_rate=rate, seed=seed) for rate, seed in ((0.05, 0), (0.01, 7), (0.1, 3))]


def small_resnet(**options) -> CifarResNet:
    return CifarResNet(blocks=1, **options)


@pytest.fixture(
    params=["cpu", pytest.param("cuda", marks=pytest.mark.skipif("not __import__('torch').cuda.is_available()"))]
)
def device(request) -> str:
    return request.param


@pytest.fixture(scope="module")
def few() -> Split:
    """120 training images, which are seven steps of 16 and one of 8."""
    digits = read_digits()
    parts = ((digits.train, 120), (digits.validation, 50), (digits.test, 60))
    return Split(*(Dataset(part.images[:count], part.labels[:count], part.classes) for part, count in parts))


def built(few: Split, settings: list[TrainingSettings], architecture=DigitsNet) -> list[nn.Module]:
    return [build(architecture, few, own) for own in settings]


def tensors(model: nn.Module) -> dict[str, torch.Tensor]:
    return {name: tensor.detach().clone() for name, tensor in model.state_dict().items()}


def assert_same(found: dict[str, torch.Tensor], expected: dict[str, torch.Tensor]) -> None:
    for name, tensor in expected.items():
        torch.testing.assert_close(found[name], tensor, rtol=0, atol=0, equal_nan=True)


def assert_alike(found: nn.Module, expected: nn.Module, device: str) -> None:
    tolerance = {"rtol": 1e-3, "atol": 1e-5} if device == "cpu" else {"rtol": 0.03, "atol": 0.01}  # a GPU has TF32
    for name, tensor in expected.state_dict().items():
        torch.testing.assert_close(found.state_dict()[name], tensor, **tolerance, equal_nan=True)


def assert_reports_alike(found: list[EpochReport], expected: list[EpochReport], device: str) -> None:
    """But for the seconds; on a GPU, an image or two may be classified otherwise."""
    tolerance = {"rel": 1e-3} if device == "cpu" else {"rel": 0.03, "abs": 0.04}
    for one, other in zip(found, expected, strict=True):
        assert astuple(one)[:-1] == pytest.approx(astuple(other)[:-1], nan_ok=True, **tolerance)


@pytest.mark.parametrize("architecture", [DigitsNet, small_resnet])
def test_each_network_is_trained_as_if_alone(few, architecture, device):
    """Weights, running means and variances, and reports, at every report."""
    ensemble = Ensemble(models := built(few, SETTINGS, architecture), few, SETTINGS, fractions=(0.3,), device=device)
    alone = built(few, SETTINGS, architecture)
    one_by_one = [train(model, few, own, fractions=(0.3,)) for model, own in zip(alone, SETTINGS, strict=True)]
    epochs = []
    for reports, *expected in zip(ensemble.reports(), *one_by_one, strict=True):
        assert_reports_alike(reports, expected, device)
        for model, other in zip(models, alone, strict=True):
            assert not model.training
            assert_alike(model, other, device)
        epochs.append(reports[0].epoch)
        models[0].train()  # what the caller does between reports changes nothing
    assert epochs == [0, 0.3, 1, 2]


def test_a_network_that_diverges_does_not_disturb_the_others(few, device):
    settings = [SETTINGS[0], replace(ONE, learning_rate=1e30, epochs=2), SETTINGS[2]]
    ensemble = Ensemble(models := built(few, settings, small_resnet), few, settings, device=device)
    alone = built(few, settings, small_resnet)
    expected = [list(train(model, few, own)) for model, own in zip(alone, settings, strict=True)]
    states, reports = [], []
    for found in ensemble.reports():
        reports.append(found)
        states.append(tensors(models[1]))
    for own, others in zip(zip(*reports, strict=True), expected, strict=True):
        assert_reports_alike(list(own), others, device)
    assert_alike(models[0], alone[0], device)
    assert_alike(models[2], alone[2], device)
    assert math.isnan(reports[1][1].train_loss)
    assert reports[2][1].test_accuracy == 0.1
    assert not all(tensor.isfinite().all() for tensor in states[1].values())
    assert_same(states[2], states[1])
    steps = "features.1.num_batches_tracked"  # batch norm counts the steps until the network diverged
    assert states[2][steps] == alone[1].state_dict()[steps]


def test_a_network_that_has_diverged_from_the_start_is_left_alone(few, device):
    models = built(few, SETTINGS)
    with torch.no_grad():
        models[2].classifier[-1].bias.fill_(math.nan)
    before = tensors(models[2])
    for reports in Ensemble(models, few, SETTINGS, device=device).reports():
        assert [math.isnan(report.train_loss) for report in reports] == [False, False, True]
        assert all(
            torch.equal(tensor.nan_to_num(), before[name].nan_to_num()) for name, tensor in tensors(models[2]).items()
        )


def test_more_dropout_makes_training_harder(few, device):
    settings = [
        replace(ONE, learning_rate=0.1, dropout=share, epochs=8, width=1, crop_padding=0, flip=False)
        for share in (0.0, 0.9)
    ]
    *_, (free, hindered) = Ensemble(built(few, settings), few, settings, device=device).reports()
    assert hindered.train_loss > free.train_loss + 0.5


def test_an_ensemble_that_is_taken_up_again_ends_as_if_undisturbed(few, device):
    """With dropout and batch norm; on the CPU bit by bit."""
    settings = [replace(own, dropout=0.3, epochs=3) for own in SETTINGS]
    undisturbed = built(few, settings, small_resnet)
    expected = list(Ensemble(undisturbed, few, settings, fractions=(0.5,), device=device).reports())
    first = Ensemble(built(few, settings, small_resnet), few, settings, fractions=(0.5,), device=device)
    file = io.BytesIO()
    for reports in first.reports():
        if reports[0].epoch == 1:
            torch.save(first.state(), file)
            break
    file.seek(0)
    second = Ensemble(models := built(few, settings, small_resnet), few, settings, fractions=(0.5,), device=device)
    second.restore(torch.load(file, weights_only=True))
    for model, other in zip(models, first.models, strict=True):
        assert_alike(model, other, "cpu")
    rest = list(second.reports())
    assert [reports[0].epoch for reports in rest] == [2, 3]
    for found, others in zip(rest, expected[-2:], strict=True):
        assert_reports_alike(found, others, device)
    if device == "cpu":
        for model, other in zip(models, undisturbed, strict=True):
            assert_same(tensors(model), tensors(other))


def test_the_global_random_numbers_are_left_alone(few):
    settings = [replace(own, dropout=0.5, epochs=1) for own in SETTINGS]
    torch.manual_seed(5)
    before = torch.get_rng_state()
    for _ in Ensemble(built(few, settings), few, settings).reports():
        assert torch.equal(torch.get_rng_state(), before)


def test_dropout_is_decided_on_by_the_seeds(few):
    settings = [replace(own, dropout=0.5, epochs=1) for own in SETTINGS]
    once, again = (list(Ensemble(built(few, settings), few, settings).reports())[-1] for _ in range(2))
    assert [report.train_loss for report in once] == [report.train_loss for report in again]


@pytest.mark.parametrize(
    ("option", "value"), [("epochs", 3), ("batch_size", 8), ("momentum", 0.5), ("crop_padding", 0), ("flip", False)]
)
def test_settings_that_disagree_are_refused(few, option, value):
    settings = [ONE, replace(ONE, **{option: value})]
    with pytest.raises(SettingError, match=f"{option} is .* the same for all networks"):
        Ensemble(built(few, settings), few, settings)


def test_each_network_needs_settings(few):
    with pytest.raises(SettingError, match="2 for 3 networks"):
        Ensemble(built(few, SETTINGS), few, SETTINGS[:2])


@given(
    widths=st.lists(st.sampled_from([0.5, 1.0, 2.0]), min_size=1, max_size=30),
    size=st.integers(1, 8),
)
def test_groups_hold_every_run_once_with_others_of_its_width(widths, size):
    settings = [
        replace(ONE, seed=seed, learning_rate=0.1 / (1 + seed), width=width) for seed, width in enumerate(widths)
    ]
    found = groups(settings, size)
    assert sorted((own for group in found for own in group), key=lambda own: own.seed) == settings
    assert [group[0].seed for group in found] == sorted(group[0].seed for group in found)
    for width in set(widths):
        sizes = [len(group) for group in found if group[0].width == width]
        assert len(sizes) == math.ceil(widths.count(width) / size)
        assert max(sizes) - min(sizes) <= 1
    assert all(len({own.width for own in group}) == 1 for group in found)
