"""Names in `torch.optim` and `torch.optim.lr_scheduler` -> the optimiser of a run."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.optim import Optimizer, lr_scheduler
from torch.optim.lr_scheduler import LRScheduler

from epochgraph.errors import SettingError

Schedule = Literal["constant", "cosine", "step", "warmup-cosine", "one-cycle"]

Argument = float | bool

OPTIMIZERS: dict[str, tuple[str, Mapping[str, Argument]]] = {
    "SGD": ("SGD", {}),
    "SGD-momentum": ("SGD", {"momentum": 0.9}),
    "SGD-nesterov": ("SGD", {"momentum": 0.9, "nesterov": True}),
    "Adam": ("Adam", {}),
    "AdamW": ("AdamW", {}),
    "RMSprop": ("RMSprop", {}),
    "Adagrad": ("Adagrad", {}),
    "NAdam": ("NAdam", {}),
    "Muon": ("Muon", {}),
}
"""Families of optimisers: the class of `torch.optim`, and the arguments that make the family."""

FALL = 0.1
"""The factor of the "step" schedule for the learning rate, after one half and three quarters of all steps."""

WARMUP = 0.1
"""The share of all steps during which the learning rate rises to its peak, if a schedule warms up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How a network is trained on a task.

    Attributes:
        learning_rate: The peak of the schedule, above 0.
        epochs: Passes over the training examples, at least 1.
        batch_size: Examples per step, at least 1.
        seed: Random seed of the initial weights, of the order of the examples and of dropout, at least 0.
        optimizer: One of `OPTIMIZERS`.
        arguments: Further arguments of the optimiser, such as `weight_decay`.
        schedule: How the learning rate changes over the steps.
        label_smoothing: Share of the target that is spread over all classes, in [0, 1).

    Raises:
        SettingError: A value is out of its range.
    """

    learning_rate: float
    epochs: int
    batch_size: int
    seed: int = 0
    optimizer: str = "SGD"
    arguments: Mapping[str, Argument] = field(default_factory=dict)
    schedule: Schedule = "constant"
    label_smoothing: float = 0.0

    def __post_init__(self) -> None:
        for name, least in (("epochs", 1), ("batch_size", 1), ("seed", 0)):
            if getattr(self, name) < least:
                raise SettingError(name, getattr(self, name), f"at least {least}")
        for name, known in (("optimizer", OPTIMIZERS), ("schedule", SCHEDULES)):
            if getattr(self, name) not in known:
                raise SettingError(name, getattr(self, name), f"one of {', '.join(known)}")


class Descent:
    """The optimisers and schedules of one run, as one.

    Muon is only for the matrices between hidden layers: AdamW takes the steps of all other parameters, at the same
    learning rate (Muon's steps are scaled to those of AdamW).

    Args:
        model: Its parameters are changed by `step`.
        plan: Which optimiser, and how its learning rate changes.
        steps: All steps of the run, which schedules are stretched over.

    References:
        Jordan et al. 2024, Muon; Liu et al. 2025, "Muon is scalable for LLM training" (the scale of its steps).
    """

    def __init__(self, model: nn.Module, plan: Plan, steps: int) -> None:
        self.optimizers = _optimizers(model, plan)
        self.schedules = [schedule for one in self.optimizers for schedule in _schedules(one, plan, steps)]

    @property
    def learning_rate(self) -> float:
        """The learning rate of the next step."""
        return float(self.optimizers[0].param_groups[0]["lr"])

    def zero_grad(self) -> None:
        """Forget the gradients of the last step."""
        for optimizer in self.optimizers:
            optimizer.zero_grad()

    def step(self) -> None:
        """Change the parameters, and advance the schedule."""
        for optimizer in self.optimizers:
            optimizer.step()
        for schedule in self.schedules:
            schedule.step()

    def state(self) -> dict[str, Any]:
        """Everything that determines later steps, as tensors and plain values."""
        return {
            "optimizers": [optimizer.state_dict() for optimizer in self.optimizers],
            "schedules": [schedule.state_dict() for schedule in self.schedules],
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Continue from the state of another run with the same model and plan."""
        for kind in ("optimizers", "schedules"):
            for own, kept in zip(getattr(self, kind), state[kind], strict=True):
                own.load_state_dict(kept)


def _optimizers(model: nn.Module, plan: Plan) -> list[Optimizer]:
    name, common = OPTIMIZERS[plan.optimizer]
    arguments: dict[str, Any] = {**common, **plan.arguments}
    if name != "Muon":
        return [getattr(torch.optim, name)(model.parameters(), lr=plan.learning_rate, **arguments)]
    hidden = _hidden_matrices(model)
    rest = [parameter for parameter in model.parameters() if not _among(parameter, hidden)]
    found: list[Optimizer] = [torch.optim.AdamW(rest, lr=plan.learning_rate, **arguments)] if rest else []
    if hidden:
        found.append(torch.optim.Muon(hidden, lr=plan.learning_rate, adjust_lr_fn="match_rms_adamw", **arguments))
    return found


def _hidden_matrices(model: nn.Module) -> list[Tensor]:
    """The weights of all linear layers except the first and the last."""
    linear = [module.weight for module in model.modules() if isinstance(module, nn.Linear)]
    tables = [module.weight for module in model.modules() if isinstance(module, nn.Embedding)]
    return [weight for weight in linear[1:-1] if not _among(weight, tables)]


def _among(parameter: Tensor, others: Iterable[Tensor]) -> bool:
    return any(parameter is other for other in others)


def _cosine(optimizer: Optimizer, _: float, steps: int) -> LRScheduler:
    return lr_scheduler.CosineAnnealingLR(optimizer, T_max=steps)


def _step(optimizer: Optimizer, _: float, steps: int) -> LRScheduler:
    return lr_scheduler.MultiStepLR(optimizer, [max(1, steps // 2), max(2, 3 * steps // 4)], gamma=FALL)


def _warmup_cosine(optimizer: Optimizer, _: float, steps: int) -> LRScheduler:
    rising = max(1, round(WARMUP * steps))
    parts: Sequence[LRScheduler] = (
        lr_scheduler.LinearLR(optimizer, start_factor=1 / rising, total_iters=rising),
        lr_scheduler.CosineAnnealingLR(optimizer, T_max=max(1, steps - rising)),
    )
    return lr_scheduler.SequentialLR(optimizer, [*parts], milestones=[rising])


def _one_cycle(optimizer: Optimizer, height: float, steps: int) -> LRScheduler:
    # one step more than is taken: the schedule raises an error after its last step
    return lr_scheduler.OneCycleLR(optimizer, height, total_steps=steps + 1, cycle_momentum=False)


SCHEDULES: dict[Schedule, Callable[[Optimizer, float, int], LRScheduler] | None] = {
    "constant": None,
    "cosine": _cosine,
    "step": _step,
    "warmup-cosine": _warmup_cosine,
    "one-cycle": _one_cycle,
}
"""How the learning rate may change over a run, by classes of `torch.optim.lr_scheduler`."""


def _schedules(optimizer: Optimizer, plan: Plan, steps: int) -> list[LRScheduler]:
    made = SCHEDULES[plan.schedule]
    return [made(optimizer, plan.learning_rate, steps)] if made else []
