"""What the networks of a zoo learn: one file a kind of data."""

from epochgraph.zoo.tasks.task import Direction, Examples, Form, Kind, Loss, Metric, Task

__all__ = ["Direction", "Examples", "Form", "Kind", "Loss", "Metric", "Task"]
