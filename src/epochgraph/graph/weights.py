"""The weights of a module, a mapping or a checkpoint, under the names that a topology uses."""

from collections.abc import Iterator, Mapping
from functools import cached_property

import torch
from torch import Tensor, nn

from epochgraph.checkpoints import Checkpoint, Location, Stored
from epochgraph.checkpoints.assembling import SCALED, Assembled, Known, assembled, packed, unscaled
from epochgraph.errors import MissingParameterError, ShapeMismatchError, TracingError, WeightDtypeError
from epochgraph.topology import Topology, unwrapped
from epochgraph.topology.computing import FAULTS, constant, first_line, result_of
from epochgraph.topology.matching import matched
from epochgraph.topology.program import Program

WeightSource = nn.Module | Mapping[str, Tensor]
"""Where weights come from: a module, tensors by name, or a checkpoint (which is such a mapping)."""


COUNTED = 1 << 22
"""The number of values looked at together when counting those that are not finite."""

LARGEST = 1e150
"""The squares of larger weights cannot be added up even in float64: they count as infinite."""


class Weights:
    """Read-only access to the tensors of one snapshot.

    Args:
        source: Where they come from.
        topology: Says which names share one tensor, of which a file may hold any, and whether a prefix belongs to the
            names.
        wide: Whether to compute in float64, whatever dtype the weights are stored in.
    """

    def __init__(self, source: WeightSource, topology: Topology, *, wide: bool = False) -> None:
        held = unwrapped(source, flattened=False).state_dict() if isinstance(source, nn.Module) else source
        self.tensors = matched(held, topology)
        self.topology = topology
        self.wide = wide

    @cached_property
    def known(self) -> dict[str, Known]:
        """The shape and dtype of every tensor, without reading any; float32 for those not stored as plain values."""
        if isinstance(self.tensors, Checkpoint):
            stored = self.tensors.stored.items()
            return {
                name: Known(one.shape, one.location.dtype if one.location else torch.float32) for name, one in stored
            }
        return {name: Known(tuple(t.shape), t.dtype) for name, t in self.tensors.items() if not t.is_nested}

    @cached_property
    def pieces(self) -> dict[str, Assembled]:
        """The weights that are stored in pieces."""
        return assembled(self.known)

    def _in_pieces(self, name: str) -> Assembled | None:
        """How a weight is assembled from several tensors, if it is.

        Raises:
            WeightDtypeError: Its values are packed, or their scale is not a plain factor.
        """
        held = self._alias(name)
        if held is None:
            found = self.pieces.get(name)
            refusal = None if found else packed(name, self.known)
        elif held in self.known and self.known[held].dtype in SCALED:
            found, refusal = self.pieces.get(held), unscaled(held, self.known)
        else:
            return None
        if refusal is not None:
            raise refusal
        return found

    def widened(self) -> "Weights":
        """The same weights, for computing in float64."""
        return Weights(self.tensors, self.topology, wide=True)

    def __getitem__(self, name: str) -> Tensor:
        """The tensor as it is stored, detached.

        Raises:
            MissingParameterError: There is no parameter with this name.
        """
        found = self.tensors[self._held(name)]
        tensor = found.detach() if found.requires_grad else found
        whole: Tensor = tensor.full_tensor() if hasattr(tensor, "full_tensor") else tensor  # of a DTensor
        return whole

    def _alias(self, name: str) -> str | None:
        """The name that a parameter is stored under: its own, or that of a tensor it shares; None if it is missing."""
        names = (name, *self.topology.aliases.get(name, ()))
        return next((alias for alias in names if alias in self.tensors), None)

    def _held(self, name: str) -> str:
        """The name under which a parameter is stored.

        Raises:
            MissingParameterError: It is missing.
        """
        held = self._alias(name)
        if held is None:
            raise MissingParameterError(name, tuple(self.tensors))
        return held

    def location(self, name: str) -> Location | None:
        """Where the values of a weight are in a file; None if they are not in one, or are computed from others.

        A weight that is only a view of a parameter (a slice, its transpose) is in the file, too. Which of the values it
        has is found by taking the view of a tensor without data.

        Raises:
            MissingParameterError: There is no parameter with this name.
        """
        program = self._program(name)
        if program is None:
            return self._location(name)
        bases = [self._location(source.target) for source in program.sources if source.values is None]
        base = bases[0] if len(bases) == len(program.sources) == 1 else None
        if base is None or base.shape != program.sources[0].shape:
            return None
        model = torch.empty_strided(base.shape, base.stride, dtype=base.dtype, device="meta")
        view = result_of(program, {program.sources[0].name: model})
        if view.dtype != base.dtype:
            return None
        if view.untyped_storage()._cdata != model.untyped_storage()._cdata:  # noqa: SLF001 - torch has no other word
            return None
        return base.viewed(int(view.storage_offset()), tuple(view.shape), view.stride())

    def _location(self, name: str) -> Location | None:
        """Where the values of a parameter are in a file, if they are stored as real numbers."""
        if self._in_pieces(name) is not None:
            return None
        location = self._stored(name).location
        return None if location is not None and location.dtype.is_complex else location

    def _stored(self, name: str) -> Stored:
        """The tensor on disk, of a checkpoint."""
        if not isinstance(self.tensors, Checkpoint):
            raise TypeError("only the tensors of a checkpoint are on disk")
        return self.tensors.stored[self._held(name)]

    def numbers(self, name: str) -> Tensor:
        """The tensor to compute with: float64 if it is stored so, otherwise float32; complex numbers as moduli.

        Raises:
            MissingParameterError: There is no parameter with this name.
            WeightDtypeError: It does not hold floating-point numbers.
            ShapeMismatchError: A weight cannot be computed, because its parameters have other shapes.
            TracingError: It cannot be computed as the topology says.
        """
        program = self._program(name)
        found = self._values(name) if program is None else self._computed(name, program)
        return found.abs() if found.is_complex() else found

    def _values(self, name: str) -> Tensor:
        """The tensor as it is stored, complex or not, in a dtype to compute with, and assembled if it is in pieces.

        Raises:
            MissingParameterError, WeightDtypeError: As `numbers`.
        """
        tensor = self[name] if self._alias(name) else None
        one = self._in_pieces(name) if tensor is None or tensor.dtype in SCALED else None
        if one is not None:
            sources = [self[source] for source in one.sources]
            return self.calculable(one.make(*(t if t.dtype in SCALED else self.calculable(t) for t in sources)))
        tensor = self[name] if tensor is None else tensor
        if tensor.is_quantized or not (tensor.is_floating_point() or tensor.is_complex()):
            raise WeightDtypeError(name, str(tensor.dtype))
        return self.calculable(tensor)

    def calculable(self, tensor: Tensor) -> Tensor:
        """A tensor in a dtype to compute with, as in `numbers`."""
        if tensor.is_complex():
            return tensor.to(torch.complex128 if self.wide or tensor.dtype == torch.complex128 else torch.complex64)
        dtype = torch.float64 if self.wide else torch.float32
        return tensor if tensor.dtype in (dtype, torch.float64) else tensor.to(dtype)

    def shape(self, name: str) -> tuple[int, ...]:
        """The shape of a weight in a checkpoint; a computed weight has to be computed for it.

        Raises:
            MissingParameterError: There is no parameter with this name.
        """
        if name in self.topology.computed:
            return tuple(self.numbers(name).shape)
        one = self._in_pieces(name)
        return self._stored(name).shape if one is None else one.shape

    def _program(self, name: str) -> Program | None:
        """How a weight is computed; None for a parameter.

        Raises:
            TracingError: The computation is refused.
        """
        refused = self.topology.refused.get(name)
        if refused is not None:
            raise TracingError(f"{name} cannot be computed ({refused})", "Trace the model anew.")
        return self.topology.computed.get(name)

    def _computed(self, name: str, program: Program) -> Tensor:
        """A weight that is computed from parameters, after checking that their shapes fit."""
        held = [source for source in program.sources if source.values is None]
        sources = {source.name: self._values(source.target) for source in held}
        wide = any(value.dtype in (torch.float64, torch.complex128) for value in sources.values())
        for source in set(program.sources) - set(held):
            number = constant(source)
            sources[source.name] = number.double() if wide and number.is_floating_point() else number
        expected = tuple(source.shape for source in program.sources)
        found = tuple(tuple(sources[source.name].shape) for source in program.sources)
        if found != expected:
            raise ShapeMismatchError(f"what {name} is made of", expected, found)
        try:
            made = result_of(program, sources)
        except FAULTS as error:
            raise TracingError(f"{name} cannot be computed ({first_line(error)})", "Trace the model anew.") from error
        if not (made.is_floating_point() or made.is_complex()):
            raise WeightDtypeError(name, str(made.dtype))
        return made

    def nonfinite(self, names: set[str]) -> dict[str, int]:
        """The number of NaN or infinite values of each tensor that has any."""
        counts = {name: sum(map(_nonfinite, self._pieces(name))) for name in sorted(names)}
        return {name: count for name, count in counts.items() if count}

    def _pieces(self, name: str) -> Iterator[Tensor]:
        """The values of a weight; from disk only some rows at a time."""
        location = self.location(name) if isinstance(self.tensors, Checkpoint) else None
        turned = location and (location if location.splits else location.turned)
        if turned is None or not turned.splits:
            yield self.numbers(name)
            return
        step = max(1, COUNTED * turned.dtype.itemsize // turned.row_bytes)
        for begin in range(0, turned.shape[0], step):
            yield turned.rows(begin, min(begin + step, turned.shape[0]))


def _nonfinite(values: Tensor) -> int:
    return int((~(values.double().abs() < LARGEST)).sum())
