"""How parameters, gradients and units of a network evolve in training, without a graph: a few numbers per snapshot.

Numbers that end in `norm`, `mean` or `std` have the scale of the weights; the others are shares, ratios or cosines,
independent of the step size, so that runs with different optimisers can be compared.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor, nn

from epochgraph.signature.names import FeatureName
from epochgraph.signature.scopes import DEPTHS
from epochgraph.zoo.architectures.choices import ACTIVATIONS

GRADIENTS = 4
"""The number of steps before a snapshot whose gradients are looked at."""

SATURATED = 0.99
"""The share of its range that the output of a saturated unit exceeds; only tanh has a range."""

ALL = "all"

PARAMETER_FEATURES = (
    ("norm",),
    ("mean",),
    ("std",),
    ("relative_change", "initial"),
    ("relative_change", "previous"),
    ("alignment",),
    ("straightness",),
    ("effective_rank",),
    ("evenness",),
)
GRADIENT_FEATURES = (("norm",), ("mean",), ("std",), ("signal_to_noise",))
UPDATE_FEATURES = (("to_weights",), ("evenness",))
UNIT_FEATURES = (("dead",), ("zero",), ("saturated",))
"""Each as the summary of a `FeatureName`, and since when."""

Tensors = list[Tensor]
Group = tuple[str, Sequence[int]]


def feature_names(groups: Sequence[Group]) -> list[str]:
    """The names of all features of a snapshot, in order."""
    names: list[FeatureName] = []
    for what, features in (
        ("parameters", PARAMETER_FEATURES),
        ("gradients", GRADIENT_FEATURES),
        ("update", UPDATE_FEATURES),
    ):
        names += [FeatureName(what, group, *feature) for group, _ in groups for feature in features]
    names += [FeatureName("units", ALL, *feature) for feature in UNIT_FEATURES]
    return [str(name) for name in names]


def depth_groups(count: int) -> list[Group]:
    """All parameters, and their thirds by position in the network."""
    thirds = [min(2, 3 * index // max(1, count - 1)) for index in range(count)]
    groups: list[Group] = [(ALL, range(count))]
    for number, depth in enumerate(DEPTHS):
        groups.append((f"depth:{depth}", [index for index, third in enumerate(thirds) if third == number]))
    return groups


@dataclass(slots=True)
class Dynamics:
    """Follows one network through its training.

    Call `before_step` in every step, once the gradients are there, and `observe` at every snapshot.

    Args:
        probe: Inputs, ready for the network, that its units are looked at with.
    """

    probe: Tensor
    _initial: Tensors = field(default_factory=list)
    _previous: Tensors = field(default_factory=list)
    _change: Tensors = field(default_factory=list)
    _path: np.ndarray = field(default_factory=lambda: np.zeros(0))
    _before: Tensors = field(default_factory=list)
    _gradients: Tensors = field(default_factory=list)
    _gradient_squares: list[np.ndarray] = field(default_factory=list)

    def before_step(self, model: nn.Module, remaining: int) -> None:
        """Look at the gradients of a step.

        Args:
            model: The network, with the gradients of the step.
            remaining: The number of steps until the next snapshot; only the last few steps are kept.
        """
        if remaining >= GRADIENTS:
            return
        found = [parameter.grad for parameter in model.parameters()]
        gradients = [
            torch.zeros_like(parameter) if gradient is None else gradient.detach()
            for parameter, gradient in zip(model.parameters(), found, strict=True)
        ]
        if not self._gradients:
            self._gradients = [gradient.clone() for gradient in gradients]
        else:
            torch._foreach_add_(self._gradients, gradients)
        self._gradient_squares.append(_squares(gradients))
        if remaining == 0:
            self._before = [parameter.detach().clone() for parameter in model.parameters()]

    def observe(self, model: nn.Module) -> dict[str, float]:
        """The features of a snapshot; all NaN once the network has diverged.

        Returns:
            `feature_names`; gradients and update are NaN before the first step.
        """
        now = [parameter.detach().clone() for parameter in model.parameters()]
        groups = depth_groups(len(now))
        names = feature_names(groups)
        if not all(bool(torch.isfinite(tensor).all()) for tensor in now):
            self._forget_steps()
            return dict.fromkeys(names, np.nan)
        self._initial = self._initial or now
        values = [*self._of_parameters(now, groups), *self._of_gradients(groups), *self._of_update(now, groups)]
        values += unit_shares(model, self.probe)
        self._previous = now
        self._forget_steps()
        return dict(zip(names, values, strict=True))

    def _forget_steps(self) -> None:
        self._gradients, self._gradient_squares, self._before = [], [], []

    def _of_parameters(self, now: Tensors, groups: Sequence[Group]) -> list[float]:
        previous = self._previous or now
        since_initial = [a - b for a, b in zip(now, self._initial, strict=True)]
        change = [a - b for a, b in zip(now, previous, strict=True)]
        if not len(self._path):
            self._path = np.zeros(len(groups))
        sizes = np.array([tensor.numel() for tensor in now], dtype=np.float64)
        sums = np.array([float(tensor.double().sum()) for tensor in now])
        squares, initial_squares = _squares(now), _squares(self._initial)
        moved, stepped, stepped_before = _squares(since_initial), _squares(change), _squares(self._change or change)
        products = _products(change, self._change) if self._change else np.full(len(now), np.nan)
        ranks = np.array([_effective_rank(tensor) for tensor in since_initial])
        evenness = _evenness(since_initial)
        values = []
        for place, (_, chosen) in enumerate(groups):
            at = list(chosen)
            self._path[place] += np.sqrt(stepped[at].sum())
            mean = _ratio(sums[at].sum(), sizes[at].sum())
            values += [
                float(np.sqrt(squares[at].sum())),
                mean,
                float(np.sqrt(max(0.0, _ratio(squares[at].sum(), sizes[at].sum()) - mean**2))),
                _root_ratio(moved[at].sum(), initial_squares[at].sum()),
                _root_ratio(stepped[at].sum(), squares[at].sum()),
                _ratio(products[at].sum(), np.sqrt(stepped[at].sum() * stepped_before[at].sum())),
                _ratio(np.sqrt(moved[at].sum()), self._path[place]),
                _mean(ranks[at]),
                _mean(evenness[at]),
            ]
        self._change = change if self._previous else []
        return values

    def _of_gradients(self, groups: Sequence[Group]) -> list[float]:
        count = len(self._gradient_squares)
        if not count:
            return [np.nan] * len(groups) * len(GRADIENT_FEATURES)
        mean = [total / count for total in self._gradients]
        sizes = np.array([tensor.numel() for tensor in mean], dtype=np.float64)
        sums = np.array([float(tensor.double().sum()) for tensor in mean])
        squares, spread = _squares(mean), np.mean(self._gradient_squares, axis=0)
        values = []
        for _, chosen in groups:
            at = list(chosen)
            signal, total = squares[at].sum(), spread[at].sum()
            average = _ratio(sums[at].sum(), sizes[at].sum())
            deviation = np.sqrt(max(0.0, _ratio(signal, sizes[at].sum()) - average**2))
            noise = total - signal if count > 1 and np.isfinite(total) else np.nan
            values += [float(np.sqrt(signal)), average, float(deviation), _root_ratio(signal, noise)]
        return values

    def _of_update(self, now: Tensors, groups: Sequence[Group]) -> list[float]:
        if not self._before:
            return [np.nan] * len(groups) * len(UPDATE_FEATURES)
        update = [a - b for a, b in zip(now, self._before, strict=True)]
        moved, squares, evenness = _squares(update), _squares(self._before), _evenness(update)
        values = []
        for _, chosen in groups:
            at = list(chosen)
            values += [_root_ratio(moved[at].sum(), squares[at].sum()), _mean(evenness[at])]
        return values


@torch.inference_mode()
def unit_shares(model: nn.Module, probe: Tensor) -> list[float]:
    """The shares of the outputs of all activation functions that are dead, zero or saturated.

    A unit is dead if it is zero for every input of the probe; only tanh can saturate.

    Returns:
        `UNIT_FEATURES`; NaN where the network has no such activation function.
    """
    counts = np.zeros((3, 2))
    with _outputs_of(model) as outputs:
        was_training = model.training
        model.eval()
        model(probe)
        model.train(was_training)
        for module, output in outputs:
            zero = output.abs() <= 1e-6
            counts[0] += float(zero.all(0).sum()), output[0].numel()
            counts[1] += float(zero.sum()), output.numel()
            if isinstance(module, nn.Tanh):
                counts[2] += float((output.abs() > SATURATED).sum()), output.numel()
    return [_ratio(found, total) for found, total in counts]


@contextmanager
def _outputs_of(model: nn.Module) -> Iterator[list[tuple[nn.Module, Tensor]]]:
    """Collect the outputs of a network's activation functions while it is run within the block."""
    found: list[tuple[nn.Module, Tensor]] = []

    def keep(module: nn.Module, _: object, output: Tensor) -> None:
        found.append((module, output))

    kinds = tuple(kind for kind in ACTIVATIONS.values() if isinstance(kind, type))
    handles = [module.register_forward_hook(keep) for module in model.modules() if isinstance(module, kinds)]
    try:
        yield found
    finally:
        for handle in handles:
            handle.remove()


def _squares(tensors: Sequence[Tensor]) -> np.ndarray:
    """The sum of squares of each tensor."""
    return np.array([float(tensor.square().sum(dtype=torch.float64)) for tensor in tensors])


def _products(a: Sequence[Tensor], b: Sequence[Tensor]) -> np.ndarray:
    """The inner product of each pair of tensors."""
    return np.array([float((x * y).sum(dtype=torch.float64)) for x, y in zip(a, b, strict=True)])


def _evenness(tensors: Sequence[Tensor]) -> np.ndarray:
    """For each tensor the squared mean magnitude of its entries over their mean square: 1 if all are equal.

    A step of Adam is nearly even, one of SGD has heavy tails.
    """
    return np.array([_ratio(float(t.abs().mean()) ** 2, float(t.square().mean())) for t in tensors])


def _effective_rank(change: Tensor) -> float:
    """How many directions a matrix has, from 0 to 1: the exponential of the entropy of its squared singular values.

    NaN for a vector, or where nothing has changed.

    References:
        Roy and Vetterli 2007, "The effective rank".
    """
    if change.ndim < 2:
        return np.nan
    matrix = change.flatten(1).double()
    matrix = matrix if matrix.shape[0] <= matrix.shape[1] else matrix.T
    energies = torch.linalg.eigvalsh(matrix @ matrix.T).clamp_min(0)
    total = float(energies.sum())
    if not 0 < total < np.inf:
        return np.nan
    shares = energies / total
    return float(torch.special.entr(shares).sum().exp()) / len(shares)


def _ratio(a: float, b: float) -> float:
    return float(a / b) if b else np.nan


def _root_ratio(a: float, b: float) -> float:
    return float(np.sqrt(a / b)) if b > 0 else np.nan


def _mean(values: np.ndarray) -> float:
    """The mean of the values that are numbers; NaN if none is."""
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else np.nan
