"""Networks side by side compute what each computes by itself; dropout drops of each its share."""

import pytest
import torch
from torch import Tensor, nn

from epochgraph.errors import SettingError
from epochgraph.zoo import ARCHITECTURES, DigitsNet, resnet20
from epochgraph.zoo.stack import Stack

CPU = torch.device("cpu")


def networks(architecture, count: int = 2, **options) -> list[nn.Module]:
    torch.manual_seed(1)
    return [architecture(**options) for _ in range(count)]


def outputs(stack: Stack, images: Tensor, *, training: bool) -> Tensor:
    return stack.outputs(stack.parameters(), stack.buffers, images, training=training)


@pytest.mark.parametrize("architecture", ARCHITECTURES, ids=lambda architecture: architecture.__name__)
@pytest.mark.parametrize("training", [False, True])
def test_each_network_computes_what_it_computes_alone(architecture, training):
    models = networks(architecture, classes=3, channels=2, image_size=32, width=0.05)
    stack = Stack(models, CPU)
    images = torch.rand(2, 8, 2, 32, 32)
    with torch.no_grad():
        found = outputs(stack, images, training=training)
        expected = torch.stack([model.train(training)(batch) for model, batch in zip(models, images, strict=True)])
        torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-4)
        shared = outputs(stack, images[0], training=False)
        alone = torch.stack([model.eval()(images[0]) for model in models])
        torch.testing.assert_close(shared, alone, rtol=1e-3, atol=1e-4)  # with the running means, where there are some
    for name, buffer in stack.buffers.items():
        expected = torch.stack([model.get_buffer(name) for model in models])
        torch.testing.assert_close(buffer, expected, rtol=1e-3, atol=1e-3)


def test_the_networks_stay_as_they_are_until_they_are_written():
    models = networks(resnet20, classes=3, channels=1, image_size=8, width=0.1)
    before = [parameter.clone() for parameter in models[1].parameters()]
    stack = Stack(models, CPU)
    stack.weights += 1
    outputs(stack, torch.rand(2, 4, 1, 8, 8), training=True)
    assert all(torch.equal(*pair) for pair in zip(before, models[1].parameters(), strict=True))
    models[1].train()
    stack.write()
    assert all(torch.equal(old + 1, now) for old, now in zip(before, models[1].parameters(), strict=True))
    assert models[1].get_buffer("features.1.num_batches_tracked") == 1
    assert not models[1].training
    assert models[1].features[0].weight.requires_grad


def test_of_each_network_dropout_drops_its_share():
    """A network of dropout only: what is kept is scaled, so that the mean stays."""
    shares = [0.0, 0.2, 0.9]
    stack = Stack([nn.Sequential(nn.Linear(1, 1), nn.Dropout(share)) for share in shares], CPU)
    stack.weights[:] = torch.tensor([0, 1])  # weight and bias: all outputs are 1
    found = outputs(stack, torch.zeros(10_000, 1), training=True)[:, :, 0]
    for values, share in zip(found, shares, strict=True):
        assert (values == 0).double().mean().item() == pytest.approx(share, abs=0.02)
        assert values[values != 0].unique().tolist() == pytest.approx([1 / (1 - share)])
    assert (outputs(stack, torch.zeros(10, 1), training=False) == 1).all()


def test_dropout_drops_others_in_each_network():
    stack = Stack([nn.Sequential(nn.Linear(1, 1), nn.Dropout(0.5)) for _ in range(2)], CPU)
    stack.weights[:] = torch.tensor([0, 1])
    first, second = outputs(stack, torch.zeros(100, 1), training=True)
    assert not torch.equal(first, second)


def test_networks_that_are_not_alike_are_refused():
    models = [DigitsNet(classes=3, width=width) for width in (0.5, 1)]
    with pytest.raises(SettingError, match="network 1 is"):
        Stack(models, CPU)
    with pytest.raises(SettingError, match="at least one"):
        Stack([], CPU)
