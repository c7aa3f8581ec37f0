import numpy as np
import pytest
import torch
from torch import nn

from epochgraph import Monitor, chain, rolled_graph, signature
from epochgraph.errors import NonFiniteWeightsError, SettingError
from epochgraph.measures import MEASURES, SUMMARIES

EVERYTHING = {"scopes": ("graph", "part", "depth"), "change": ("initial", "previous")}
MEASURES_OF_ALL = {"measures": [measure.__name__ for measure in (*MEASURES, *SUMMARIES)], **EVERYTHING}


def trained(model: nn.Module, steps: int):
    """The weights of a network after each step of training."""
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    x, y = torch.randn(16, 4), torch.randint(0, 2, (16,))
    yield
    for _ in range(steps):
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(x), y).backward()
        optimizer.step()
        yield


@pytest.mark.parametrize("options", [{}, EVERYTHING, MEASURES_OF_ALL], ids=["plain", "everything", "all measures"])
def test_watching_live_equals_reading_the_checkpoints_afterwards(options):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 5), nn.ReLU(), nn.Linear(5, 2))
    monitor = Monitor(chain(model), **options)
    checkpoints = []
    for epoch, _ in enumerate(trained(model, 4)):
        monitor.observe(model, epoch)
        checkpoints.append({name: tensor.clone() for name, tensor in model.state_dict().items()})
    afterwards = signature([rolled_graph(checkpoint) for checkpoint in checkpoints], **options)
    live = monitor.signature()
    assert live.names == afterwards.names
    np.testing.assert_array_equal(live.times, afterwards.times)
    np.testing.assert_allclose(live.values, afterwards.values, rtol=1e-6, atol=1e-7)


def test_a_diverged_model_is_recorded_or_refused():
    model = nn.Linear(2, 2)
    recording, strict = Monitor(chain(model)), Monitor(chain(model), nonfinite="raise")
    nn.init.constant_(model.weight, torch.nan)
    recording.observe(model, 0)
    assert recording.signature().diverged.tolist() == [True]
    with pytest.raises(NonFiniteWeightsError):
        strict.observe(model, 0)


def test_nothing_observed_is_no_signature():
    with pytest.raises(SettingError, match="at least one graph"):
        Monitor(chain(nn.Linear(2, 2))).signature()


@pytest.mark.parametrize("epoch", [1, 0.5, float("nan"), float("inf")])
def test_an_epoch_that_is_not_later_is_refused_and_nothing_is_lost(epoch):
    monitor = Monitor(chain(nn.Linear(2, 2)), measures=["degree"])
    monitor.observe(nn.Linear(2, 2), 1)
    with pytest.raises(SettingError, match="greater than 1"):
        monitor.observe(nn.Linear(2, 2), epoch)
    monitor.observe(nn.Linear(2, 2), 2)
    assert monitor.signature().times.tolist() == [1, 2]
