"""Several processes that train one model: one of them measures, all learn what it found."""

from collections.abc import Callable, Iterable
from typing import TypeVar

import torch.distributed as dist
from torch import Tensor, nn

from epochgraph.graph.weights import Weights
from epochgraph.topology import Topology, unwrapped
from epochgraph.topology.matching import needed

T = TypeVar("T")


class Ranks:
    """The processes that train a model together, or this one alone.

    Args:
        together: Whether all processes of the default group take part, where there is one.
    """

    def __init__(self, *, together: bool) -> None:
        several = together and dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1
        # of its own and on the CPU: nothing waits for a GPU, nor mixes with what the training sends
        self.group = dist.new_group(backend="gloo") if several else None

    @property
    def first(self) -> bool:
        """Whether this is the process that measures."""
        return self.group is None or dist.get_rank() == 0

    def shared(self, make: Callable[[], T]) -> T:
        """What the first process makes, in all of them; an error is raised in all of them, so that none waits for ever.

        Raises:
            Exception: Whatever `make` raises in the first process.
        """
        if self.group is None:
            return make()
        made: list[object] = [None, None]
        if self.first:
            try:
                made[0] = make()
            except Exception as error:  # raised below, in every process
                made[1] = error
        dist.broadcast_object_list(made, src=0, group=self.group)
        if isinstance(made[1], Exception):
            raise made[1]
        return made[0]  # type: ignore[return-value]


def read_names(model: nn.Module, topology: Topology) -> list[str]:
    """The names, in a model's state, of the tensors that its graph is made of; where that is not plain, all names."""
    state = unwrapped(model, flattened=False).state_dict()
    names = {id(tensor): name for name, tensor in state.items()}
    tensors = Weights(state, topology).tensors
    found = [next((alias for alias in aliases if alias in tensors), None) for aliases in needed(topology)]
    chosen = [names.get(id(tensors[name])) for name in found if name is not None]
    plain = len(chosen) == len(found) and None not in chosen
    every = [name for name, tensor in state.items() if isinstance(tensor, Tensor)]
    return [name for name in chosen if name is not None] if plain else every


def gathered(model: nn.Module, names: Iterable[str], *, keep: bool, copy: bool) -> dict[str, Tensor]:
    """Some tensors of a model; of one that lies in pieces on several machines, each is put together by all of them.

    Args:
        model: The model.
        names: Those of its state.
        keep: Whether this process is to have them: the others only give their pieces.
        copy: Whether they are to be copied to the CPU, so that they stay while training goes on.
    """
    state = unwrapped(model, flattened=False).state_dict()
    found = {}
    for name in names:
        held = state[name]
        whole = held.full_tensor() if hasattr(held, "full_tensor") else held  # of a DTensor; to import that is slow
        if keep:
            found[name] = whole.detach().to("cpu", copy=True).contiguous() if copy else whole.detach()
    return found
