"""How the weights of a network begin."""

import functools
from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor, nn

Initialization = Literal["default", "he", "xavier", "orthogonal", "small", "large"]

SCALES = {"small": 0.5, "large": 2.0}
"""What the weights that PyTorch draws are multiplied by."""

WEIGHTED = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.ConvTranspose2d)

INITIALIZERS: dict[Initialization, Callable[[Tensor], Tensor]] = {
    "he": functools.partial(nn.init.kaiming_normal_, nonlinearity="relu"),
    "xavier": nn.init.xavier_uniform_,
    "orthogonal": nn.init.orthogonal_,
}


@torch.no_grad()
def initialize(model: nn.Module, initialization: Initialization) -> None:
    """Draw the weights of linear and convolutional layers anew, from torch's global random numbers.

    Norms, embeddings and recurrent layers stay as PyTorch draws them; so does everything for "default".

    References:
        He et al. 2015; Glorot and Bengio 2010 (xavier); Saxe et al. 2014 (orthogonal).
    """
    seen: set[int] = set()
    for module in model.modules():
        if not isinstance(module, WEIGHTED) or id(module.weight) in seen:
            continue
        seen.add(id(module.weight))
        if initialization in SCALES:
            module.weight.mul_(SCALES[initialization])
        elif initialization != "default":
            INITIALIZERS[initialization](module.weight)
