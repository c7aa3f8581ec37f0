"""A task -> the same task with worse or fewer training examples; validation and test examples stay as they are."""

from dataclasses import replace

import torch

from epochgraph.errors import SettingError
from epochgraph.zoo.tasks.task import Examples, Task


def noisy(task: Task, share: float, seed: int) -> Task:
    """Replace some of the training labels, each by another class at random.

    Args:
        task: A classification.
        share: The share of labels to replace, from 0 to 1.
        seed: Random seed of which labels, and by which classes.

    Returns:
        The task with exactly that share of wrong labels, to the nearest example.

    Raises:
        SettingError: The share is out of range, or the task is not a classification.
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
    """Keep only a random share of the training examples.

    Args:
        task: Any task.
        share: The share of examples to keep, above 0 and at most 1.
        seed: Random seed of which examples.
        least: The fewest to keep, such as a batch, if there are that many.

    Raises:
        SettingError: The share is out of range.
    """
    if not 0 < share <= 1:
        raise SettingError("share of the data", share, "above 0 and at most 1")
    count = min(max(round(share * len(task.train)), least, 1), len(task.train))
    order = torch.randperm(len(task.train), generator=torch.Generator().manual_seed(seed))
    return replace(task, train=task.train.taken(order[:count].sort().values))
