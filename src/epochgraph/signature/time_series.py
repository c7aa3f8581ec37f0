"""Signature: what the graphs of one run say over time."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from jaxtyping import Bool, Float64

from epochgraph.errors import SettingError
from epochgraph.signature.names import columns


@dataclass(frozen=True, slots=True, eq=False)
class Signature:
    """What the graphs of one run say over time: one row per snapshot, one named column per feature.

    Attributes:
        times: The epoch of each snapshot, strictly increasing; 0 is the initial network.
        names: The name of each feature: what is measured / over which nodes / how it is summarised.
        values: The features; NaN where one is not defined.
        diverged: Whether each snapshot had NaN or infinite weights; its values are then NaN.

    Examples:
        >>> import torch
        >>> from epochgraph import rolled_graph, signature
        >>> run = [rolled_graph({"fc.weight": scale * torch.eye(2)}) for scale in (1, 2)]
        >>> taken = signature(run, measures=["degree"])
        >>> taken.times, taken.values.shape
        (array([0., 1.]), (2, 5))
        >>> taken.names[0], taken.values[:, 0]
        ('degree/graph/median', array([1., 2.]))
    """

    times: Float64[np.ndarray, "times"]
    names: tuple[str, ...]
    values: Float64[np.ndarray, "times features"]
    diverged: Bool[np.ndarray, "times"]

    def up_to(self, epoch: float) -> "Signature":
        """The signature as it was known once `epoch` had been completed.

        Raises:
            SettingError: No snapshot is that early.
        """
        known = self.times <= epoch
        if not known.any():
            raise SettingError("up_to", epoch, f"at least {min(self.times, default=0):g}, the first snapshot's epoch")
        return Signature(self.times[known], self.names, self.values[known], self.diverged[known])

    def concatenated(self) -> tuple[tuple[str, ...], Float64[np.ndarray, "concatenated"]]:
        """The temporal signature: the rows one after another, as one vector.

        Returns:
            The `Column` of each feature at each epoch, as text, and the values.

        References:
            Vahedian et al. 2022, section 3 (S3).
        """
        return _columns(self.names, tuple(self.times.tolist())), self.values.ravel()


@lru_cache(maxsize=4)  # all runs of a population have the same thousands of names, and come one after another
def _columns(names: tuple[str, ...], times: tuple[float, ...]) -> tuple[str, ...]:
    return columns(names, times)
