"""Parameters that a model holds where PyTorch does not find them: in a plain list, a dictionary, an object."""

from collections.abc import Iterator

from torch import nn

from epochgraph.topology.duplicating import attributes

DEPTH = 4
"""How deep a parameter may lie in what an attribute holds."""

NO_CHECKPOINT = "it lies where no checkpoint finds it, such as in a plain list: use nn.ModuleList or nn.ParameterList"

_REGISTERED = frozenset(["_parameters", "_buffers", "_modules"])


def unregistered(model: nn.Module) -> dict[str, nn.Parameter]:
    """The parameters that are in no state dict of a model, by the way to each of them."""
    known = {id(parameter) for parameter in model.parameters()}
    found: dict[str, nn.Parameter] = {}
    for name, module in model.named_modules():
        known.add(id(module))
        for key, value in attributes(module).items():
            if key not in _REGISTERED:
                found |= dict(_parameters(value, f"{name}.{key}" if name else key, known, DEPTH))
    return found


def _parameters(value: object, name: str, known: set[int], depth: int) -> Iterator[tuple[str, nn.Parameter]]:
    if id(value) in known or depth == 0:
        return
    if isinstance(value, nn.Parameter):
        known.add(id(value))
        yield name, value
    elif isinstance(value, nn.Module):
        known.add(id(value))
        for key, parameter in value.named_parameters():
            yield from _parameters(parameter, f"{name}.{key}", known, depth)
    elif isinstance(value, dict | list | tuple):
        held = value if isinstance(value, dict) else dict(enumerate(value))
        for place, item in held.items():
            yield from _parameters(item, f"{name}.{place}", known, depth - 1)
