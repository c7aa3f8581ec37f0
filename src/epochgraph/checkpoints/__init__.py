"""path -> Checkpoint: named tensors, read lazily; folder -> CheckpointRun: the checkpoints of a run in time order.

Files may come from untrusted sources: nothing in them is ever imported or run.
"""

from epochgraph.checkpoints.checkpoint import Checkpoint, Stored
from epochgraph.checkpoints.loading import load_checkpoint
from epochgraph.checkpoints.location import Buffer, Location
from epochgraph.checkpoints.run import CheckpointRun, read_run

__all__ = ["Buffer", "Checkpoint", "CheckpointRun", "Location", "Stored", "load_checkpoint", "read_run"]
