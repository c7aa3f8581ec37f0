"""Models whose parameters are sharded over several machines: a copy has them whole, and gathers nothing."""

from torch import Tensor, nn


def is_sharded(tensor: Tensor) -> bool:
    """Whether a tensor is a DTensor, of which this process has a piece; to import that class takes a second."""
    return hasattr(tensor, "full_tensor")


def released(model: nn.Module) -> None:
    """Take the hooks out of a copy of a model that would gather the pieces of the original; hooks of others stay."""
    for module in model.modules():
        for table in (module._forward_pre_hooks, module._forward_hooks):  # noqa: SLF001 - there is no other access
            for key in [key for key, hook in table.items() if _gathers(hook)]:
                del table[key]


def is_flattened(model: nn.Module) -> bool:
    """Whether some of a model is in `FullyShardedDataParallel`, which keeps pieces of all parameters in a row."""
    return any(type(module).__name__ == "FullyShardedDataParallel" for module in model.modules())


def _gathers(hook: object) -> bool:
    """Whether a hook is one of `fully_shard`."""
    return type(getattr(hook, "__self__", None)).__name__ == "FSDPState"
