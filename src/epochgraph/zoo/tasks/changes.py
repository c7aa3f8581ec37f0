"""A task -> the same with worse or fewer examples to train; those to validate and to test stay as they are."""

from dataclasses import replace

import torch

from epochgraph.errors import SettingError
from epochgraph.zoo.tasks.task import Examples, Task


def noisy(task: Task, share: float, seed: int) -> Task:
    """Replace some of the labels that a network learns from, each by another class at random.

    Args:
        task: A classification.
        share: Of the labels to replace, from 0 to 1.
        seed: Which labels, and by what.

    Returns:
        The task with exactly that share of wrong labels, to the nearest example.

    Raises:
        SettingError: The share is out of its range, or the task is no classification.
    """
    if not 0 <= share <= 1:
        raise SettingError("label noise", share, "between 0 and 1")
    labels = task.train.targets
    if labels.dtype != torch.int64 or labels.ndim != 1:
        raise SettingError("label noise", share, f"0 for {task.name}, which has no classes")
    generator = torch.Generator().manual_seed(seed)
    wrong = torch.randperm(len(labels), generator=generator)[: round(share * len(labels))]
    classes = task.form.outputs[0]
    changed = labels.clone()
    changed[wrong] = (labels[wrong] + torch.randint(1, classes, (len(wrong),), generator=generator)) % classes
    return replace(task, train=Examples(task.train.inputs, changed))


def subsampled(task: Task, share: float, seed: int, *, least: int = 1) -> Task:
    """Keep only a random share of the examples that a network learns from.

    Args:
        task: Any task.
        share: Of the examples to keep, above 0 and at most 1.
        seed: Which examples.
        least: How many to keep in any case, as far as there are so many, such as a batch.

    Raises:
        SettingError: The share is out of its range.
    """
    if not 0 < share <= 1:
        raise SettingError("share of the data", share, "above 0 and at most 1")
    count = min(max(round(share * len(task.train)), least, 1), len(task.train))
    order = torch.randperm(len(task.train), generator=torch.Generator().manual_seed(seed))
    return replace(task, train=task.train.taken(order[:count].sort().values))
