import pytest

from epochgraph.errors import SettingError
from epochgraph.zoo.tasks import TASKS, noisy, subsampled


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 1.0])
def test_exactly_that_share_of_the_training_labels_is_wrong(share):
    task = TASKS["digits"](None)
    changed = noisy(task, share, seed=3)
    assert int((changed.train.targets != task.train.targets).sum()) == round(share * len(task.train))
    assert 0 <= changed.train.targets.min() <= changed.train.targets.max() < 10
    assert changed.train.inputs is task.train.inputs
    assert changed.validation is task.validation
    assert changed.test is task.test


def test_every_other_class_comes_in_place_of_a_wrong_label():
    task = TASKS["digits"](None)
    changed = noisy(task, 1.0, seed=0)
    pairs = set(zip(task.train.targets.tolist(), changed.train.targets.tolist(), strict=True))
    assert len(pairs) == 10 * 9


def test_the_seed_decides_on_the_noise():
    task = TASKS["digits"](None)
    assert noisy(task, 0.3, 1).digest() == noisy(task, 0.3, 1).digest() != noisy(task, 0.3, 2).digest()


@pytest.mark.parametrize("name", ["diabetes", "python-docs", "digits-reconstruction", "generated-series"])
def test_only_classes_can_be_wrong(name):
    with pytest.raises(SettingError, match="has no classes"):
        noisy(TASKS[name](None), 0.1, 0)


@pytest.mark.parametrize("share", [-0.1, 1.1, float("nan")])
def test_shares_of_noise_have_a_range(share):
    with pytest.raises(SettingError, match="label noise"):
        noisy(TASKS["wine"](None), share, 0)


@pytest.mark.parametrize("name", ["digits", "python-docs", "friedman"])
def test_a_share_of_the_examples_is_kept_with_their_targets(name):
    task = TASKS[name](None)
    fewer = subsampled(task, 0.25, seed=1)
    assert len(fewer.train) == round(0.25 * len(task.train))
    known = {
        (row.numpy().tobytes(), target.numpy().tobytes())
        for row, target in zip(task.train.inputs, task.train.targets, strict=True)
    }
    found = [
        (row.numpy().tobytes(), target.numpy().tobytes())
        for row, target in zip(fewer.train.inputs, fewer.train.targets, strict=True)
    ]
    assert set(found) <= known
    assert fewer.test is task.test
    assert fewer.digest() == subsampled(task, 0.25, seed=1).digest() != subsampled(task, 0.25, seed=2).digest()


def test_a_batch_is_kept_in_any_case():
    task = TASKS["wine"](None)
    assert len(subsampled(task, 0.01, 0, least=64).train) == 64
    assert len(subsampled(task, 0.01, 0, least=512).train) == len(task.train)
    assert len(subsampled(task, 1e-9, 0).train) == 1


@pytest.mark.parametrize("share", [0.0, -1.0, 1.5, float("nan")])
def test_shares_of_the_data_have_a_range(share):
    with pytest.raises(SettingError, match="share of the data"):
        subsampled(TASKS["wine"](None), share, 0)
