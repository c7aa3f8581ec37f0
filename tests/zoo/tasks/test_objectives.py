import math

import pytest
import torch

from epochgraph.zoo.tasks import objectives


def test_cross_entropy_of_equal_outputs_is_the_logarithm_of_their_number():
    targets = torch.tensor([[0, 3, 1], [2, 2, 0]])
    for smoothing in (0.0, 0.3):
        assert float(objectives.cross_entropy(torch.zeros(2, 3, 4), targets, smoothing)) == pytest.approx(math.log(4))


def test_label_smoothing_by_hand():
    """Two classes, log-probabilities -log(1 + e^-1) and -1 - log(1 + e^-1); the right class gets 0.9 + 0.1 / 2."""
    outputs, rest = torch.tensor([[1.0, 0.0]]), math.log(1 + math.exp(-1))
    expected = 0.95 * rest + 0.05 * (1 + rest)
    assert float(objectives.cross_entropy(outputs, torch.tensor([0]), 0.1)) == pytest.approx(expected)


def test_accuracy_is_the_share_of_right_answers():
    metric = objectives.accuracy(4)
    outputs = torch.tensor([[0.0, 1, 0, 0], [2, 1, 0, 0]])
    assert metric.of(outputs, torch.tensor([1, 3])).tolist() == [1, 0]
    assert metric.chance == 0.25


def test_absolute_errors_are_in_the_unit_of_the_data():
    (train, test), scale = objectives.standardised([torch.tensor([0.0, 4, 8]), torch.tensor([2.0, 12])])
    assert scale == pytest.approx(4)
    assert train.flatten().tolist() == pytest.approx([-1, 0, 1])
    metric = objectives.mean_absolute_error(train, test, scale)
    assert metric.of(torch.zeros(2, 1), test).tolist() == pytest.approx([2, 8])
    assert metric.chance == pytest.approx(5)  # the median 4 misses 2 by 2 and 12 by 8


def test_errors_of_images_are_on_the_scale_from_minus_one_to_one():
    black, white = torch.zeros(1, 1, 2, 2, dtype=torch.uint8), torch.full((1, 1, 2, 2), 255, dtype=torch.uint8)
    metric = objectives.image_rmse(torch.cat([black, white]), torch.cat([white, white]))
    assert metric.finished(float(metric.of(torch.full((1, 1, 2, 2), -1.0), white).mean())) == pytest.approx(2)
    assert metric.chance == pytest.approx(1)  # the mean image is grey
    assert float(objectives.image_error(torch.zeros(1, 1, 2, 2), white, 0.5)) == pytest.approx(1)


def test_large_errors_count_less_with_huber():
    outputs, targets = torch.tensor([[3.0], [0.5]]), torch.zeros(2, 1)
    assert float(objectives.huber(outputs, targets, 0.0)) == pytest.approx((2.5 + 0.125) / 2)
    assert float(objectives.squared_error(outputs, targets, 0.0)) == pytest.approx((9 + 0.25) / 2)
