"""What `trace` makes of the layers of transformers, recurrent networks and the like, worked out by hand."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from epochgraph.graph import rolled_graph
from epochgraph.topology import Topology, trace
from epochgraph.topology.rules import RULES
from epochgraph.topology.spans import Span


def joined(topology: Topology) -> dict[tuple[str, str], tuple[Span, ...]]:
    names = [part.name for part in topology.parts]
    return {(names[join.source], names[join.target]): join.inputs for join in topology.joins}


class Called(nn.Module):
    """Layers by name, and a forward pass given as a function of them."""

    def __init__(self, forward, **layers: nn.Module | nn.Parameter) -> None:
        super().__init__()
        self.called = forward
        for name, layer in layers.items():
            setattr(self, name, layer)

    def forward(self, *inputs):
        return self.called(self, *inputs)


def traced(forward, *inputs: torch.Tensor, **layers: nn.Module | nn.Parameter) -> tuple[nn.Module, Topology]:
    torch.manual_seed(0)
    model = Called(forward, **layers)
    topology = trace(model, *inputs)
    assert topology.coverage.share == 1.0, topology.coverage.left_out
    return model, topology


def edges(model: nn.Module, topology: Topology, source: str, target: str) -> np.ndarray:
    names = [part.name for part in topology.parts]
    block = rolled_graph(model, topology).blocks[names.index(source), names.index(target)]
    matrix = np.zeros(block.shape)
    rows, columns, values = block.entries()
    np.add.at(matrix, (rows, columns), values)
    return matrix


@pytest.mark.parametrize(
    ("convolution", "n"), [(nn.ConvTranspose1d, 1), (nn.ConvTranspose2d, 2), (nn.ConvTranspose3d, 3)]
)
@pytest.mark.parametrize("groups", [1, 2])
def test_transposed_convolutions_are_read_the_other_way_round(convolution, n, groups):
    layer = convolution(4, 6, 3, stride=2, groups=groups)
    model, topology = traced(lambda m, x: m.a(x), torch.zeros(1, 4, *[5] * n), a=layer)
    found = edges(model, topology, "input", "a")
    kernel = layer.weight.detach().flatten(2).norm(dim=2).numpy()  # (inputs, outputs / groups)
    for source in range(4):
        group = source // (4 // groups)
        width = 6 // groups
        expected = np.zeros(6)
        expected[group * width : (group + 1) * width] = kernel[source]
        np.testing.assert_allclose(found[:, source], expected, rtol=1e-6)


def test_queries_and_keys_of_a_head_reach_what_reads_the_head_and_values_their_own_place():
    attention = nn.MultiheadAttention(8, 2, batch_first=True)
    topology = trace(attention, torch.zeros(1, 3, 8), torch.zeros(1, 4, 8), torch.zeros(1, 4, 8))
    found = joined(topology)
    assert found["in_proj_weight", "out_proj"] == (Span(0, 2, 4, 4),)
    assert found["in_proj_weight#2", "out_proj"] == (Span(0, 2, 4, 4),)
    assert found["in_proj_weight#3", "out_proj"] == (Span(0, 8, 1),)
    assert topology.coverage.share == 1.0
    out = attention.out_proj.weight.detach().numpy()
    heads = np.linalg.norm(out.reshape(8, 2, 4), axis=2)
    np.testing.assert_allclose(edges(attention, topology, "in_proj_weight", "out_proj"), heads.repeat(4, 1), rtol=1e-6)
    np.testing.assert_allclose(edges(attention, topology, "in_proj_weight#3", "out_proj"), np.abs(out), rtol=1e-6)


def test_heads_that_share_keys_and_values():
    def forward(m, x):
        q = m.q(x).view(1, -1, 4, 2).transpose(1, 2)
        k, v = (layer(x).view(1, -1, 2, 2).transpose(1, 2) for layer in (m.k, m.v))
        heads = functional.scaled_dot_product_attention(q, k, v, enable_gqa=True)
        return m.o(heads.transpose(1, 2).flatten(2))

    layers = {"q": nn.Linear(6, 8), "k": nn.Linear(6, 4), "v": nn.Linear(6, 4), "o": nn.Linear(8, 3)}
    _, topology = traced(forward, torch.zeros(1, 5, 6), **layers)
    found = joined(topology)
    assert found["q", "o"] == (Span(0, 4, 2, 2),)
    assert found["k", "o"] == (Span(0, 2, 4, 2),)  # each key head serves two query heads of two channels
    assert found["v", "o"] == (Span(0, 2, 1), Span(0, 4, 1), Span(2, 2, 1))  # 0 1 0 1 2 3 2 3


@pytest.mark.parametrize(("layer", "gates"), [(nn.LSTM, 4), (nn.GRU, 3), (nn.RNN, 1)])
def test_gates_are_joined_to_hidden_units(layer, gates):
    recurrent = layer(4, 5, num_layers=2, bidirectional=True)
    model, topology = traced(lambda m, x: m.r(x)[0], torch.zeros(3, 1, 4), r=recurrent)
    assert topology.sizes == (4, 5, 5, 5, 5)
    weight = recurrent.weight_ih_l0.detach().numpy().reshape(gates, 5, 4)
    found = edges(model, topology, "input", "r.weight_ih_l0")
    np.testing.assert_allclose(found, np.linalg.norm(weight, axis=0), rtol=1e-6)
    own = edges(model, topology, "r.weight_ih_l0", "r.weight_ih_l0")
    weight = recurrent.weight_hh_l0.detach().numpy().reshape(gates, 5, 5)
    np.testing.assert_allclose(own, np.linalg.norm(weight, axis=0), rtol=1e-6)
    assert joined(topology)["r.weight_ih_l0_reverse", "r.weight_ih_l1"] == (Span(-1, 1, 5), Span(0, 5, 1))


@pytest.mark.parametrize("layer", [nn.LSTMCell, nn.GRUCell, nn.RNNCell])
def test_a_cell_in_a_loop_reads_itself(layer):
    def forward(m, x):
        state = None
        for moment in x.unbind(1):
            state = m.r(moment, state)
        return m.o(state[0] if isinstance(state, tuple) else state)

    _, topology = traced(forward, torch.zeros(2, 3, 4), r=layer(4, 5), o=nn.Linear(5, 2))
    names = [part.name for part in topology.parts]
    assert names == ["input", "r.weight_ih", "o"]
    assert set(joined(topology)) == {("input", names[1]), (names[1], names[1]), (names[1], "o")}


def test_a_projected_lstm_reads_its_projection():
    _, topology = traced(lambda m, x: m.r(x)[0], torch.zeros(3, 1, 4), r=nn.LSTM(4, 6, proj_size=2))
    assert topology.sizes == (4, 6, 2)
    assert set(joined(topology)) == {
        ("input", "r.weight_ih_l0"),
        ("r.weight_ih_l0", "r.weight_hr_l0"),
        ("r.weight_hr_l0", "r.weight_ih_l0"),
    }


def test_tokens_choose_the_rows_of_an_embedding_and_a_tied_head_ends_in_them():
    embedding, head = nn.Embedding(11, 4), nn.Linear(4, 11, bias=False)
    head.weight = embedding.weight
    model, topology = traced(
        lambda m, i: m.head(m.e(i) + m.p(torch.arange(i.shape[1]))),
        torch.zeros(1, 5, dtype=torch.long),
        e=embedding,
        p=nn.Embedding(7, 4),
        head=head,
    )
    assert [(part.name, part.size) for part in topology.parts] == [
        ("input", 11),
        ("e", 4),
        ("p.index", 7),
        ("p", 4),
        ("e#2", 11),
    ]
    np.testing.assert_allclose(edges(model, topology, "input", "e"), np.abs(embedding.weight.detach().numpy().T))
    np.testing.assert_allclose(edges(model, topology, "e", "e#2"), np.abs(embedding.weight.detach().numpy()))


def test_a_gated_mlp_reads_both_of_its_branches():
    _, topology = traced(
        lambda m, x: m.down(functional.silu(m.gate(x)) * m.up(x)),
        torch.zeros(1, 4),
        gate=nn.Linear(4, 6),
        up=nn.Linear(4, 6),
        down=nn.Linear(6, 4),
    )
    assert {("gate", "down"), ("up", "down")} < joined(topology).keys()


def test_a_gated_linear_unit_reads_both_halves():
    layers = {"a": nn.Linear(4, 6), "b": nn.Linear(3, 1)}
    model, topology = traced(lambda m, x: m.b(functional.glu(m.a(x))), torch.zeros(1, 4), **layers)
    assert [join.inputs for join in topology.joins[1:]] == [(Span(0, 3, 1),), (Span(3, 3, 1),)]
    weight = model.b.weight.detach().abs().numpy()
    np.testing.assert_allclose(edges(model, topology, "a", "b"), np.concatenate([weight, weight], 1))


@pytest.mark.parametrize("mode", ["reflect", "replicate", "circular"])
def test_borders_filled_from_within_keep_their_channels(mode):
    layers = {"a": nn.Conv1d(2, 3, 1), "b": nn.Conv1d(3, 1, 3)}
    _, topology = traced(lambda m, x: m.b(functional.pad(m.a(x), (2, 2), mode)), torch.zeros(1, 2, 6), **layers)
    assert joined(topology)["a", "b"] == (Span(0, 3, 1),)


def test_the_many_terms_of_a_padded_sum_are_followed(monkeypatch):
    """Padded, as windows are, they are more than a sum of places that differ may have; but most places are alike."""
    monkeypatch.setattr("epochgraph.topology.bundles.LARGEST", 50)
    layers = {f"l{n}": nn.Conv1d(2, 2, 1) for n in range(10)}

    def forward(m, x):
        total = functional.pad(sum(getattr(m, name)(x) for name in layers), (0, 3))
        return m.last(functional.relu(total).contiguous()[:, :, 1:6])

    _, topology = traced(forward, torch.zeros(1, 2, 5), last=nn.Conv1d(2, 1, 1), **layers)
    found = joined(topology)
    assert all(found[name, "last"] == (Span(0, 2, 1),) for name in layers)


def test_a_hand_written_root_mean_square_norm_is_no_edge():
    def forward(m, x):
        x = m.a(x)
        return m.b(x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-6) * m.scale)

    layers = {"a": nn.Linear(3, 4), "b": nn.Linear(4, 2), "scale": nn.Parameter(torch.ones(4))}
    _, topology = traced(forward, torch.zeros(1, 3), **layers)
    assert joined(topology) == {("input", "a"): (Span(0, 3, 1),), ("a", "b"): (Span(0, 4, 1),)}


def test_a_mean_over_channels_that_is_read_joins_all_of_them():
    def forward(m, x):
        x = m.a(x)
        return x * m.b(x.mean(1, keepdim=True))

    _, topology = traced(forward, torch.zeros(1, 3, 4, 4), a=nn.Conv2d(3, 4, 1), b=nn.Conv2d(1, 1, 3, padding=1))
    assert joined(topology)["a", "b"] == (Span(0, 1, 1, 4),)


def test_a_layer_over_tokens_reads_every_channel_at_each_of_them():
    def forward(m, x):
        x = m.a(x)
        return m.b(x + m.t(x.transpose(1, 2)).transpose(1, 2))

    layers = {"a": nn.Linear(4, 6), "t": nn.Linear(5, 5), "b": nn.Linear(6, 2)}
    _, topology = traced(forward, torch.zeros(1, 5, 4), **layers)
    found = joined(topology)
    assert found["a", "t"] == (Span(0, 1, 5, 6),)
    assert found["t", "b"] == (Span(0, 1, 6, 5),)


def test_each_expert_reads_what_the_same_expert_wrote():
    def forward(m, x):
        chance, index = m.router(x).softmax(-1).topk(2, -1)
        chosen = index.flatten()
        hidden = torch.bmm(x.repeat_interleave(2, 0).unsqueeze(1), m.up[chosen]).relu()
        result = torch.bmm(hidden, m.down[chosen]).squeeze(1) * chance.reshape(-1, 1)
        return m.out(result.view(-1, 2, 4).sum(1))

    layers = {
        "router": nn.Linear(4, 3),
        "up": nn.Parameter(torch.randn(3, 4, 6)),
        "down": nn.Parameter(torch.randn(3, 6, 4)),
        "out": nn.Linear(4, 2),
    }
    model, topology = traced(forward, torch.zeros(5, 4), **layers)
    assert {part.name: part.size for part in topology.parts} == {
        "input": 4,
        "router": 3,
        "up": 18,
        "down": 12,
        "out": 2,
    }
    down = edges(model, topology, "up", "down")
    weights = model.down.detach().abs().numpy()
    expected = np.zeros((12, 18))
    for expert in range(3):
        rows, columns = slice(4 * expert, 4 * expert + 4), slice(6 * expert, 6 * expert + 6)
        expected[rows, columns] = weights[expert].T
    np.testing.assert_allclose(down, expected, rtol=1e-6)
    assert ("router", "out") in joined(topology)


def test_bare_parameters_in_products_are_layers():
    def forward(m, x):
        hidden = torch.einsum("bghi,gio->bgho", (x @ m.first).view(-1, 2, 1, 3), m.grouped)
        return hidden.flatten(1).matmul(m.last.t())

    layers = {
        "first": nn.Parameter(torch.randn(4, 6)),
        "grouped": nn.Parameter(torch.randn(2, 3, 5)),
        "last": nn.Parameter(torch.randn(7, 10)),
    }
    model, topology = traced(forward, torch.zeros(2, 4), **layers)
    assert topology.sizes == (4, 6, 10, 7)
    np.testing.assert_allclose(edges(model, topology, "input", "first"), model.first.detach().abs().numpy().T)
    grouped = edges(model, topology, "first", "grouped")
    np.testing.assert_allclose(grouped[:5, :3], model.grouped[0].detach().abs().numpy().T)
    assert not grouped[:5, 3:].any()


def test_both_inputs_of_a_bilinear_layer_are_joined():
    layer = nn.Bilinear(3, 4, 2)
    model = Called(lambda m, x, y: m.a(x, y), a=layer)
    topology = trace(model, torch.zeros(1, 3), torch.zeros(1, 4))
    weight = layer.weight.detach().numpy()
    assert topology.coverage.share == 1.0
    np.testing.assert_allclose(edges(model, topology, "inputs_0", "a"), np.linalg.norm(weight, axis=2), rtol=1e-6)
    np.testing.assert_allclose(edges(model, topology, "inputs_1", "a"), np.linalg.norm(weight, axis=1), rtol=1e-6)


@pytest.mark.parametrize(
    "parametrized", [nn.utils.parametrizations.weight_norm, nn.utils.parametrizations.spectral_norm]
)
def test_a_parametrised_weight_is_the_one_that_the_layer_uses(parametrized):
    torch.manual_seed(0)
    layer = parametrized(nn.Linear(3, 4)).eval()
    topology = trace(layer, torch.zeros(1, 3))
    assert topology.coverage.share == 1.0
    target = topology.parts[1].name
    np.testing.assert_allclose(edges(layer, topology, "input", target), layer.weight.detach().abs().numpy(), rtol=1e-5)
    stored = {name: tensor.clone() for name, tensor in layer.state_dict().items()}
    np.testing.assert_allclose(edges(stored, topology, "input", target), layer.weight.detach().abs().numpy(), rtol=1e-5)


def test_a_low_rank_adapter_stands_beside_the_layer_that_it_adapts():
    layers = {"w": nn.Linear(6, 6), "down": nn.Linear(6, 2, bias=False), "up": nn.Linear(2, 6, bias=False)}
    _, topology = traced(lambda m, x: m.o(m.w(x) + m.up(m.down(x))), torch.zeros(1, 6), o=nn.Linear(6, 1), **layers)
    assert set(joined(topology)) == {
        ("input", "w"),
        ("input", "down"),
        ("down", "up"),
        ("w", "o"),
        ("up", "o"),
    }


@pytest.mark.parametrize(("pictures", "share"), [(1, 1.0), (2, 0.0)])
def test_places_of_a_grid_that_the_data_pick_are_rows_of_a_table(pictures, share):
    def forward(m, x, picture, place):
        grid = m.places.expand(pictures, -1, -1)
        return m.b(x + grid[picture, place])

    layers = {"places": nn.Parameter(torch.rand(1, 3, 4)), "b": nn.Linear(4, 2)}
    torch.manual_seed(0)
    model = Called(forward, **layers)
    chosen = torch.zeros(5, dtype=torch.long)
    topology = trace(model, torch.zeros(5, 4), chosen, chosen)
    names = [part.name for part in topology.parts]
    entries = {entry.name: entry for entry in topology.coverage.entries}
    if share:
        assert ("places.index", "places") in joined(topology)
        assert topology.sizes[names.index("places.index")] == 3
        found = edges(model, topology, "places.index", "places")
        np.testing.assert_allclose(found, model.places[0].detach().abs().numpy().T)
        assert ("places", "b") in joined(topology)
    else:  # a row for each picture and place: what is one parameter would be several edges
        assert entries["places"].reason == "aten.index.Tensor picks parameters by values"


def test_learned_queries_enter_as_an_embedding_of_their_places():
    def forward(m, x):
        return m.o(functional.scaled_dot_product_attention(m.q(m.latents)[None], m.k(x), m.v(x)))

    layers = {name: nn.Linear(4, 4) for name in "qkvo"}
    _, topology = traced(forward, torch.zeros(1, 5, 4), latents=nn.Parameter(torch.randn(3, 4)), **layers)
    assert {("latents.index", "latents"), ("latents", "q"), ("q", "o"), ("v", "o")} < joined(topology).keys()


def test_channels_picked_by_a_constant_order_are_exact():
    order = torch.tensor([2, 0, 1])
    _, topology = traced(lambda m, x: m.b(m.a(x)[:, order]), torch.zeros(1, 2), a=nn.Linear(2, 3), b=nn.Linear(3, 1))
    assert joined(topology)["a", "b"] == (Span(2, 1, 1), Span(0, 2, 1))


def test_an_order_that_is_written_to_is_the_one_that_it_is_afterwards():
    def forward(m, x):
        order = torch.arange(3)
        order[:1] = 2
        return m.b(m.a(x)[:, order])

    _, topology = traced(forward, torch.zeros(1, 2), a=nn.Linear(2, 3), b=nn.Linear(3, 1))
    assert joined(topology)["a", "b"] == (Span(2, 1, 1), Span(1, 2, 1))


def test_a_mask_that_is_written_piece_by_piece_stays_a_constant():
    def forward(m, x):
        mask = x.new_zeros(3)
        mask[:2] = 1.0
        mask[2:].fill_(2.0)
        return m.b(m.a(x) + mask)

    _, topology = traced(forward, torch.zeros(1, 2), a=nn.Linear(2, 3), b=nn.Linear(3, 1))
    assert joined(topology)["a", "b"] == (Span(0, 3, 1),)


def test_channels_picked_by_values_may_be_any():
    def forward(m, x):
        x = m.a(x)
        return m.b(x.gather(1, x.argsort(1)[:, :2]))

    _, topology = traced(forward, torch.zeros(1, 2), a=nn.Linear(2, 3), b=nn.Linear(2, 1))
    assert joined(topology)["a", "b"] == (Span(0, 1, 2, 3),)


@pytest.mark.parametrize("mode", ["bilinear", "bicubic"])
def test_positions_that_are_resampled_with_antialiasing_pass_nodes_on(mode):
    def forward(m, x):
        places = functional.interpolate(m.places, (3, 3), mode=mode, antialias=True)
        return m.b(functional.interpolate(m.a(x) + places, (2, 2), mode=mode, antialias=True))

    layers = {"a": nn.Conv2d(2, 4, 1), "b": nn.Conv2d(4, 3, 1), "places": nn.Parameter(torch.randn(1, 4, 5, 5))}
    _, topology = traced(forward, torch.zeros(1, 2, 3, 3), **layers)
    assert joined(topology) == {("input", "a"): (Span(0, 2, 1),), ("a", "b"): (Span(0, 4, 1),)}


def test_a_mean_of_several_values_that_is_then_normalised_is_still_read():
    def forward(m, x):
        mean = torch.stack([m.a(x), m.b(x)]).mean(0)
        return m.out(mean * torch.rsqrt(mean.pow(2).mean(-1, keepdim=True)))

    layers = {"a": nn.Linear(3, 4), "b": nn.Linear(3, 4), "out": nn.Linear(4, 2)}
    model, topology = traced(forward, torch.zeros(1, 3), **layers)
    for name in "ab":
        expected = model.out.weight.detach().abs().numpy()
        np.testing.assert_allclose(edges(model, topology, name, "out"), expected, rtol=1e-6)


def test_the_share_of_one_sum_in_two_of_the_same_values_is_read():
    def forward(m, x):
        chance, index = m.router(x).softmax(-1), torch.arange(3)
        first, second = ((chance * (index == n)).sum(-1, keepdim=True) for n in range(2))
        return m.out(first / (first + second) * m.a(x))

    layers = {"router": nn.Linear(4, 3), "a": nn.Linear(4, 5), "out": nn.Linear(5, 2)}
    _, topology = traced(forward, torch.zeros(1, 4), **layers)
    assert joined(topology)["router", "out"] == (Span(0, 1, 5, 3),)


def test_values_put_to_places_may_be_at_any_of_them():
    def forward(m, x, index):
        base = m.a(x)
        return m.c(base.scatter_add(1, index, m.b(x)))

    layers = {"a": nn.Linear(2, 4), "b": nn.Linear(2, 3), "c": nn.Linear(4, 1)}
    model = Called(forward, **layers)
    topology = trace(model, torch.zeros(1, 2), torch.zeros(1, 3, dtype=torch.long))
    found = joined(topology)
    assert found["a", "c"] == (Span(0, 4, 1),)
    assert found["b", "c"] == (Span(0, 1, 4, 3),)


def test_tokens_replaced_where_a_mask_says_keep_their_channels():
    def forward(m, tokens, image):
        hidden = m.e(tokens)
        mask = (tokens == 3).unsqueeze(-1).expand_as(hidden)
        return m.o(hidden.masked_scatter(mask, m.a(image)))

    layers = {"e": nn.Embedding(5, 4), "a": nn.Linear(6, 4), "o": nn.Linear(4, 2)}
    model = Called(forward, **layers)
    topology = trace(model, torch.zeros(1, 3, dtype=torch.long), torch.zeros(2, 6))
    found = joined(topology)
    assert found["e", "o"] == found["a", "o"] == (Span(0, 4, 1),)


def test_rows_that_a_mask_picks_keep_their_channels():
    def forward(m, x):
        x = m.a(x)
        return m.b(x[x.sum(-1) > -1e9])

    _, topology = traced(forward, torch.ones(1, 3, 4), a=nn.Linear(4, 5), b=nn.Linear(5, 1))
    assert joined(topology)["a", "b"] == (Span(0, 5, 1),)


def test_rotated_pairs_meet_whether_written_as_complex_numbers_or_not():
    def complex_pairs(m, x):
        pairs = torch.view_as_complex(m.a(x).reshape(1, 3, 2, 2))
        turned = torch.view_as_real(pairs * torch.polar(torch.ones(3, 2), torch.rand(3, 2)))
        return m.b(turned.flatten(2))

    _, topology = traced(complex_pairs, torch.zeros(1, 3, 4), a=nn.Linear(4, 4), b=nn.Linear(4, 1))
    assert joined(topology)["a", "b"] == (Span(0, 2, 2, 2),)


def test_frequencies_have_met_all_places_along_their_dimension():
    layers = {"a": nn.Linear(4, 4), "b": nn.Linear(3, 1)}
    _, topology = traced(lambda m, x: m.b(torch.fft.rfft(m.a(x)).abs()), torch.zeros(1, 4), **layers)
    assert joined(topology)["a", "b"] == (Span(0, 1, 3, 4),)


def test_frequencies_of_places_leave_channels_apart():
    def forward(m, x):
        return m.b(torch.fft.irfft2(torch.fft.rfft2(m.a(x)) * m.filter))

    layers = {"a": nn.Conv2d(2, 3, 1), "b": nn.Conv2d(3, 1, 1), "filter": nn.Parameter(torch.ones(3, 4, 3))}
    _, topology = traced(forward, torch.zeros(1, 2, 4, 4), **layers)
    assert joined(topology)["a", "b"] == (Span(0, 3, 1),)


def test_a_map_read_at_places_that_the_data_give_keeps_its_channels():
    def forward(m, x):
        where = m.where(x).permute(0, 2, 3, 1)
        return m.b(functional.grid_sample(m.a(x), where, align_corners=False))

    layers = {"a": nn.Conv2d(3, 4, 1), "where": nn.Conv2d(3, 2, 1), "b": nn.Conv2d(4, 1, 1)}
    _, topology = traced(forward, torch.zeros(1, 3, 5, 5), **layers)
    found = joined(topology)
    assert found["a", "b"] == (Span(0, 4, 1),)
    assert found["where", "b"] == (Span(0, 1, 4, 2),)


def test_windows_taken_apart_and_added_up_keep_their_channels():
    def forward(m, x):
        windows = functional.unfold(m.a(x), 2, stride=2)
        return m.b(functional.fold(windows, (4, 4), 2, stride=2))

    _, topology = traced(forward, torch.zeros(1, 2, 4, 4), a=nn.Conv2d(2, 3, 1), b=nn.Conv2d(3, 1, 1))
    assert joined(topology)["a", "b"] == (Span(0, 3, 1),)


def test_a_kernel_standardised_in_the_forward_pass_is_the_one_that_is_joined():
    def forward(m, x):
        mean, deviation = m.kernel.mean((1, 2, 3), keepdim=True), m.kernel.std((1, 2, 3), keepdim=True)
        return functional.conv2d(x, (m.kernel - mean) / deviation)

    model, topology = traced(forward, torch.zeros(1, 3, 4, 4), kernel=nn.Parameter(torch.randn(5, 3, 2, 2)))
    kernel = model.kernel.detach()
    expected = (kernel - kernel.mean((1, 2, 3), keepdim=True)) / kernel.std((1, 2, 3), keepdim=True)
    found = edges(model, topology, "input", "kernel")
    np.testing.assert_allclose(found, expected.flatten(2).norm(dim=2).numpy(), rtol=1e-5)


def test_many_places_with_nodes_of_their_own_are_bundled():
    """Each turn of the loop writes one row from all before it; the layers of nodes must not double with each."""

    def forward(m, x):
        x = m.a(x)
        rows = [x[:, 0]]
        for number in range(1, 12):
            rows.append(torch.stack(rows, 1).cumsum(2).roll(number, 2).sum(1) + x[:, number])
        return m.b(torch.stack(rows, 1))

    _, topology = traced(forward, torch.zeros(1, 12, 3), a=nn.Linear(3, 4), b=nn.Linear(4, 1))
    assert len(topology.joins) < 20


def test_what_a_rule_does_not_expect_is_a_reason(monkeypatch):
    def failing(walk, step):
        raise ValueError("an odd shape\nand more")

    monkeypatch.setitem(RULES, "relu", failing)
    model = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1))
    (weight, bias) = trace(model, torch.zeros(1, 2)).coverage.left_out
    assert (weight.name, bias.name) == ("2.weight", "2.bias")
    assert "aten.relu.default in 1 is called in a way that is not understood (an odd shape)" in weight.reason


@pytest.mark.parametrize("shape", [(3, 5), (1, 3, 5), (1, 1, 3, 5)])
def test_one_matrix_for_all_groups_is_one_however_it_is_shaped(shape):
    def forward(m, x):
        return m.b((m.a(x).view(-1, 2, 1, 3) @ m.shared).flatten(1))

    layers = {"a": nn.Linear(4, 6), "shared": nn.Parameter(torch.randn(shape)), "b": nn.Linear(10, 1)}
    model, topology = traced(forward, torch.zeros(2, 4), **layers)
    found = edges(model, topology, "a", "shared")
    weight = model.shared.reshape(3, 5).detach().abs().numpy().T
    np.testing.assert_allclose(found, np.block([weight, weight]))


def test_a_blur_passes_each_channel_on():
    def blurred(m, x):
        return m.b(functional.conv2d(m.a(x), torch.ones(4, 1, 2, 2) / 4, stride=2, groups=4))

    _, topology = traced(blurred, torch.zeros(1, 3, 9, 9), a=nn.Conv2d(3, 4, 3), b=nn.Conv2d(4, 2, 1))
    assert joined(topology) == {("input", "a"): (Span(0, 3, 1),), ("a", "b"): (Span(0, 4, 1),)}


def test_a_kernel_that_is_computed_is_carried_on_with_what_it_reads():
    """Two groups: channels 0 and 1 make outputs 0 and 1, with the first half of the kernel, and so forth."""

    def forward(m, x):
        kernel = m.kernel(x.mean((2, 3))).view(4, 2, 3, 3)
        return m.b(functional.conv2d(m.a(x), kernel, padding=1, groups=2)[:, :2])

    layers = {"a": nn.Conv2d(3, 4, 3), "kernel": nn.Linear(3, 4 * 2 * 9), "b": nn.Conv2d(2, 1, 1)}
    _, topology = traced(forward, torch.zeros(1, 3, 9, 9), **layers)
    found = joined(topology)
    assert found["a", "b"] == (Span(0, 1, 2, 2),)
    assert found["kernel", "b"] == (Span(0, 2, 1, 18),)


def test_channels_meet_in_a_filter_of_constants_that_mixes_them():
    model = Called(
        lambda m, x: m.b(functional.conv2d(m.a(x), torch.ones(6, 2, 1, 1), groups=2)),
        a=nn.Conv2d(3, 4, 3),
        b=nn.Conv2d(6, 2, 1),
    )
    topology = trace(model, torch.zeros(1, 3, 9, 9))
    assert topology.coverage.share == 1.0
    (join,) = (join for join in topology.joins if join.parameter == "b.weight")
    assert join.inputs == (Span(0, 2, 3, 2),)  # three filters read the first two channels, three the others
