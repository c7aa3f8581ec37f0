"""What normalises between two layers."""

from math import gcd

from torch import Tensor, nn

from epochgraph.zoo.architectures.choices import Norm

GROUPED = 8
"""Channels that a group norm takes together: in groups of one, a map of a single place would become zero."""

_BATCH = (nn.BatchNorm1d, nn.BatchNorm1d, nn.BatchNorm2d)


class ChannelNorm(nn.Module):
    """A layer norm over the channels of each place, where the channels come first."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(channels)

    def forward(self, x: Tensor) -> Tensor:
        """Normalise the channels of each place on their own."""
        normalised: Tensor = self.norm(x.movedim(1, -1))
        return normalised.movedim(-1, 1)


def norm_layer(norm: Norm, channels: int, *, places: int) -> nn.Module:
    """A norm for values of shape (examples, channels, and as many dimensions as `places` says).

    Args:
        norm: Its kind; "none" gives the identity.
        channels: Channels that it normalises.
        places: Dimensions after the channels: 0 for rows, 1 for sequences, 2 for images.
    """
    match norm:
        case "none":
            return nn.Identity()
        case "batch":
            return _BATCH[places](channels)
        case "group":
            return nn.GroupNorm(gcd(channels, max(1, channels // GROUPED)), channels)
        case "layer":
            return ChannelNorm(channels) if places else nn.LayerNorm(channels)


def last_norm(norm: Norm, channels: int) -> nn.Module:
    """A norm for values whose channels come last, as in a transformer: a layer norm, or the identity."""
    return nn.LayerNorm(channels) if norm == "layer" else nn.Identity()
