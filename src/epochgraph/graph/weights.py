"""The weights of a module, a mapping or a checkpoint, under the names that a topology uses."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from epochgraph.errors import MissingParameterError, ShapeMismatchError, TracingError, WeightDtypeError
from epochgraph.topology import Topology, unwrapped
from epochgraph.topology.operations import computed
from epochgraph.topology.program import Program

Source = nn.Module | Mapping[str, Tensor]
"""Where weights come from: a module, tensors by name, or a checkpoint (which is such a mapping)."""


LARGEST = 1e150
"""Weights beyond this have squares that not even float64 can add up: they count as infinite."""


class Weights:
    """Read-only access to the tensors of one snapshot.

    Args:
        source: Where they come from.
        topology: Tells the names that share one tensor, of which a file may hold any.
        wide: Whether to calculate in float64 whatever the weights are stored in.
    """

    def __init__(self, source: Source, topology: Topology, *, wide: bool = False) -> None:
        self.tensors = unwrapped(source).state_dict() if isinstance(source, nn.Module) else source
        self.topology = topology
        self.wide = wide

    def widened(self) -> "Weights":
        """The same weights, to calculate with in float64."""
        return Weights(self.tensors, self.topology, wide=True)

    def __getitem__(self, name: str) -> Tensor:
        """The tensor as it is stored, detached.

        Raises:
            MissingParameterError: There is none of this name.
        """
        for candidate in (name, *self.topology.aliases.get(name, ())):
            if candidate in self.tensors:
                return self.tensors[candidate].detach()
        raise MissingParameterError(name, tuple(self.tensors))

    def numbers(self, name: str) -> Tensor:
        """The tensor in a dtype to calculate with: float64 if it is stored so, else float32.

        Raises:
            MissingParameterError: There is none of this name.
            WeightDtypeError: It does not hold floating-point numbers.
            ShapeMismatchError: A weight cannot be computed of parameters that have other shapes.
            TracingError: It cannot be computed as the topology says.
        """
        computed = self.topology.computed.get(name)
        if computed is not None:
            return self._computed(name, computed)
        tensor = self[name]
        if tensor.is_quantized or not tensor.is_floating_point():
            raise WeightDtypeError(name, str(tensor.dtype))
        return tensor.to(torch.float64 if self.wide or tensor.dtype == torch.float64 else torch.float32)

    def _computed(self, name: str, program: Program) -> Tensor:
        """A weight that is no parameter, computed of those that are."""
        sources = {
            source.name: torch.tensor(source.values).reshape(source.shape)
            if source.values is not None
            else self.numbers(source.target)
            for source in program.sources
        }
        try:
            return computed(program, sources)
        except (AttributeError, IndexError, KeyError, RuntimeError, TypeError, ValueError) as error:
            expected = tuple(source.shape for source in program.sources)
            found = tuple(tuple(value.shape) for value in sources.values())
            if found != expected:
                raise ShapeMismatchError(f"what {name} is made of", expected, found) from error
            raise TracingError(f"{name} cannot be computed ({error})", "Trace the model anew.") from error

    def nonfinite(self, names: set[str]) -> dict[str, int]:
        """How many values of each tensor are NaN or infinite, of those that have any."""
        counts = {name: int((~(self.numbers(name).double().abs() < LARGEST)).sum()) for name in sorted(names)}
        return {name: count for name, count in counts.items() if count}
