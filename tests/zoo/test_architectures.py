"""The networks are those of the papers: sizes counted by hand, order of layers, shapes."""

import math
from collections.abc import Iterator

import pytest
import torch
from torch import nn

from epochgraph.errors import SettingError
from epochgraph.topology import chain, trace
from epochgraph.zoo import (
    ARCHITECTURES,
    VGG,
    AlexNet,
    Architecture,
    DigitsNet,
    LeNet,
    resnet20,
    resnet32,
    resnet34,
    resnet44,
    resnet50,
)
from epochgraph.zoo.architectures.residual import PaddedShortcut

NODES = {
    LeNet: 3 + 6 + 16 + 120 + 84 + 10,
    AlexNet: 3 + 96 + 256 + 384 + 384 + 256 + 1024 + 512 + 10,
    VGG: 3 + 64 + 2 * 128 + 4 * 256 + 128 + 128 + 10,
    resnet20: 3 + 16 + 3 * 2 * (16 + 32 + 64) + 10,
    resnet32: 3 + 16 + 5 * 2 * (16 + 32 + 64) + 10,
    resnet44: 3 + 16 + 7 * 2 * (16 + 32 + 64) + 10,
    resnet34: 3 + 64 + 2 * (3 * 64 + 4 * 128 + 6 * 256 + 3 * 512) + (128 + 256 + 512) + 10,
    resnet50: 3 + 64 + 6 * (3 * 64 + 4 * 128 + 6 * 256 + 3 * 512) + 4 * (64 + 128 + 256 + 512) + 10,
    DigitsNet: 1 + 8 + 16 + 32 + 10,
}
"""Inputs, filters and neurons at 10 classes; the projections on shortcuts count, and come last but for the classes."""

PARAMETERS = {
    LeNet: 6 * (3 * 25 + 1) + 16 * (6 * 25 + 1) + 120 * 401 + 84 * 121 + 10 * 85,
    AlexNet: 96 * (3 * 49 + 1)
    + 256 * (96 * 25 + 1)
    + 384 * (256 * 9 + 1)
    + 384 * (384 * 9 + 1)
    + 256 * (384 * 9 + 1)
    + 1024 * 2305
    + 512 * 1025
    + 10 * 513,
    VGG: 64 * (3 * 9 + 1)
    + 128 * (64 * 9 + 1)
    + 128 * (128 * 9 + 1)
    + 256 * (128 * 9 + 1)
    + 3 * 256 * (256 * 9 + 1)
    + 128 * 1025
    + 128 * 129
    + 10 * 129,
    # Without bias, and with two parameters of batch norm a filter: 9 * inputs + 2.
    resnet20: 16 * (9 * 3 + 2)
    + 6 * 16 * (9 * 16 + 2)
    + 32 * (9 * 16 + 2)
    + 5 * 32 * (9 * 32 + 2)
    + 64 * (9 * 32 + 2)
    + 5 * 64 * (9 * 64 + 2)
    + 10 * 65,
    # Each further block a stage adds two convolutions of the stage's width.
    resnet32: 269_722 + 2 * 2 * (16 * (9 * 16 + 2) + 32 * (9 * 32 + 2) + 64 * (9 * 64 + 2)),
    resnet44: 269_722 + 4 * 2 * (16 * (9 * 16 + 2) + 32 * (9 * 32 + 2) + 64 * (9 * 64 + 2)),
    # The figures known of ResNet-34 and ResNet-50 at 1000 classes.
    resnet34: 21_797_672 - 990 * 513,
    resnet50: 25_557_032 - 990 * 2049,
    DigitsNet: 8 * (9 + 1) + 16 * (8 * 9 + 1) + 32 * (16 * 16 + 1) + 10 * 33,
}

PLAIN = (LeNet, AlexNet, VGG, DigitsNet)


def named(architectures: tuple[Architecture, ...]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("architecture", architectures, ids=lambda architecture: architecture.__name__)


def weighted(model: nn.Module) -> list[nn.Conv2d | nn.Linear]:
    return [layer for layer in model.modules() if isinstance(layer, nn.Conv2d | nn.Linear)]


def widths(model: nn.Module) -> Iterator[int]:
    first, *_ = layers = weighted(model)
    yield first.in_channels
    for layer in layers:
        yield layer.out_channels if isinstance(layer, nn.Conv2d) else layer.out_features


def test_every_architecture_is_counted_here():
    assert set(ARCHITECTURES) == set(NODES) == set(PARAMETERS)
    assert len({architecture.__name__ for architecture in ARCHITECTURES}) == len(ARCHITECTURES)


@named(ARCHITECTURES)
def test_nodes_and_parameters_are_those_counted_by_hand(architecture):
    with torch.device("meta"):
        model = architecture(classes=10)
    assert sum(widths(model)) == NODES[architecture]
    assert sum(parameter.numel() for parameter in model.parameters()) == PARAMETERS[architecture]


def test_the_lenet_has_the_nodes_of_the_authors_program():
    assert NODES[LeNet] == 239
    assert [part.size for part in chain(LeNet(classes=10)).parts] == [3, 6, 16, 120, 84, 10]


@named(PLAIN)
def test_a_chain_of_layers_joins_every_parameter(architecture):
    topology = chain(architecture(classes=10))
    assert sum(part.size for part in topology.parts) == NODES[architecture]
    assert topology.coverage.share == 1


def test_the_wiring_of_a_residual_network_is_understood_as_a_whole():
    model = resnet20(classes=10)
    assert trace(model, torch.zeros(1, 3, 32, 32)).coverage.share == 1


@pytest.mark.parametrize(
    ("architecture", "layers"),
    [(resnet20, 20), (resnet32, 32), (resnet44, 44), (resnet34, 34 + 3), (resnet50, 50 + 4)],
)
def test_the_number_of_layers_is_in_the_name(architecture, layers):
    """The projections on shortcuts come on top."""
    with torch.device("meta"):
        assert len(weighted(architecture(classes=10))) == layers


@pytest.mark.parametrize(
    ("architecture", "image_size", "inputs"),
    [
        (LeNet, 32, 400),
        (LeNet, 64, 16 * 13 * 13),
        (AlexNet, 32, 2304),
        (AlexNet, 64, 256 * 7 * 7),
        (VGG, 32, 1024),
        (VGG, 64, 256 * 4 * 4),
        (DigitsNet, 8, 16 * 4 * 4),
    ],
)
def test_the_first_linear_layer_grows_with_the_images(architecture, image_size, inputs):
    with torch.device("meta"):
        model = architecture(classes=100, image_size=image_size)
    first = next(layer for layer in weighted(model) if isinstance(layer, nn.Linear))
    assert first.in_features == inputs


@pytest.mark.parametrize(
    ("architecture", "order"),
    [
        (LeNet, "linear relu dropout linear relu dropout linear"),
        (AlexNet, "dropout linear relu dropout linear relu linear"),
        (VGG, "linear relu dropout linear relu dropout linear"),
        (DigitsNet, "linear relu dropout linear"),
        (resnet32, "dropout linear"),
        (resnet50, "dropout linear"),
    ],
)
def test_dropout_stands_where_the_paper_has_it(architecture, order):
    with torch.device("meta"):
        model = architecture(classes=10, dropout=0.3)
    assert [type(layer).__name__.lower() for layer in model.classifier] == order.split()
    dropouts = [layer for layer in model.modules() if isinstance(layer, nn.Dropout)]
    assert len(dropouts) == order.count("dropout")
    assert {layer.p for layer in dropouts} == {0.3}


@named(ARCHITECTURES)
@pytest.mark.parametrize(("channels", "image_size"), [(3, 32), (1, 64)])
def test_every_architecture_runs_forward_and_backward(architecture, channels, image_size):
    torch.manual_seed(0)
    model = architecture(classes=7, channels=channels, image_size=image_size, width=0.125, dropout=0.5)
    outputs = model(torch.randn(3, channels, image_size, image_size))
    assert outputs.shape == (3, 7)
    outputs.square().sum().backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name


@named(ARCHITECTURES)
def test_width_scales_all_but_inputs_and_classes(architecture):
    with torch.device("meta"):
        narrow, wide = (list(widths(architecture(classes=10, width=width))) for width in (1, 2.0))
    assert wide == [narrow[0], *(2 * size for size in narrow[1:-1]), narrow[-1]]


@named(ARCHITECTURES)
def test_the_narrowest_network_still_has_one_filter_a_layer(architecture):
    model = architecture(classes=10, width=1e-6)
    assert set(list(widths(model))[1:-1]) <= {1, 4}  # a bottleneck block has four times as many outputs


@named(PLAIN)
def test_images_too_small_for_the_kernels_are_refused(architecture):
    with pytest.raises(SettingError, match="image_size is 1, but must be larger"):
        architecture(classes=10, image_size=1)


def test_a_padded_shortcut_keeps_every_second_pixel_between_channels_of_zeros():
    pixels = torch.arange(16.0).reshape(1, 1, 4, 4)
    shortcut = PaddedShortcut(new_channels=3, stride=2)(pixels)
    assert shortcut.tolist() == [[[[0, 0], [0, 0]], [[0, 2], [8, 10]], [[0, 0], [0, 0]], [[0, 0], [0, 0]]]]


def test_a_shortcut_within_a_stage_is_the_identity():
    pixels = torch.randn(2, 4, 3, 3)
    assert PaddedShortcut(new_channels=0, stride=1)(pixels) is pixels


@named((LeNet, AlexNet, VGG))
def test_a_pool_before_the_activation_gives_what_it_gives_behind(architecture):
    """A maximum of rectified values is the rectified maximum; the order used here is cheaper."""
    torch.manual_seed(0)
    model = architecture(classes=10, width=0.25)
    images = torch.randn(4, 3, 32, 32)
    results = []
    for features in (list(model.features), activation_first(list(model.features))):
        model.zero_grad()
        outputs = model.classifier(torch.flatten(nn.Sequential(*features)(images), 1))
        outputs.square().sum().backward()
        results.append([outputs, *(parameter.grad.clone() for parameter in model.parameters())])
    for ours, theirs in zip(*results, strict=True):
        assert torch.equal(ours, theirs)


def activation_first(layers: list[nn.Module]) -> list[nn.Module]:
    for n in range(len(layers) - 1):
        if isinstance(layers[n], nn.MaxPool2d) and isinstance(layers[n + 1], nn.ReLU):
            layers[n : n + 2] = layers[n + 1], layers[n]
    return layers


def test_convolutions_of_a_residual_network_start_from_hes_distribution():
    torch.manual_seed(0)
    model = resnet34(classes=10)
    for layer in model.modules():
        if isinstance(layer, nn.Conv2d) and layer.weight.numel() > 10_000:
            expected = math.sqrt(2 / (layer.out_channels * layer.kernel_size[0] * layer.kernel_size[1]))
            assert layer.weight.std().item() == pytest.approx(expected, rel=0.05)
