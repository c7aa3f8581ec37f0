"""An MLP-mixer: linear layers across the patches of an image, and across the channels of each patch.

References:
    Tolstikhin et al.: MLP-Mixer: an all-MLP architecture for vision, NeurIPS 2021, section 2.
"""

from torch import Tensor, nn

from epochgraph.zoo.architectures.choices import Choices
from epochgraph.zoo.architectures.layers import Added, ChannelsLast, Mean, head, hidden, image_patches, shape_of
from epochgraph.zoo.architectures.norms import last_norm
from epochgraph.zoo.tasks.task import Form


def mixer(form: Form, choices: Choices) -> nn.Module:
    """Patches, `depth` pairs of mixing layers on `width` channels, the mean over the patches and a linear layer."""
    width = choices.width
    patches = nn.Sequential(image_patches(form, width), ChannelsLast())
    places = shape_of(patches, form.inputs)[0]
    layers: list[nn.Module] = []
    for _ in range(choices.depth):
        layers.append(Added(last_norm(choices.norm, width), Across(hidden(places, 2 * places, places, choices))))
        layers.append(Added(last_norm(choices.norm, width), hidden(width, 2 * width, width, choices)))
    return nn.Sequential(patches, *layers, last_norm(choices.norm, width), Mean(1), head(width, form))


class Across(nn.Module):
    """Layers that read along the places of (examples, places, channels), the same for each channel."""

    def __init__(self, body: nn.Module) -> None:
        super().__init__()
        self.body = body

    def forward(self, x: Tensor) -> Tensor:
        """Mix the places of each channel."""
        mixed: Tensor = self.body(x.transpose(1, 2))
        return mixed.transpose(1, 2)
