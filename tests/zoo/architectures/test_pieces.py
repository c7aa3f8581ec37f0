"""The pieces that several families share, against answers worked out by hand."""

from itertools import pairwise

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from epochgraph.zoo.architectures.attention import SelfAttention, heads
from epochgraph.zoo.architectures.convolutional import halvings, reduced, spread
from epochgraph.zoo.architectures.layers import image_patches, sequence_steps, shape_of
from epochgraph.zoo.architectures.norms import norm_layer
from epochgraph.zoo.tasks.task import Form


@given(st.integers(4, 512))
def test_heads_divide_the_width_and_have_sixteen_dimensions_or_more(width: int) -> None:
    count = heads(width)
    assert width % count == 0
    assert count == 1 or width // count >= 16


@pytest.mark.parametrize(("width", "count"), [(4, 1), (16, 1), (32, 2), (48, 3), (64, 4), (96, 6), (40, 2), (37, 1)])
def test_heads_counted_by_hand(width: int, count: int) -> None:
    assert heads(width) == count


@given(st.integers(1, 64), st.data())
def test_halvings_are_spread_evenly_from_the_first_layer_on(layers: int, data: st.DataObject) -> None:
    count = data.draw(st.integers(0, layers))
    halved = spread(count, layers)
    assert len(halved) == layers
    assert sum(halved) == count
    assert not count or halved[0]
    places = [place for place, yes in enumerate(halved) if yes]
    gaps = {after - before for before, after in pairwise(places)}
    assert not gaps or max(gaps) - min(gaps) <= 1


@pytest.mark.parametrize(("side", "times"), [(3, 0), (4, 0), (7, 0), (8, 1), (15, 1), (16, 2), (32, 3), (64, 4)])
def test_no_map_is_halved_below_four_places(side: int, times: int) -> None:
    assert halvings((side, 100), 9) == times
    assert halvings((100, side), 2) == min(2, times)


@pytest.mark.parametrize(
    ("sides", "stride", "left"), [((32, 32), 1, (32, 32)), ((64, 64), 2, (32, 32)), ((129, 100), 4, (33, 25))]
)
def test_large_images_are_reduced_at_once(sides: tuple[int, int], stride: int, left: tuple[int, int]) -> None:
    assert reduced(Form(kind="image", inputs=(3, *sides), outputs=(2,))) == (stride, left)


@given(st.integers(1, 100), st.integers(1, 100))
def test_an_image_makes_at_most_eight_by_eight_patches(height: int, width: int) -> None:
    form = Form(kind="image", inputs=(1, height, width), outputs=(2,))
    _, rows, columns = shape_of(image_patches(form, 4), form.inputs)
    assert 1 <= rows <= 8
    assert 1 <= columns <= 8


@given(st.integers(1, 3000))
def test_a_sequence_makes_at_most_sixty_four_steps_and_a_short_one_keeps_all(length: int) -> None:
    form = Form(kind="sequence", inputs=(2, length), outputs=(2,))
    channels, steps = shape_of(sequence_steps(form, 4), form.inputs)
    assert channels == 4
    assert steps <= 64
    assert steps == length or length > 64


def test_attention_is_that_of_torch() -> None:
    torch.manual_seed(0)
    ours = SelfAttention(32, dropout=0.0, causal=True)
    theirs = nn.MultiheadAttention(32, heads(32), batch_first=True)
    theirs.load_state_dict(
        {
            "in_proj_weight": ours.query_key_value.weight,
            "in_proj_bias": ours.query_key_value.bias,
            "out_proj.weight": ours.output.weight,
            "out_proj.bias": ours.output.bias,
        }
    )
    x = torch.randn(2, 9, 32)
    later = torch.ones(9, 9, dtype=torch.bool).triu(1)
    torch.testing.assert_close(ours(x), theirs(x, x, x, attn_mask=later)[0])


def test_a_layer_norm_of_a_map_normalises_the_channels_of_each_place() -> None:
    x = torch.randn(2, 6, 3, 5)
    normalised = norm_layer("layer", 6, places=2)(x)
    by_hand = (x - x.mean(1, keepdim=True)) / (x.var(1, unbiased=False, keepdim=True) + 1e-5).sqrt()
    torch.testing.assert_close(normalised, by_hand)


@pytest.mark.parametrize(("channels", "groups"), [(4, 1), (8, 1), (16, 2), (24, 3), (32, 4), (20, 2), (13, 1)])
def test_a_group_holds_eight_channels_or_more_where_they_divide(channels: int, groups: int) -> None:
    norm = norm_layer("group", channels, places=2)
    assert isinstance(norm, nn.GroupNorm)
    assert norm.num_groups == groups
