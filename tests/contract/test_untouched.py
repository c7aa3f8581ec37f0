"""Whatever a model does in its forward pass, and however it is traced, it is afterwards what it was before."""

import contextlib
import random
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import networks
from epochgraph.errors import TracingError
from epochgraph.topology import tracing

ALL = networks.NETWORKS | networks.TROUBLESOME


def noted(value: Any, found: dict[str, object], name: str = "", seen: set[int] | None = None) -> dict[str, object]:
    """Everything that is within an object: by the way to it its identity, and of tensors their values and gradients."""
    seen = set() if seen is None else seen
    found[name] = (id(value), type(value))
    if isinstance(value, Tensor):
        gradient = None if not value.is_leaf or value.grad is None else value.grad.tolist()
        found[name] = (id(value), type(value), value.tolist(), value.requires_grad, gradient, value._version)
    elif isinstance(value, bool | int | float | str):
        found[name] = value
    elif isinstance(value, torch.Generator):
        found[name] = value.get_state().tolist()
    elif id(value) not in seen:
        seen.add(id(value))
        for key, item in held(value):
            noted(item, found, f"{name}.{key}", seen)
    return found


def held(value: Any) -> list[tuple[object, Any]]:
    if isinstance(value, dict):
        return list(dict.items(value))
    if isinstance(value, list | tuple):
        return list(enumerate(value))
    if isinstance(value, nn.Module):
        return [*vars(value).items(), *((f"class.{key}", item) for key, item in vars(type(value)).items())]
    return []


def states() -> list[object]:
    of_numpy = np.random.get_state()  # noqa: NPY002 - the state of all that draw from it
    return [torch.get_rng_state().tolist(), random.getstate(), *map(str, of_numpy), torch.is_grad_enabled()]


@pytest.mark.usefixtures("unchecked")  # run-time type checks draw from `random`
@pytest.mark.parametrize("rung", tracing.RUNGS, ids=[name for name, _ in tracing.RUNGS])
@pytest.mark.parametrize("name", ALL)
def test_a_traced_model_is_what_it_was(name, rung, monkeypatch):
    build, example = ALL[name]
    torch.manual_seed(0)
    model = build()
    with contextlib.suppress(RuntimeError):
        model(*example(2, 5))[..., 0].sum().backward()
    networks.table.cache_clear()
    before_table = networks.table(3)
    fresh = build()  # one that has kept nothing yet
    monkeypatch.setattr(tracing, "RUNGS", (rung,))
    for traced in (model, fresh):
        inputs = example(2, 5)
        before = [noted(what, {}) for what in (traced, inputs, vars(networks))], states()
        with contextlib.suppress(TracingError):
            tracing.trace(traced, *inputs)
        assert ([noted(what, {}) for what in (traced, inputs, vars(networks))], states()) == before
        assert networks.table(3) is before_table
        assert type(networks.table(8)) is Tensor
