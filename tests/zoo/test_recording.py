"""What a zoo keeps of a run is what the parts of the package say of its snapshots."""

import copy

import numpy as np
import pytest
import torch
from torch import nn

from epochgraph import degree, eigenvector_centrality, rolled_graph, signature, trace, unrolled_graph
from epochgraph.signature.statistics import statistics
from epochgraph.zoo import ARCHITECTURES
from epochgraph.zoo.recording import Recorder

SHAPE = (3, 8, 8)


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2)
    ).eval()


def snapshots(model: nn.Module, count: int) -> list[nn.Module]:
    """Networks that drift apart, with batch norms that matter."""
    generator = torch.Generator().manual_seed(1)
    found = []
    for _ in range(count):
        with torch.no_grad():
            for tensor in model.state_dict().values():
                if tensor.is_floating_point():
                    tensor.add_(0.3 * torch.rand(tensor.shape, generator=generator))
        found.append(copy.deepcopy(model))
    return found


def recorded(models: list[nn.Module], epochs: list[float], **options: float) -> Recorder:
    recorder = Recorder(trace(models[0], torch.zeros(1, *SHAPE)), SHAPE, **options)
    for model, epoch in zip(models, epochs, strict=True):
        recorder.observe(model, epoch)
    return recorder


def columns(recorder: Recorder) -> dict[str, list[float]]:
    found = recorder.signature()
    return {name: found.values[:, place].tolist() for place, name in enumerate(found.names)}


@pytest.mark.parametrize("prefix", ["", "folded/"])
def test_features_of_the_graphs_are_those_of_the_signature(prefix):
    models = snapshots(network(), 3)
    topology = trace(models[0], torch.zeros(1, *SHAPE))
    graphs = [rolled_graph(model, topology, fold_batch_norm=prefix != "") for model in models]
    whole = signature(graphs, scopes=["graph", "part", "depth"], change=["initial", "previous"])
    found = columns(recorded(models, [0, 0.5, 1]))
    for place, name in enumerate(whole.names):
        np.testing.assert_allclose(found[prefix + name], whole.values[:, place], rtol=1e-6, atol=1e-9, err_msg=name)


def test_the_unrolled_degree_and_the_parameters_are_recorded():
    models = snapshots(network(), 3)
    topology = trace(models[0], torch.zeros(1, *SHAPE))
    found = columns(recorded(models, [0, 0.5, 1]))
    expected = statistics(degree(unrolled_graph(models[2], topology, SHAPE)))
    assert [values[2] for name, values in found.items() if name.startswith("unrolled_degree/")] == expected.tolist()
    weights = [model[5].weight.detach().double().numpy() for model in models]
    assert found["parameter:5.weight/mean"] == pytest.approx([w.mean() for w in weights])
    assert found["parameter:5.weight/norm"] == pytest.approx([np.linalg.norm(w) for w in weights])
    for name, then in (("initial", 0), ("previous", 1)):
        change = np.linalg.norm(weights[2] - weights[then]) / np.linalg.norm(weights[then])
        assert found[f"parameter:5.weight/relative_change_since_{name}"][2] == pytest.approx(change)
    last = np.concatenate([weights[1].ravel(), models[1][5].bias.detach().double().numpy()])
    assert found["last_layer/variance"][1] == pytest.approx(last.var())


@pytest.mark.parametrize("architecture", ARCHITECTURES, ids=lambda architecture: architecture.__name__)
def test_every_architecture_is_recorded(architecture):
    torch.manual_seed(0)
    shape = (1, 16, 16) if "resnet" in architecture.__name__ else (1, 32, 32)
    model = architecture(classes=3, channels=1, image_size=32, width=0.05).eval()
    recorder = Recorder(trace(model, torch.zeros(1, *shape)), shape)
    recorder.observe(model, 0)
    found = columns(recorder)
    for feature in ("degree/graph/mean", "unrolled_degree/graph/mean"):
        assert found[feature][0] > 0


def test_vectors_are_kept_while_they_are_asked_for():
    models = snapshots(network(), 3)
    found = recorded(models, [0, 1, 2], node_values_until=1).recordings()
    graph = rolled_graph(models[1], trace(models[0], torch.zeros(1, *SHAPE)))
    assert found["degree"].times.tolist() == [0, 1]
    np.testing.assert_array_equal(found["degree"].values[1], degree(graph).astype(np.float16))
    np.testing.assert_array_equal(found["eigenvector_centrality"].values[1], eigenvector_centrality(graph).astype("f2"))
    assert found["last_layer"].times.tolist() == [0, 1, 2]
    assert found["last_layer"].values.shape == (3, 10)


def test_a_diverged_network_is_recorded_as_what_it_is():
    models = snapshots(network(), 3)
    with torch.no_grad():
        models[1][0].weight[0, 0, 0, 0] = torch.nan
    found = recorded(models, [0, 1, 2])
    values = found.signature()
    assert values.diverged.tolist() == [False, True, False]
    assert np.isnan(values.values[1]).all()
    assert not np.isnan(values.values[2]).all()
    assert found.recordings()["degree"].times.tolist() == [0, 2]


def test_a_recorder_that_is_taken_up_again_says_the_same():
    models = snapshots(network(), 4)
    whole = recorded(models, [0, 0.5, 1, 2])
    first = recorded(models[:3], [0, 0.5, 1])
    second = Recorder(trace(models[0], torch.zeros(1, *SHAPE)), SHAPE)
    second.restore(first.state(), initial=models[0], now=models[2])
    second.observe(models[3], 2)
    assert second.signature().names == whole.signature().names
    np.testing.assert_array_equal(second.signature().values, whole.signature().values)
    np.testing.assert_array_equal(second.signature().times, whole.signature().times)
    for name, recording in whole.recordings().items():
        np.testing.assert_array_equal(second.recordings()[name].values, recording.values)
        np.testing.assert_array_equal(second.recordings()[name].times, recording.times)


def test_every_snapshot_tells_what_it_took():
    seconds = Recorder(trace(network(), torch.zeros(1, *SHAPE)), SHAPE).observe(network(), 0)
    assert seconds.keys() == {
        "seconds_rolled_graph",
        "seconds_degree",
        "seconds_eigenvector_centrality",
        "seconds_unrolled_graph",
        "seconds_unrolled_degree",
        "seconds_snapshot",
    }
    assert all(value > 0 for value in seconds.values())
    assert seconds["seconds_snapshot"] == max(seconds.values())
