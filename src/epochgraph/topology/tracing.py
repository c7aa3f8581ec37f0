"""Model -> Topology, by exporting the model on tensors without data."""

import logging
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import nn
from torch.utils import _pytree as pytree

from epochgraph.errors import TracingError
from epochgraph.topology.following import CHANGED_IN_PLACE, follow
from epochgraph.topology.input_axes import InputAxes
from epochgraph.topology.program import Program, program, renamed
from epochgraph.topology.rolled import RolledWiring
from epochgraph.topology.structure import Coverage, Entry, Topology

WRAPPERS = (nn.DataParallel, nn.parallel.DistributedDataParallel)


def trace(model: nn.Module, *example_inputs: object, **example_kwargs: object) -> Topology:
    """Read the wiring of a model from its forward pass.

    The pass runs once in `torch.export` on tensors without data: no weight is computed with or copied, so that a model
    on the "meta" device will do. The operations are then followed on node indices (see `flow.py`): the reader of a
    residual sum is joined to every producer, and slices, concatenations or shuffled channels are exact. What is not
    understood is never guessed: `coverage` of the result lists every parameter, and why it is left out if it is.

    A norm, an activation or a gate passes nodes on: edges are weights, so that the statistics through which a layer
    norm lets its channels see each other are no edges.

    Args:
        model: Any module; its training mode and the state of the random generators are left as they are.
        example_inputs: Positional arguments of the forward pass, of the shape it will be used with; their values do
            not matter.
        example_kwargs: Keyword arguments of the forward pass.

    Raises:
        TracingError: The forward pass cannot be exported, for example because it branches on values.

    Example:
        >>> import torch
        >>> from torch import nn
        >>> model = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Flatten(), nn.Linear(8 * 36, 10))
        >>> topology = trace(model, torch.zeros(1, 3, 8, 8))
        >>> [(part.name, part.size) for part in topology.parts]
        [('input', 3), ('0', 8), ('3', 10)]
        >>> topology.coverage.share
        1.0
    """
    inner = unwrapped(model)
    if not example_inputs and not example_kwargs:
        raise TracingError(
            "no example input was given", "Pass what the model's forward pass takes: trace(model, images)."
        )
    tied = tied_names(inner)
    first_names = {name: names[0] for names in tied for name in names}
    exported = _exported(inner, example_inputs, example_kwargs)
    recorded, wiring = _followed(exported, first_names)
    if any(CHANGED_IN_PLACE in reason for reason in wiring.reasons.values()):
        with _quiet():
            recorded, wiring = _followed(exported.run_decompositions({}), first_names)  # as if memory were never reused
    return Topology(
        parts=tuple(wiring.parts),
        joins=tuple(wiring.joins),
        folds=tuple(wiring.folds.values()),
        coverage=_coverage(inner, wiring),
        tied=tied,
        program=recorded,
        computed=wiring.computed,
    )


def _followed(
    exported: torch.export.ExportedProgram, first_names: Mapping[str, str]
) -> tuple[Program, RolledWiring]:
    """The operations as plain data, and the wiring that they make."""
    recorded = renamed(program(exported), first_names)
    probe = InputAxes()
    follow(recorded, probe)
    wiring = RolledWiring({name: probe.found(name) for name in probe.ranges}, probe.rows)
    follow(recorded, wiring)
    return recorded, wiring


def tied_names(model: nn.Module) -> tuple[tuple[str, ...], ...]:
    """Groups of parameter names that share one tensor."""
    groups: dict[int, list[str]] = {}
    for name, parameter in model.named_parameters(remove_duplicate=False):
        groups.setdefault(id(parameter), []).append(name)
    return tuple(tuple(names) for names in groups.values() if len(names) > 1)


def unwrapped(model: nn.Module) -> nn.Module:
    """The model inside the wrappers of data-parallel training and `torch.compile`."""
    while True:
        inner = model.module if isinstance(model, WRAPPERS) else getattr(model, "_orig_mod", None)
        if not isinstance(inner, nn.Module):
            return model
        model = inner


def _exported(model: nn.Module, inputs: tuple[object, ...], kwargs: dict[str, object]) -> torch.export.ExportedProgram:
    device = next((parameter.device for parameter in model.parameters()), torch.device("cpu"))

    def moved(value: object) -> object:
        return value.to(device) if isinstance(value, torch.Tensor) else value

    arguments, options = pytree.tree_map(moved, inputs), pytree.tree_map(moved, kwargs)
    with _undisturbed(model), _quiet():
        try:
            return torch.export.export(model, arguments, options, strict=False)
        except Exception as error:  # the model's own code runs here, and may raise anything
            first_line = next(iter(str(error).strip().splitlines()), "")
            reason = f"{type(error).__name__}: {first_line}"
            found = f"the forward pass of {type(model).__name__} could not be exported ({reason})"
            advice = "Check that it runs on the example input and does not branch on values, or use chain(model)."
            raise TracingError(found, advice) from error


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep torch's warnings and logs to itself: what matters of them is in the error that is raised."""
    level = logging.root.manager.disable
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        logging.disable(logging.CRITICAL)
        try:
            yield
        finally:
            logging.disable(level)


@contextmanager
def _undisturbed(model: nn.Module) -> Iterator[None]:
    """Put the model into evaluation mode, and give back every module's mode and the random state."""
    modes = {module: module.training for module in model.modules()}
    with torch.random.fork_rng(devices=[]):
        try:
            model.eval()
            yield
        finally:
            for module, training in modes.items():
                module.training = training


def _coverage(model: nn.Module, wiring: RolledWiring) -> Coverage:
    def parameters(name: str) -> tuple[str, ...]:
        return wiring.made_of.get(name, (name,))

    joined = {name for join in wiring.joins for name in parameters(join.parameter)}
    complete = {join for join in wiring.joins if not wiring.reasons.keys() & set(parameters(join.parameter))}
    targets = {join.target for join in complete}
    biases = [part.bias for index, part in enumerate(wiring.parts) if index in targets and part.bias]
    folded = wiring.folded | {name for bias in biases for name in parameters(bias)}
    folded |= {name for fold in wiring.folds.values() for name in (fold.scale, fold.shift) if name}

    def entry(name: str, size: int) -> Entry:
        reason = wiring.reasons.get(name, "")
        if reason:
            return Entry(name, size, "left out", f"joined only in part: {reason}" if name in joined else reason)
        if name in joined:
            return Entry(name, size, "joined")
        if name in folded:
            return Entry(name, size, "folded")
        unused = "the forward pass does not use it as the weight or bias of a joined layer"
        return Entry(name, size, "left out", wiring.idle.get(name, unused))

    return Coverage(tuple(entry(name, parameter.numel()) for name, parameter in model.named_parameters()))
