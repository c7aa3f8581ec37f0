"""Decomposes an operation without a rule into simpler ones, by PyTorch's own decompositions."""

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, TypeAlias

import torch
from torch import Tensor, fx
from torch._C import DispatchKey
from torch._decomp import decomposition_table
from torch._ops import OpOverload
from torch._subclasses.fake_tensor import FakeTensor
from torch.func import functionalize
from torch.fx.experimental.proxy_tensor import make_fx
from torch.utils import _pytree as pytree

from epochgraph.topology import operations as ops
from epochgraph.topology.computing import COMPUTABLE
from epochgraph.topology.rules import RULES

Table: TypeAlias = Mapping[OpOverload, Callable[..., Any]]


def has_rule(operation: str, arguments: tuple[Any, ...] = ()) -> bool:
    """Whether an operation is followed as it is.

    Args:
        operation: Its name, such as "aten.conv2d.default".
        arguments: Those that it is called with: of a sum over several products, the equation.
    """
    name = ops.base(operation)
    if name == "einsum" and arguments:
        return _is_plain(str(arguments[0]))
    if name == "broadcast_tensors":  # each of its results is made of one operand alone
        return False
    return name in RULES or name in COMPUTABLE


def _is_plain(equation: str) -> bool:
    """Whether an Einstein sum is a product of at most two values, none of which is read along a diagonal."""
    terms = equation.replace(" ", "").replace("...", "").partition("->")[0].split(",")
    return len(terms) <= 2 and all(len(set(term)) == len(term) for term in terms)


@cache
def decompositions() -> Table:
    """How PyTorch computes the operations that have no rule; it is put together when it is first needed."""
    return {
        operation: how
        for operation, how in decomposition_table.items()
        if isinstance(operation, OpOverload) and not has_rule(str(operation))
    }


def simpler_form(function: OpOverload) -> Callable[..., Any] | None:
    """What computes the same by simpler operations; None where PyTorch has no such form."""
    if function.namespace == "prim":  # TorchScript's own, of which the dispatcher knows nothing
        return None
    if function.has_kernel_for_dispatch_key(DispatchKey.CompositeImplicitAutograd):
        return function.decompose
    return decompositions().get(function)


def taken_apart(function: OpOverload, arguments: tuple[Any, ...], options: Mapping[str, Any]) -> fx.GraphModule | None:
    """The graph of simpler operations that gives the same, with a placeholder for each tensor in order.

    Args:
        function: The operation.
        arguments: Positional arguments, the tensors among them without data.
        options: Keyword arguments, likewise.

    Returns:
        The graph; None where PyTorch has no simpler form.
    """
    leaves, form = pytree.tree_flatten((arguments, dict(options)))
    places = [place for place, leaf in enumerate(leaves) if isinstance(leaf, Tensor)]
    mode = next((leaves[place].fake_mode for place in places if isinstance(leaves[place], FakeTensor)), None)
    if mode is None:
        return None

    def run(*tensors: Tensor) -> Any:
        filled = list(leaves)
        for place, tensor in zip(places, tensors, strict=True):
            filled[place] = tensor
        given, named = pytree.tree_unflatten(filled, form)
        return function(*given, **named)

    trace = make_fx(functionalize(run, remove="mutations"), decomposition_table=dict(decompositions()))
    try:
        with mode, torch.no_grad():
            graph = trace(*(_anew(leaves[place]) for place in places))
    except Exception:
        return None
    calls = [node for node in graph.graph.nodes if node.op == "call_function"]
    return None if any(node.target is function for node in calls) else graph


def _anew(tensor: Tensor) -> Tensor:
    """A tensor of the same form that is no part of a gradient: torch ends the process where one is traced twice."""
    if tensor.layout is not torch.strided:
        return tensor
    return torch.empty_strided(tensor.shape, tensor.stride(), dtype=tensor.dtype, device=tensor.device)
