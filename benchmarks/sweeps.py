"""The loop that trains sweeps beside a bare PyTorch loop, and what recording costs: one run of each kind of task."""

import os
import time
from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor, nn

from benchmarks.timing import report, seconds
from epochgraph.topology import trace
from epochgraph.zoo.architectures.choices import Choices
from epochgraph.zoo.architectures.families import FAMILIES
from epochgraph.zoo.optimizers import Plan
from epochgraph.zoo.sweeps.dynamics import Dynamics
from epochgraph.zoo.sweeps.recipe import LOOKS
from epochgraph.zoo.sweeps.recording import SweepRecorder
from epochgraph.zoo.tasks import TASKS, Task
from epochgraph.zoo.training import Training

KINDS = {
    "cifar10-small": ("resnet", 12, 2, "batch"),
    "spoken-digits-waveform": ("tcn", 24, 3, "none"),
    "shakespeare-characters": ("gpt", 48, 2, "layer"),
    "python-docs": ("gru", 48, 1, "none"),
    "digits": ("cnn", 12, 2, "none"),
    "friedman": ("mlp", 64, 2, "none"),
    "generated-series": ("tcn", 24, 3, "none"),
    "digits-reconstruction": ("autoencoder", 12, 2, "none"),
}
"""Task -> architecture, width, depth and norm."""

PLAN = Plan(learning_rate=1e-3, epochs=1, batch_size=64, optimizer="AdamW")
BUDGET = 6
"""Epochs that a run is recorded over."""


def network(task: Task, name: str) -> nn.Module:
    """The network of a task."""
    architecture, width, depth, norm = KINDS[name]
    torch.manual_seed(0)
    choices = Choices(width=width, depth=depth, norm=norm, activation="relu")  # type: ignore[arg-type]
    return FAMILIES[architecture].build(task.form, choices)


def bare(task: Task, model: nn.Module) -> None:
    """An epoch as one writes it by hand: no reports, nothing recorded."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=PLAN.learning_rate)
    model.train()
    for inputs, targets in batches(task):
        optimizer.zero_grad()
        task.loss(model(task.prepared(inputs)), targets, 0.0).backward()  # type: ignore[no-untyped-call]
        optimizer.step()


def batches(task: Task) -> Iterator[tuple[Tensor, Tensor]]:
    """Examples in random order."""
    for chosen in torch.split(torch.randperm(len(task.train)), PLAN.batch_size):
        yield task.train.inputs[chosen], task.train.targets[chosen]


def steps(task: Task, model: nn.Module) -> float:
    """Seconds of the steps of an epoch by the loop of the zoo, without evaluation, which a bare loop lacks."""
    *_, last = Training(model, task, PLAN).reports()
    return last.seconds


def recording(task: Task, name: str) -> tuple[float, float]:
    """Processor seconds of the steps of a whole run, and of all that is recorded of it, tracing included."""
    model = network(task, name)
    plan = Plan(learning_rate=1e-3, epochs=BUDGET, batch_size=64, optimizer="AdamW")
    begin = time.process_time()
    probe = task.prepared(task.validation.inputs[:64])
    recorder = SweepRecorder(trace(model.eval(), probe[:2]), Dynamics(probe))
    recorded = time.process_time() - begin
    trained = 0.0
    looks = [share * BUDGET for share in LOOKS]
    for found in Training(model, task, plan, looks=looks, before_step=recorder.dynamics.before_step).reports():
        recorded += recorder.observe(model, found.epoch)
        trained += found.core_seconds if found.epoch % 1 == 0 else 0.0
    return trained, recorded


def main() -> None:
    data = Path(os.environ.get("EPOCHGRAPH_DATA", "../shared/data"))
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # as a worker of the zoo
    trace(nn.Linear(2, 2), torch.zeros(1, 2))  # what the first trace of a process imports is no cost of a run
    for name in KINDS:
        try:
            task = TASKS[name](data)
        except Exception as error:
            report(f"sweeps, {name}, skipped", reason=str(error))
            continue
        model = network(task, name)
        ours: list[float] = []
        taken = seconds(
            {"bare": lambda: bare(task, model), "ours": lambda: ours.append(steps(task, model))},  # noqa: B023
            rounds=5,
        )
        trained, recorded = recording(task, name)
        report(
            f"one epoch of {name}, {KINDS[name][0]}, one core",
            speed_of_a_bare_loop=taken["bare"] / min(ours[1:]),
            recorded_share_of_a_run=recorded / (trained + recorded),
            run_core_seconds=trained,
        )
    torch.set_num_threads(threads)


if __name__ == "__main__":
    main()
