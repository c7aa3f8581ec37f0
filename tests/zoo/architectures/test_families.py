"""Every family makes what its form asks for, trains whole, and is read whole by the tracer."""

import math
import pickle
from collections.abc import Iterator

import pytest
import torch
from torch import Tensor, nn

from epochgraph import degree, eigenvector_centrality, rolled_graph, trace
from epochgraph.errors import SettingError
from epochgraph.zoo.architectures.choices import ACTIVATIONS, Choices, Norm
from epochgraph.zoo.architectures.families import FAMILIES, Family
from epochgraph.zoo.tasks.task import Form

SMALL = {
    "digits": Form(kind="image", inputs=(1, 8, 8), outputs=(10,)),
    "image": Form(kind="image", inputs=(3, 32, 32), outputs=(5,)),
    "digits again": Form(kind="image", inputs=(1, 8, 8), outputs=(1, 8, 8)),
    "image again": Form(kind="image", inputs=(3, 32, 32), outputs=(3, 32, 32)),
    "hours": Form(kind="sequence", inputs=(4, 20), outputs=(1,)),
    "spectrogram": Form(kind="image", inputs=(1, 45, 51), outputs=(10,)),
    "waveform": Form(kind="sequence", inputs=(1, 2048), outputs=(10,)),
    "text": Form(kind="tokens", inputs=(16,), outputs=(16, 30), vocabulary=30),
    "kind of text": Form(kind="tokens", inputs=(16,), outputs=(3,), vocabulary=30),
    "table": Form(kind="table", inputs=(9,), outputs=(2,), columns=(1, 1, 5, 2)),
}
"""A form of each task that a family may meet."""

ODD = (
    Form(kind="image", inputs=(1, 1, 1), outputs=(4,)),
    Form(kind="image", inputs=(1, 3, 3), outputs=(4,)),
    Form(kind="image", inputs=(2, 7, 13), outputs=(4,)),
    Form(kind="image", inputs=(1, 40, 51), outputs=(4,)),
    Form(kind="image", inputs=(3, 150, 97), outputs=(4,)),
    Form(kind="image", inputs=(2, 7, 13), outputs=(2, 7, 13)),
    Form(kind="image", inputs=(1, 70, 45), outputs=(1, 70, 45)),
    Form(kind="sequence", inputs=(2, 1), outputs=(4,)),
    Form(kind="sequence", inputs=(3, 65), outputs=(4,)),
    Form(kind="sequence", inputs=(1, 8001), outputs=(4,)),
    Form(kind="tokens", inputs=(1,), outputs=(1, 5), vocabulary=5),
    Form(kind="table", inputs=(1,), outputs=(1,)),
    Form(kind="table", inputs=(131,), outputs=(4,), columns=(2, *(1,) * 129)),
)

CASES = [(name, form) for name, family in FAMILIES.items() for form in SMALL if family.fits(SMALL[form])]
TRACED = [case for case in CASES if case[1] not in ("image", "image again", "kind of text")]
"""Tracing takes a while, and these are read as their like are."""


def few(family: Family, **changed: object) -> Choices:
    """Choices of a small network, with those that are named."""
    return Choices(**{"width": family.widths[0], "depth": 2, "norm": family.norms[0], "dropout": 0.1} | changed)


def inputs_of(form: Form, count: int) -> Tensor:
    """Inputs of this form, always the same."""
    generator = torch.Generator().manual_seed(1)
    if form.kind == "tokens":
        return torch.randint(0, form.vocabulary, (count, *form.inputs), generator=generator)
    return torch.randn(count, *form.inputs, generator=generator)


def seeded(family: Family, form: Form, choices: Choices, seed: int = 0) -> nn.Module:
    """A network whose weights this seed decides."""
    torch.manual_seed(seed)
    return family.build(form, choices)


@pytest.mark.parametrize(("name", "form"), CASES)
def test_outputs_are_of_the_form_and_every_parameter_learns(name: str, form: str) -> None:
    family = FAMILIES[name]
    for norm in family.norms:
        for depth in (1, 2, 5):
            network = seeded(family, SMALL[form], few(family, norm=norm, depth=depth, activation="gelu"))
            inputs = inputs_of(SMALL[form], 8)
            outputs = network(inputs)
            assert outputs.shape == (8, *SMALL[form].outputs)
            (outputs * torch.randn_like(outputs)).sum().backward()
            idle = [n for n, p in network.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]
            assert not idle, (norm, depth)


@pytest.mark.parametrize(("name", "form"), TRACED)
def test_the_tracer_reads_every_weight_and_the_measures_are_finite(name: str, form: str) -> None:
    family = FAMILIES[name]
    for norm in family.norms if form not in ("spectrogram", "waveform") else family.norms[-1:]:
        network = seeded(family, SMALL[form], few(family, norm=norm))
        topology = trace(network, inputs_of(SMALL[form], 1))
        assert topology.coverage.share == 1.0, topology.coverage.left_out
        graph = rolled_graph(dict(network.state_dict()), topology)
        for measure in (degree, eigenvector_centrality):
            assert all(map(math.isfinite, measure(graph))), norm


@pytest.mark.parametrize("name", FAMILIES)
def test_any_size_of_input_will_do(name: str) -> None:
    family = FAMILIES[name]
    for form in filter(family.fits, ODD):
        for width, depth in ((4, 1), (13, 4)):
            network = family.build(form, few(family, width=width, depth=depth))
            assert network(inputs_of(form, 2)).shape == (2, *form.outputs), form


@pytest.mark.parametrize(("name", "form"), CASES)
def test_the_seed_decides_the_weights(name: str, form: str) -> None:
    family = FAMILIES[name]
    first, same, other = (seeded(family, SMALL[form], few(family), seed).state_dict() for seed in (3, 3, 4))
    assert all(torch.equal(value, same[key]) for key, value in first.items())
    assert any(not torch.equal(value, other[key]) for key, value in first.items())


@pytest.mark.parametrize("name", FAMILIES)
def test_a_choice_out_of_range_is_one_clear_error(name: str) -> None:
    family = FAMILIES[name]
    form = next(form for form in SMALL.values() if family.fits(form))
    wrong: dict[str, tuple[object, ...]] = {
        "width": (3, 0, -8, 4097, 16.0, True),
        "depth": (0, -1, 65, 2.0, True),
        "norm": ("instance", "none" if "none" not in family.norms else ""),
        "activation": ("softsign",),
        "dropout": (1.0, -0.1, math.nan),
    }
    for option, values in wrong.items():
        for value in values:
            with pytest.raises(SettingError, match=option) as raised:
                family.build(form, _unchecked(few(family), option, value))
            assert "\n" not in str(raised.value)
            assert str(pickle.loads(pickle.dumps(raised.value))) == str(raised.value)  # noqa: S301


@pytest.mark.parametrize("name", FAMILIES)
def test_a_form_that_does_not_fit_is_one_clear_error(name: str) -> None:
    family = FAMILIES[name]
    for form in SMALL.values():
        if not family.fits(form):
            with pytest.raises(SettingError, match=r"kind of the inputs|shape of the outputs"):
                family.build(form, few(family))


def test_an_autoencoder_gives_images_of_the_shape_it_reads() -> None:
    family = FAMILIES["autoencoder"]
    with pytest.raises(SettingError, match="shape of the outputs"):
        family.build(Form(kind="image", inputs=(3, 8, 8), outputs=(1, 8, 8)), few(family))


@pytest.mark.parametrize(("name", "form"), CASES)
def test_activations_are_modules_that_can_be_watched(name: str, form: str) -> None:
    family = FAMILIES[name]
    for word, activation in ACTIVATIONS.items():
        network = family.build(SMALL[form], few(family, activation=word))
        found = [module for module in network.modules() if isinstance(module, tuple(_kinds()))]
        assert all(type(module) is type(activation()) for module in found)
        assert not any(getattr(module, "inplace", False) for module in network.modules())
        assert len(set(map(id, found))) == len(found)
        assert bool(found) == family.activated


@pytest.mark.parametrize("name", [name for name, family in FAMILIES.items() if "tokens" in family.kinds])
def test_no_token_sees_those_after_it(name: str) -> None:
    family, form = FAMILIES[name], SMALL["text"]
    for norm in family.norms:
        network = seeded(family, form, few(family, norm=norm, depth=3, dropout=0.0))
        tokens = inputs_of(form, 2)
        changed = tokens.clone()
        changed[:, 9:] = (changed[:, 9:] + 1) % form.vocabulary
        before, after = network(tokens), network(changed)
        torch.testing.assert_close(before[:, :9], after[:, :9], rtol=0, atol=1e-5)
        assert (before[:, 9:] - after[:, 9:]).abs().amax(-1).min() > 0


@pytest.mark.parametrize("name", ["tcn", "lstm", "gru", "sequence-transformer", "mlp"])
def test_every_step_of_a_short_sequence_counts(name: str) -> None:
    family, form = FAMILIES[name], SMALL["hours"]
    network = seeded(family, form, few(family, depth=3, dropout=0.0, activation="tanh"))
    inputs = inputs_of(form, 4).requires_grad_()
    (gradient,) = torch.autograd.grad(network(inputs).sum(), inputs)
    assert (gradient.abs().sum((0, 1)) > 0).all()


@pytest.mark.parametrize("name", [name for name, family in FAMILIES.items() if "image" in family.kinds])
@pytest.mark.parametrize("sides", [(8, 8), (32, 32), (40, 51), (90, 70)])
def test_every_pixel_counts(name: str, sides: tuple[int, int]) -> None:
    family = FAMILIES[name]
    outputs = (2, *sides) if name == "autoencoder" else (10,)
    network = seeded(
        family,
        Form(kind="image", inputs=(2, *sides), outputs=outputs),
        few(family, dropout=0.0, activation="tanh"),
    )
    inputs = torch.randn(16, 2, *sides, generator=torch.Generator().manual_seed(0)).requires_grad_()
    values = network(inputs)
    (gradient,) = torch.autograd.grad((values * torch.randn_like(values)).sum(), inputs)
    assert (gradient.abs().sum((0, 1)) > 0).all()


def _parameters(name: str, form: str, **changed: object) -> int:
    family = FAMILIES[name]
    network = family.build(SMALL[form], few(family, **changed))
    return sum(parameter.numel() for parameter in network.parameters())


def test_sizes_counted_by_hand() -> None:
    # linear layers: inputs x outputs + outputs
    assert _parameters("mlp", "table", width=16, depth=2) == (9 * 16 + 16) + (16 * 16 + 16) + (16 * 2 + 2)
    # two convolutions, each with a stride of two, of 8 and (after one halving) 16 channels on 32 x 32
    strided = (27 * 8 + 8) + (72 * 16 + 16) + (16 * 5 + 5)
    assert _parameters("strided-cnn", "image", width=8, depth=2, norm="none") == strided
    # stem, one block of 8, one of 16 with its projection, each convolution with a batch norm instead of a bias
    blocks = (27 * 8 + 16) + 2 * (72 * 8 + 16) + (72 * 16 + 32) + (144 * 16 + 32) + 8 * 16
    assert _parameters("resnet", "image", width=8, depth=2, norm="batch") == blocks + 16 * 5 + 5
    # tokens, positions, then per block two norms, query, key, value and output, and two layers of four times the width
    block = 2 * 2 * 32 + (32 * 96 + 96) + (32 * 32 + 32) + (32 * 128 + 128) + (128 * 32 + 32)
    rest = 30 * 32 + 16 * 32 + 2 * 32
    assert _parameters("gpt-tied", "text", width=32, depth=2) == rest + 2 * block
    assert _parameters("gpt", "text", width=32, depth=2) == rest + 2 * block + 30 * 32
    # four gates from the input, four from the hidden units, two biases each
    assert _parameters("lstm", "text", width=8, depth=1) == 30 * 8 + 4 * (8 * 8 + 8 * 8 + 2 * 8) + 8 * 30 + 30


def test_a_tied_head_is_the_embedding() -> None:
    network = FAMILIES["gpt-tied"].build(SMALL["text"], few(FAMILIES["gpt-tied"]))
    assert trace(network, inputs_of(SMALL["text"], 1)).tied == (("0.weight", "4.weight"),)


def test_the_choices_of_a_sweep_are_in_order_and_can_be_built() -> None:
    for family in FAMILIES.values():
        for sizes in (family.widths, family.depths):
            assert list(sizes) == sorted(set(sizes))
        form = next(form for form in SMALL.values() if family.fits(form))
        for width, depth in _corners(family):
            for norm in family.norms:
                assert family.build(form, few(family, width=width, depth=depth, norm=norm))


def _corners(family: Family) -> Iterator[tuple[int, int]]:
    yield family.widths[0], family.depths[0]
    yield family.widths[-1], family.depths[-1]


def _kinds() -> Iterator[type[nn.Module]]:
    yield from (type(activation()) for activation in ACTIVATIONS.values())


def _unchecked(choices: Choices, option: str, value: object) -> Choices:
    """The same choices with a value of a type or range that they do not allow."""
    object.__setattr__(choices, option, value)
    return choices


def test_every_norm_is_offered_somewhere() -> None:
    norms: set[Norm] = {norm for family in FAMILIES.values() for norm in family.norms}
    assert norms == {"none", "batch", "group", "layer"}
