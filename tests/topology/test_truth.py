"""The wiring is true: what a nudge of one channel changes is what the topology says that it can reach.

Nothing here knows how the topology was found: the network itself is run twice, with and without the nudge.
"""

import numpy as np
import torch
from hypothesis import HealthCheck, given, settings
from torch import nn

from epochgraph.graph import Graph, rolled_graph
from epochgraph.topology import trace
from strategies import RandomNetwork, networks

NUDGE = 0.5


def layers_of(model: nn.Module) -> dict[str, nn.Module]:
    return {name: m for name, m in model.named_modules() if isinstance(m, nn.Conv2d | nn.Linear)}


def outputs(model: nn.Module, x: torch.Tensor, nudged: str | None = None, position: int = 0) -> dict[str, torch.Tensor]:
    """The output of every layer, with one input channel of layer `nudged` changed everywhere."""
    found: dict[str, torch.Tensor] = {}
    handles = []
    for name, layer in layers_of(model).items():
        handles.append(layer.register_forward_hook(lambda _, __, result, name=name: found.update({name: result})))
    if nudged is not None:

        def nudge(_: nn.Module, arguments: tuple[torch.Tensor]) -> torch.Tensor:
            changed = arguments[0].clone()
            changed[:, position] += NUDGE * torch.rand_like(changed[:, position])
            return changed

        handles.append(layers_of(model)[nudged].register_forward_pre_hook(nudge))
    with torch.no_grad():
        model(x)
    for handle in handles:
        handle.remove()
    return found


def changed_units(model: nn.Module, x: torch.Tensor, nudged: str, position: int) -> set[tuple[str, int]]:
    before, after = outputs(model, x), outputs(model, x, nudged, position)
    return {
        (name, unit)
        for name, result in before.items()
        for unit in range(result.shape[1])
        if not torch.equal(result[:, unit], after[name][:, unit])
    }


def reachable_units(graph: Graph, layer: nn.Module, name: str, position: int) -> set[tuple[str, int]]:
    """The units of the layer that read this input channel, and all that their edges lead to."""
    names = [part.name for part in graph.parts]
    groups = getattr(layer, "groups", 1)
    group = position // (layer.weight.shape[1])
    in_group = layer.weight.shape[0] // groups
    reached = {(names.index(name), unit) for unit in range(group * in_group, (group + 1) * in_group)}
    edges: dict[tuple[int, int], list[tuple[int, int]]] = {}
    for (source, target), block in graph.blocks.items():
        rows, columns, _ = block.entries()
        for row, column in zip(rows.tolist(), columns.tolist(), strict=True):
            edges.setdefault((source, column), []).append((target, row))
    waiting = list(reached)
    while waiting:
        for unit in edges.get(waiting.pop(), []):
            if unit not in reached:
                reached.add(unit)
                waiting.append(unit)
    return {(names[part], unit) for part, unit in reached}


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(model=networks())
def test_a_nudge_changes_exactly_what_the_topology_says_it_can_reach(model):
    x = torch.rand(2, 3, 4, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    topology = trace(model, x)
    graph = rolled_graph(model, topology)
    torch.manual_seed(2)
    for name, layer in layers_of(model).items():
        width = layer.weight.shape[1] * getattr(layer, "groups", 1)
        for position in {0, width // 2, width - 1}:
            assert changed_units(model, x, name, position) == reachable_units(graph, layer, name, position)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(model=networks())
def test_every_weight_of_a_random_network_is_joined(model):
    x = torch.zeros(1, 3, 4, 4, dtype=torch.float64)
    coverage = trace(model, x).coverage
    constant = {e.name.removesuffix("weight") for e in coverage.left_out if e.reason == "it reads constants only"}
    fed_by_padding = {f"{layer}{leaf}" for layer in constant for leaf in ("weight", "bias")}
    assert {entry.name for entry in coverage.left_out} <= norm_parameters(model) | fed_by_padding
    assert {entry.name for entry in coverage.entries} == dict(model.named_parameters()).keys()


def norm_parameters(model: RandomNetwork) -> set[str]:
    """A batch norm may follow a sum or a slice, and then cannot be folded into one layer."""
    norms = [name for name, module in model.named_modules() if isinstance(module, nn.BatchNorm2d)]
    return {f"{name}.{leaf}" for name in norms for leaf in ("weight", "bias")}


def test_folding_batch_norm_gives_the_graph_of_the_folded_network():
    torch.manual_seed(0)
    model = RandomNetwork([("conv", 4, 1, 3), ("norm",), ("tanh",), ("conv", 6, 2, 3), ("norm",)]).double().eval()
    for norm in (model.layers["1"], model.layers["4"]):
        nn.init.uniform_(norm.running_var, 0.1, 3.0)
        nn.init.uniform_(norm.weight, -2.0, 2.0)
    topology = trace(model, torch.zeros(1, 3, 4, 4, dtype=torch.float64))
    folded = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    for conv, norm in (("0", "1"), ("3", "4")):
        fused = nn.utils.fuse_conv_bn_eval(model.layers[conv], model.layers[norm])
        folded[f"layers.{conv}.weight"] = fused.weight
    expected = rolled_graph(folded, topology).row_sums
    np.testing.assert_allclose(rolled_graph(model, topology, fold_batch_norm=True).row_sums, expected, rtol=1e-10)
    assert not np.allclose(rolled_graph(model, topology).row_sums, expected)
