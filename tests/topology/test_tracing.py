"""What `trace` makes of each kind of layer and connection, worked out by hand."""

import copy

import numpy as np
import pytest
import torch
from torch import distributed, nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import FullyShardedDataParallel, fully_shard
from torch.nn import functional

from epochgraph.errors import TracingError
from epochgraph.graph import rolled_graph
from epochgraph.topology import Topology, trace
from epochgraph.topology.spans import Span
from epochgraph.topology.tracing import LONG


class Wired(nn.Module):
    """Layers by name, and a forward pass given as a function of them."""

    def __init__(self, forward, **layers: nn.Module) -> None:
        super().__init__()
        self.layers = forward
        for name, layer in layers.items():
            self.add_module(name, layer)

    def forward(self, *inputs):
        return self.layers(self, *inputs)


@torch.library.custom_op("epochgraph_tests::not_known", mutates_args=())
def not_known(x: torch.Tensor) -> torch.Tensor:
    """An operation of another package, which may do anything."""
    return x.clone()


@not_known.register_fake
def _(x: torch.Tensor) -> torch.Tensor:
    return torch.empty_like(x)


def traced(forward, *inputs: torch.Tensor, **layers: nn.Module) -> Topology:
    return trace(Wired(forward, **layers), *inputs)


def joins(topology: Topology) -> set[tuple[str, str]]:
    names = [part.name for part in topology.parts]
    return {(names[join.source], names[join.target]) for join in topology.joins}


def left_out(topology: Topology) -> dict[str, str]:
    return {entry.name: entry.reason for entry in topology.coverage.left_out}


@pytest.mark.parametrize(("convolution", "n"), [(nn.Conv1d, 1), (nn.Conv2d, 2), (nn.Conv3d, 3)])
@pytest.mark.parametrize("batched", [True, False])
def test_convolutions_of_any_dimension(convolution, n, batched):
    x = torch.zeros((2,) * batched + (4,) + (8,) * n)
    topology = traced(
        lambda m, x: m.b(m.a(x).relu()),
        x,
        a=convolution(4, 6, 3, stride=2, dilation=1, padding=1),
        b=convolution(6, 6, 1, groups=6),
    )
    assert topology.sizes == (4, 6, 6)
    assert [join.groups for join in topology.joins] == [1, 6]
    assert topology.coverage.share == 1.0


def test_a_flatten_repeats_each_channel_once_a_pixel():
    topology = traced(
        lambda m, x: m.b(functional.max_pool2d(m.a(x), 2).flatten(1)),
        torch.zeros(2, 3, 8, 8),
        a=nn.Conv2d(3, 5, 3),
        b=nn.Linear(45, 7),
    )
    assert topology.joins[1].inputs == (Span(0, 5, 9),)


def test_the_reader_of_a_sum_is_joined_to_every_producer():
    def forward(m, x):
        x = m.a(x)
        x = x + m.b(x)
        x += m.c(x)
        return m.d(x.relu_())

    layers = {name: nn.Conv2d(4, 4, 3, padding=1) for name in "abcd"}
    topology = traced(forward, torch.zeros(1, 4, 5, 5), **layers)
    assert joins(topology) == {
        ("input", "a"), ("a", "b"), ("a", "c"), ("b", "c"), ("a", "d"), ("b", "d"), ("c", "d"),
    }  # fmt: skip


def test_a_sum_of_a_value_with_itself_is_one_edge():
    topology = traced(lambda m, x: m.b(m.a(x) * 2 + m.a(x)), torch.zeros(1, 3), a=nn.Linear(3, 4), b=nn.Linear(4, 2))
    assert len(topology.joins) == 2


def test_concatenated_channels_are_told_apart():
    topology = traced(
        lambda m, x: m.c(torch.cat([m.a(x), m.b(x)], dim=1)),
        torch.zeros(1, 3, 4, 4),
        a=nn.Conv2d(3, 2, 1),
        b=nn.Conv2d(3, 5, 1),
        c=nn.Conv2d(7, 1, 1),
    )
    to_c = {topology.parts[join.source].name: join.inputs for join in topology.joins if join.target == 3}
    assert to_c == {"a": (Span(0, 2, 1), Span(-1, 1, 5)), "b": (Span(-1, 1, 2), Span(0, 5, 1))}


def test_a_zero_padded_shortcut_joins_the_channels_it_carries():
    topology = traced(
        lambda m, x: m.b(functional.pad(m.a(x)[:, :, ::2, ::2], (0, 0, 0, 0, 2, 2))),
        torch.zeros(1, 3, 4, 4),
        a=nn.Conv2d(3, 4, 1),
        b=nn.Conv2d(8, 1, 1),
    )
    assert topology.joins[1].inputs == (Span(-1, 1, 2), Span(0, 4, 1), Span(-1, 1, 2))


def test_a_module_called_twice_keeps_its_nodes():
    topology = traced(lambda m, x: m.b(m.a(m.a(x))), torch.zeros(1, 3), a=nn.Linear(3, 3), b=nn.Linear(3, 2))
    assert topology.sizes == (3, 3, 2)
    assert joins(topology) == {("input", "a"), ("a", "a"), ("a", "b")}


def test_pixels_turned_into_channels_join_their_filter():
    topology = traced(
        lambda m, x: m.b(functional.pixel_unshuffle(m.a(x), 2)),
        torch.zeros(1, 3, 4, 4),
        a=nn.Conv2d(3, 2, 1),
        b=nn.Conv2d(8, 1, 1),
    )
    assert topology.joins[1].inputs == (Span(0, 2, 4),)


def test_several_inputs_have_their_own_parts():
    topology = traced(
        lambda m, x, y: m.c(m.a(x) + m.b(y)),
        torch.zeros(1, 3),
        torch.zeros(1, 5),
        a=nn.Linear(3, 4),
        b=nn.Linear(5, 4),
        c=nn.Linear(4, 1),
    )
    assert [part.name for part in topology.parts[:2]] == ["inputs_0", "inputs_1"]
    assert topology.sizes == (3, 5, 4, 4, 1)


@pytest.mark.parametrize(
    ("shape", "forward", "layer", "size"),
    [
        ((2, 3, 8, 8), lambda m, x: m.a(x), nn.Conv2d(3, 4, 3), 3),
        ((2, 8, 8, 3), lambda m, x: m.a(x.permute(0, 3, 1, 2)), nn.Conv2d(3, 4, 3), 3),
        ((2, 1, 6, 6), lambda m, x: m.a(x.flatten(1)), nn.Linear(36, 4), 36),
        ((2, 5, 7), lambda m, x: m.a(x), nn.Linear(7, 4), 7),
        ((2, 5, 7), lambda m, x: m.a(x), nn.Conv1d(5, 4, 3), 5),
        ((2, 1, 8, 8), lambda m, x: m.a(x), nn.Conv2d(1, 4, 3), 1),
        ((2, 50), lambda m, x: m.a(x[:, None]), nn.Conv1d(1, 4, 3), 1),
    ],
    ids=["channels first", "channels last", "flattened image", "tokens", "signal", "greyscale", "wave"],
)
def test_the_nodes_of_the_input_are_what_the_first_layer_reads(shape, forward, layer, size):
    assert traced(forward, torch.zeros(shape), a=layer).sizes[0] == size


def test_batch_norm_is_folded_where_it_follows_one_layer():
    def forward(m, x):
        x = m.a_norm(m.a(x))
        return m.b(m.sum_norm(x + m.c(x)))

    topology = traced(
        forward,
        torch.zeros(2, 3, 4, 4),
        a=nn.Conv2d(3, 4, 1),
        a_norm=nn.BatchNorm2d(4, eps=0.5),
        c=nn.Conv2d(4, 4, 1),
        sum_norm=nn.BatchNorm2d(4),
        b=nn.Conv2d(4, 1, 1),
    )
    (fold,) = topology.folds
    assert (topology.parts[fold.part].name, fold.scale, fold.variance, fold.epsilon) == (
        "a",
        "a_norm.weight",
        "a_norm.running_var",
        0.5,
    )
    assert left_out(topology).keys() == {"sum_norm.weight", "sum_norm.bias"}
    assert "does not follow one layer alone" in left_out(topology)["sum_norm.weight"]


def test_what_is_not_understood_is_reported_and_the_rest_is_joined():
    topology = traced(
        lambda m, x: m.c(m.b(not_known(m.a(x)))),
        torch.zeros(3, 3),
        a=nn.Linear(3, 3),
        b=nn.Linear(3, 3),
        c=nn.Linear(3, 2),
    )
    assert joins(topology) == {("input", "a"), ("b", "c")}
    assert "epochgraph_tests.not_known.default" in left_out(topology)["b.weight"]
    assert left_out(topology).keys() == {"b.weight", "b.bias"}
    assert topology.coverage.share == pytest.approx(1 - 12 / 32)


def test_parameters_off_the_path_are_reported():
    class Scaled(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(3, 3)
            self.scale = nn.Parameter(torch.ones(3))
            self.unused = nn.Linear(3, 3)

        def forward(self, x):
            return self.layer(x) * self.scale

    topology = trace(Scaled(), torch.zeros(1, 3))
    reasons = left_out(topology)
    assert reasons.keys() == {"unused.weight", "unused.bias"}
    assert "does not use it" in reasons["unused.weight"]
    assert {entry.name: entry.status for entry in topology.coverage.entries}["scale"] == "folded"


def test_a_sum_written_through_a_view_is_found_wherever_that_memory_is_read():
    def forward(m, x):
        x = m.a(x)
        x[:, :1].add_(m.b(x)[:, :1])
        return m.c(x)

    topology = traced(forward, torch.zeros(1, 3), a=nn.Linear(3, 3), b=nn.Linear(3, 3), c=nn.Linear(3, 1))
    assert joins(topology) == {("input", "a"), ("a", "b"), ("a", "c"), ("b", "c")}
    from_b = next(join for join in topology.joins if topology.parts[join.source].name == "b")
    assert from_b.inputs == (Span(0, 1, 1), Span(-1, 1, 2))


def test_tied_weights_are_listed_once():
    first, second = nn.Linear(3, 3, bias=False), nn.Linear(3, 3, bias=False)
    second.weight = first.weight
    topology = traced(lambda m, x: m.b(m.a(x)), torch.zeros(1, 3), a=first, b=second)
    assert [set(names) for names in topology.tied] == [{"a.weight", "b.weight"}]
    assert topology.joins[0].parameter == topology.tied[0][0]
    assert len(topology.coverage.entries) == 1
    assert topology.coverage.share == 1.0


def test_a_model_on_the_meta_device_has_no_weights_to_compute():
    with torch.device("meta"):
        model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten(), nn.Linear(4 * 36, 2))
    assert trace(model, torch.zeros(1, 3, 8, 8)).sizes == (3, 4, 2)


def test_wrappers_of_training_are_looked_through():
    model = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))
    plain = trace(model, torch.zeros(1, 3))
    assert trace(nn.DataParallel(model), torch.zeros(1, 3)) == plain
    assert trace(torch.compile(model), torch.zeros(1, 3)) == plain


@pytest.fixture
def one_process(tmp_path):
    """A process group of this process alone."""
    store = distributed.FileStore(str(tmp_path / "store"), 1)
    distributed.init_process_group("gloo", store=store, rank=0, world_size=1)
    yield
    distributed.destroy_process_group()


@pytest.mark.usefixtures("one_process")
def test_buffers_and_constants_meet_the_parameters_of_a_spread_model():
    def built() -> nn.Module:
        layers = {"conv": nn.Conv2d(3, 4, 3), "norm": nn.BatchNorm2d(4), "fc": nn.Linear(4 * 36, 2)}
        model = Wired(lambda m, x: m.fc(m.norm(m.conv(x)).flatten(1)) * m.scale + torch.arange(2.0), **layers)
        model.register_buffer("scale", torch.ones(2))
        return model

    plain, sharded = trace(built(), torch.zeros(1, 3, 8, 8)), built()
    fully_shard(sharded, mesh=init_device_mesh("cpu", (1,)))
    topology = trace(sharded, torch.zeros(1, 3, 8, 8))
    assert (topology.parts, topology.joins, topology.folds) == (plain.parts, plain.joins, plain.folds)


@pytest.mark.usefixtures("one_process")
def test_models_spread_over_machines_are_read_without_gathering_them():
    def built() -> nn.Module:
        torch.manual_seed(0)
        return nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))

    plain = trace(built(), torch.zeros(1, 3))
    assert trace(nn.parallel.DistributedDataParallel(built()), torch.zeros(1, 3)) == plain
    sharded = built()
    fully_shard(sharded, mesh=init_device_mesh("cpu", (1,)))
    before = [(name, id(parameter)) for name, parameter in sharded.named_parameters()]
    hooks = list(sharded._forward_pre_hooks.values())
    topology = trace(sharded, torch.zeros(1, 3))
    assert (topology.parts, topology.joins, topology.coverage) == (plain.parts, plain.joins, plain.coverage)
    assert [(name, id(parameter)) for name, parameter in sharded.named_parameters()] == before
    assert list(sharded._forward_pre_hooks.values()) == hooks
    assert len(hooks) > 0
    np.testing.assert_array_equal(rolled_graph(sharded, topology).row_sums, rolled_graph(built(), plain).row_sums)


def test_two_processes_read_a_model_that_each_has_half_of(tmp_path):
    torch.multiprocessing.spawn(_half, (str(tmp_path / "store"),), nprocs=2)


def _half(rank: int, store: str) -> None:
    """One of two processes; the other does the same at the same time."""
    distributed.init_process_group("gloo", store=distributed.FileStore(store, 2), rank=rank, world_size=2)
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 5), nn.ReLU(), nn.Linear(5, 2))
    plain = trace(model, torch.zeros(1, 3))
    expected = rolled_graph(model, plain).row_sums
    sharded = copy.deepcopy(model)
    fully_shard(sharded, mesh=init_device_mesh("cpu", (2,)))
    topology = trace(sharded, torch.zeros(1, 3))
    np.testing.assert_array_equal(rolled_graph(sharded, topology).row_sums, expected)
    flattened = FullyShardedDataParallel(model, device_id=torch.device("cpu"))
    with pytest.raises(TracingError, match="trace the model before you wrap it"):
        trace(flattened, torch.zeros(1, 3))
    np.testing.assert_array_equal(rolled_graph(flattened, plain).row_sums, expected)
    distributed.destroy_process_group()


def test_the_model_and_the_random_state_are_left_as_they_were():
    model = nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3), nn.Dropout(), nn.Linear(3, 2))
    model[2].eval()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    modes = [module.training for module in model.modules()]
    random = torch.random.get_rng_state()
    trace(model, torch.zeros(2, 3))
    assert [module.training for module in model.modules()] == modes
    assert torch.equal(torch.random.get_rng_state(), random)
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, before[name]), name


def test_lazy_layers_get_no_shape_by_being_traced():
    model = nn.Sequential(nn.LazyConv2d(4, 3), nn.Flatten(), nn.LazyLinear(2))
    assert trace(model, torch.zeros(1, 3, 8, 8)).sizes == (3, 4, 2)
    assert isinstance(model[2].weight, nn.UninitializedParameter)
    with pytest.raises(TracingError, match="has lazy layers, and could not be run"):
        trace(model, torch.zeros(8))


def test_a_language_model_is_asked_to_keep_no_cache():
    class Language(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a = nn.Linear(3, 2)

        def forward(self, x, use_cache=True):
            return (self.a(x), object()) if use_cache else self.a(x)

    assert trace(Language(), torch.zeros(1, 3)).rung == "torch.export"


def test_a_forward_pass_that_fails_is_one_clear_line():
    with pytest.raises(TracingError, match="no example input"):
        trace(nn.Linear(3, 2))
    with pytest.raises(TracingError, match="Linear could not be run") as raised:
        trace(nn.Linear(3, 2), torch.zeros(1, 4))
    assert "\n" not in str(raised.value)


def test_prelu_with_a_slope_a_channel_passes_its_channels_on():
    topology = trace(nn.Sequential(nn.Conv2d(3, 4, 3), nn.PReLU(4), nn.Conv2d(4, 2, 1)), torch.zeros(1, 3, 8, 8))
    assert len(topology.joins) == 2
    assert left_out(topology) == {}


def test_a_running_total_written_through_a_view_joins_all_that_it_may_hold():
    def forward(m, x):
        x = m.a(x)
        x[:, :2].cumsum_(1)
        return m.b(x)

    topology = traced(forward, torch.zeros(1, 3), a=nn.Linear(3, 3), b=nn.Linear(3, 1))
    assert topology.joins[1].inputs == (Span(0, 1, 2, 2), Span(2, 1, 1))


def test_what_is_overwritten_with_a_constant_is_no_longer_read():
    def forward(m, x):
        x = m.a(x)
        x[:, :2].zero_()
        return m.b(x)

    topology = traced(forward, torch.zeros(1, 3), a=nn.Linear(3, 3), b=nn.Linear(3, 1))
    assert topology.joins[1].inputs == (Span(-1, 1, 2), Span(2, 1, 1))


def test_batch_norms_of_a_layer_that_is_called_twice_are_not_folded():
    topology = traced(
        lambda m, x: m.b(m.second(m.a(m.first(m.a(x))))),
        torch.zeros(2, 3, 4, 4),
        a=nn.Conv2d(3, 3, 1),
        first=nn.BatchNorm2d(3),
        second=nn.BatchNorm2d(3),
        b=nn.Conv2d(3, 1, 1),
    )
    assert topology.folds == ()
    assert left_out(topology).keys() == {"first.weight", "first.bias", "second.weight", "second.bias"}


def test_a_norm_over_neighbouring_channels_is_no_edge():
    model = nn.Sequential(nn.Conv2d(3, 4, 1), nn.LocalResponseNorm(2), nn.Conv2d(4, 2, 1))
    topology = trace(model, torch.zeros(1, 3, 4, 4))
    assert topology.joins[1].inputs == (Span(0, 4, 1),)


def test_a_weight_that_is_joined_only_in_part_does_not_count_as_joined():
    def forward(m, x):
        return m.b(not_known(m.a(x))) + m.b(x)

    topology = traced(forward, torch.zeros(3, 3), a=nn.Linear(3, 3), b=nn.Linear(3, 3))
    assert "joined only in part" in left_out(topology)["b.weight"]
    assert topology.coverage.share == 0.5


def test_torch_logs_nothing_of_a_wrong_input(capfd):
    with pytest.raises(TracingError):
        trace(nn.Linear(6, 2), torch.zeros(1, 5))
    assert capfd.readouterr().err == ""


class Branching(nn.Module):
    """Two ways through, of which the values of the input choose one."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.c = nn.Linear(3, 3), nn.Linear(3, 3), nn.Linear(3, 2)
        self.register_buffer("calls", torch.zeros(()))

    def forward(self, x):
        self.calls += 1
        x = self.a(x)
        return self.c(self.b(x) if x.sum() > 1e9 else x.relu())


def test_a_path_that_depends_on_values_is_that_of_the_example():
    model = Branching()
    topology = trace(model, torch.zeros(1, 3))
    assert topology.rung.startswith("one run on the example's values for ")
    assert "DataDependentOutputException" in topology.rung
    assert joins(topology) == {("input", "a"), ("a", "c")}
    assert left_out(topology) == dict.fromkeys(["b.weight", "b.bias"], "the example does not reach it")
    assert model.calls == 0


def test_what_torch_export_does_not_take_is_run_without_data():
    class Result:
        def __init__(self, value):
            self.value = value

    class Wrapping(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.norm, self.fc = nn.Conv2d(3, 4, 3, groups=1), nn.BatchNorm2d(4), nn.Linear(4 * 36, 2)

        def forward(self, x):
            return Result(self.fc(self.norm(self.conv(x)).relu().flatten(1)))

    with torch.device("meta"):
        model = Wrapping()
    topology = trace(model, torch.zeros(1, 3, 8, 8))
    assert topology.rung.startswith("one run without data for ")
    assert topology.sizes == (3, 4, 2)
    assert topology.joins[1].inputs == (Span(0, 4, 36),)
    assert [fold.scale for fold in topology.folds] == ["norm.weight"]
    assert topology.coverage.share == 1.0


def test_memory_written_twice_is_followed_on_every_rung():
    class Writing(Branching):
        def forward(self, x):
            x = self.a(x)
            if x.sum() < 1e9:
                x[:, :1].add_(self.b(x)[:, :1])
            return self.c(x)

    topology = trace(Writing(), torch.zeros(1, 3))
    assert topology.rung.startswith("one run on")
    from_b = next(join for join in topology.joins if topology.parts[join.source].name == "b")
    assert from_b.inputs == (Span(0, 1, 1), Span(-1, 1, 2))


def test_a_region_with_a_setting_of_its_own_is_followed():
    def forward(m, x):
        with torch.no_grad():
            x = m.a(x)
        return m.b(x)

    topology = traced(forward, torch.zeros(1, 3), a=nn.Linear(3, 3), b=nn.Linear(3, 1))
    assert joins(topology) == {("input", "a"), ("a", "b")}


class Looping(nn.Module):
    def __init__(self, steps):
        super().__init__()
        self.steps, self.cell, self.weight = steps, nn.Linear(6, 6), nn.Parameter(torch.randn(3, 6))

    def forward(self, x):
        for _ in range(self.steps):
            x = torch.tanh(self.cell(x))
        return x @ self.weight.T


def test_a_loop_of_many_steps_has_the_graph_of_a_short_one():
    short, long = trace(Looping(2), torch.zeros(1, 6)), trace(Looping(400), torch.zeros(1, 6))
    assert (short.rung, long.rung) == ("torch.export", LONG)
    assert (long.parts, long.joins, long.coverage) == (short.parts, short.joins, short.coverage)


def test_the_name_of_a_long_computation_is_short_and_its_own():
    def computed(times):
        class Grown(Looping):
            def forward(self, x):
                weight = self.weight
                for _ in range(times):
                    weight = weight + torch.tanh(weight)
                return x @ weight.T

        model = Grown(0)
        topology = trace(model, torch.zeros(1, 6))
        weights = model.weight.detach()
        for _ in range(times):
            weights = weights + torch.tanh(weights)
        adjacency = rolled_graph(model, topology).to_scipy().toarray()
        np.testing.assert_allclose(adjacency[:6, 6:], weights.abs().T, rtol=1e-6)
        return topology.joins[0].parameter

    names = [computed(times) for times in (20, 21)]
    assert len(set(names)) == 2
    assert max(map(len, names)) < 1200
