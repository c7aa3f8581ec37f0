"""Models whose parameters are sharded over several machines: read as if each were one tensor of zeros."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn


@contextmanager
def unsharded(model: nn.Module) -> Iterator[None]:
    """Let a model of `fully_shard` run where it stands: no piece is gathered, and all is put back afterwards.

    Its parameters are replaced by tensors of their whole shape that take the memory of one value, and the hooks that
    would gather them are taken out; hooks of others stay.
    """
    sharded = [
        (module, name, parameter)
        for module in model.modules()
        for name, parameter in module._parameters.items()  # noqa: SLF001 - the only place where one can be exchanged
        if parameter is not None and hasattr(parameter, "full_tensor")  # a DTensor; to import that takes a second
    ]
    hooks = [table for module in model.modules() if sharded for table in _hook_tables(module)]
    kept = [dict(table) for table in hooks]
    try:
        for module, name, parameter in sharded:
            whole = torch.zeros((), dtype=parameter.dtype, device=parameter.device).expand(parameter.shape)
            module._parameters[name] = nn.Parameter(whole, requires_grad=parameter.requires_grad)  # noqa: SLF001
        for table in hooks:
            for key in [key for key, hook in table.items() if _gathers(hook)]:
                del table[key]
        yield
    finally:
        for module, name, parameter in sharded:
            module._parameters[name] = parameter  # noqa: SLF001
        for table, before in zip(hooks, kept, strict=True):
            table.clear()
            table.update(before)


def is_flattened(model: nn.Module) -> bool:
    """Whether some of a model is in `FullyShardedDataParallel`, which keeps pieces of all parameters in a row."""
    return any(type(module).__name__ == "FullyShardedDataParallel" for module in model.modules())


def _hook_tables(module: nn.Module) -> tuple[dict[int, object], dict[int, object]]:
    return module._forward_pre_hooks, module._forward_hooks  # type: ignore[return-value]  # noqa: SLF001


def _gathers(hook: object) -> bool:
    """Whether a hook is one of `fully_shard`."""
    return type(getattr(hook, "__self__", None)).__name__ == "FSDPState"
