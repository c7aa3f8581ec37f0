"""Model -> Topology, by recording the operations of its forward pass."""

import inspect
from collections.abc import Mapping
from collections.abc import Set as AbstractSet

import torch
from torch import nn

from epochgraph.errors import TracingError
from epochgraph.topology import operations as ops
from epochgraph.topology.computing import first_line, refusal
from epochgraph.topology.eager import run_if_long, run_with_values, run_without_data
from epochgraph.topology.following import follow
from epochgraph.topology.input_axes import InputAxes
from epochgraph.topology.outliving import nothing_left
from epochgraph.topology.program import Program, renamed, without_numbers
from epochgraph.topology.quieting import quiet
from epochgraph.topology.recording import exported, names_in_checkpoints
from epochgraph.topology.replica import Inputs, with_values
from epochgraph.topology.rolled import RolledWiring
from epochgraph.topology.sharding import is_flattened
from epochgraph.topology.structure import Coverage, Entry, Topology
from epochgraph.topology.unregistered import NO_CHECKPOINT, unregistered

UNUSED = "the forward pass does not use it as the weight or bias of a joined layer"

VALUES = "one run on the example's values"

RUNGS = (
    ("torch.export", exported),
    ("one run without data", run_without_data),
    (VALUES, run_with_values),
)
"""Ways to record a forward pass, from the one that sees the most to the one that handles the most models."""

LONG = 'one run on the "meta" device, as it is long'
"""How a pass of many operations is recorded, if it can be: all ways find the same, and this is the fastest."""

AS_IT_IS = "Check that it runs on the example input, or use chain(model)."
IN_PIECES = "FullyShardedDataParallel leaves no parameter its shape: trace the model before you wrap it."

WRAPPERS = (nn.DataParallel, nn.parallel.DistributedDataParallel)


def trace(model: nn.Module, /, *example_inputs: object, **example_kwargs: object) -> Topology:
    """Read the wiring of a model from its forward pass.

    The pass runs once in `torch.export` on tensors without data: no weight is used or copied, so a model on the "meta"
    device works. A pass of many operations is run on that device instead, which is faster. If neither is possible, the
    model is run normally, without data if it can be, otherwise on the example; `rung` of the result says which it was
    and why. The operations are then followed on node indices (see `flow.py`): the reader of a residual sum is joined to
    every producer, and slices, concatenations, heads or shuffled channels are exact. What is not understood is never
    guessed: `coverage` of the result lists every parameter, and why it is left out if it is.

    If values are combined without a weight, as in an attention score or a product, their reader is joined to all of
    them: so attention scores create edges from queries and keys to what reads their head. The nodes of recurrent layers
    are hidden units, joined by the norm over their gates; those of an embedding are tokens and the values of its rows;
    those of experts are each expert's neurons.

    A norm, an activation or a gate passes nodes on: edges are weights, so the statistics through which a layer norm or
    a softmax lets its channels see each other are not edges.

    Args:
        model: Any module; it is left as it is. The pass runs in evaluation mode, on a copy.
        example_inputs: Positional arguments of the forward pass, of the shape it will be used with; their values do
            not matter.
        example_kwargs: Keyword arguments of the forward pass.

    Raises:
        TracingError: The forward pass does not run on the example.

    Examples:
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
    if not example_inputs and not example_kwargs and (missing := _needed(inner)):
        raise TracingError(
            f"no example input was given for {missing}",
            "Pass what the model's forward pass takes: trace(model, images).",
        )
    if is_flattened(model):
        raise TracingError(f"the parameters of {type(inner).__name__} lie in pieces in a row", IN_PIECES)
    inner = _materialised(inner, example_inputs, example_kwargs)
    tied = tied_names(inner)
    first_names = {name: names[0] for names in tied for name in names}
    with nothing_left(inner), quiet():
        inputs = example_inputs, _uncached(inner, example_kwargs)
        rung, recorded, wiring = _climbed(inner, inputs, first_names)
    return Topology(
        parts=tuple(wiring.parts),
        joins=tuple(wiring.joins),
        folds=tuple(wiring.folds.values()),
        coverage=_coverage(inner, recorded, wiring, "the example does not reach it" if VALUES in rung else UNUSED),
        tied=tied,
        program=without_numbers(recorded),
        computed=wiring.computed,
        rung=rung,
    )


def _climbed(model: nn.Module, inputs: Inputs, first_names: Mapping[str, str]) -> tuple[str, Program, RolledWiring]:
    """The wiring from the first way of recording that works, and what was wrong with those before."""
    with nothing_left(model):  # a table that it has made for later would be in the way of the others
        long = run_if_long(model, inputs)
    if long is not None and not _counts_values(long):
        return LONG, (recorded := renamed(long, first_names)), _followed(recorded, names_in_checkpoints(model))
    found: list[str] = []
    for name, record in RUNGS:
        try:
            recorded = renamed(record(model, inputs), first_names)
        except Exception as error:
            found.append(_told(error))
            continue
        if name != VALUES and _counts_values(recorded):
            found.append("only the data say how many values a sparse tensor has")
            continue
        rung = " for ".join([name, *(["; ".join(found)] if found else [])])
        return rung, recorded, _followed(recorded, names_in_checkpoints(model))
    raise TracingError(f"the forward pass of {type(model).__name__} could not be run ({found[-1]})", AS_IT_IS)


def _counts_values(recorded: Program) -> bool:
    """Whether the values of a sparse tensor are taken out: in a run without data it has none."""
    return any(ops.base(step.operation) in ops.OF_SPARSE for step in recorded.steps)


def _told(error: Exception) -> str:
    """An error in one line."""
    return f"{type(error).__name__}: {first_line(error)}"


def _followed(recorded: Program, held: AbstractSet[str]) -> RolledWiring:
    probe = InputAxes()
    follow(recorded, probe)
    wiring = RolledWiring({name: probe.found(name) for name in probe.ranges}, probe.rows)
    follow(recorded, wiring)
    wiring.forgo(lambda program: _missing(program, held) or refusal(program))
    wiring.forget_unread_inputs()
    return wiring


def _missing(program: Program, held: AbstractSet[str]) -> str:
    """What no checkpoint holds of what a weight is computed of; empty if there is nothing."""
    missing = [source for source in program.sources if source.values is None and source.target not in held]
    return f"no checkpoint holds {missing[0].target}, which has the shape {missing[0].shape}" if missing else ""


def tied_names(model: nn.Module) -> tuple[tuple[str, ...], ...]:
    """Groups of parameter names that share one tensor."""
    groups: dict[int, list[str]] = {}
    for name, parameter in model.named_parameters(remove_duplicate=False):
        groups.setdefault(id(parameter), []).append(name)
    return tuple(tuple(names) for names in groups.values() if len(names) > 1)


def unwrapped(model: nn.Module, *, flattened: bool = True) -> nn.Module:
    """The model inside the wrappers of data-parallel training and `torch.compile`.

    Args:
        model: The model.
        flattened: Whether to look into `FullyShardedDataParallel`, too, where parameters have lost their shapes.
    """
    names = ("_orig_mod", "_fsdp_wrapped_module") if flattened else ("_orig_mod",)
    while True:
        held = (getattr(model, name, None) for name in names)
        inner = model.module if isinstance(model, WRAPPERS) else next((m for m in held if m is not None), None)
        if not isinstance(inner, nn.Module):
            return model
        model = inner


def _materialised(model: nn.Module, arguments: tuple[object, ...], options: dict[str, object]) -> nn.Module:
    """The model; if it has lazy layers without shapes, a copy that was run once."""
    if not any(isinstance(parameter, nn.UninitializedParameter) for parameter in model.parameters()):
        return model
    replica = with_values(model, (arguments, options))
    with nothing_left(model), quiet(), torch.no_grad():
        try:
            replica.model(*replica.inputs[0], **replica.inputs[1])
        except Exception as error:  # the model's own code runs here, and may raise anything
            raise TracingError(
                f"{type(model).__name__} has lazy layers, and could not be run ({_told(error)})",
                "Check that it runs on the example input.",
            ) from error
    return replica.model


def _parameters(model: nn.Module) -> Mapping[str, inspect.Parameter]:
    """What the forward pass takes, by name; nothing where that cannot be told, as of TorchScript."""
    try:
        return inspect.signature(model.forward).parameters
    except (TypeError, ValueError):
        return {}


def _needed(model: nn.Module) -> str:
    """The names of what the forward pass does not do without."""
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    parameters = _parameters(model).items()
    return ", ".join(name for name, one in parameters if one.kind in kinds and one.default is inspect.Parameter.empty)


def _uncached(model: nn.Module, options: dict[str, object]) -> dict[str, object]:
    """The options, and one that keeps language models from caching keys and values for further tokens."""
    takes = "use_cache" in _parameters(model)
    return {"use_cache": False, **options} if takes else options


def _coverage(model: nn.Module, recorded: Program, wiring: RolledWiring, unused: str) -> Coverage:
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
        return Entry(name, size, "left out", wiring.idle.get(name, unused))

    refs = {ref for step in recorded.steps for ref in step.refs}
    read = {source.target for source in recorded.sources if source.name in refs}
    entries = [entry(name, parameter.numel()) for name, parameter in model.named_parameters()]
    hidden = [(name, parameter) for name, parameter in unregistered(model).items() if name in read]
    entries += [Entry(name, parameter.numel(), "left out", NO_CHECKPOINT) for name, parameter in hidden]
    return Coverage(tuple(entries))
