"""Networks of one architecture -> one function of all their weights, which a GPU computes as few large operations.

For a small network, a step on a GPU costs little more than launching its kernels. Side by side, the convolutions of
all networks become one grouped convolution, and their linear layers one batched product.
"""

import copy
import math
from collections.abc import Sequence

import torch
from jaxtyping import Float, Float32, Int64
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional

from epochgraph.errors import SettingError
from epochgraph.zoo.batches import cropped, padded
from epochgraph.zoo.datasets import Dataset
from epochgraph.zoo.settings import TrainingSettings

Weights = Float32[Tensor, "networks weights"]
Outputs = Float32[Tensor, "networks images classes"]
Draws = Int64[Tensor, "4 networks images"]
Named = dict[str, Tensor]


class Stack:
    """Networks of one architecture side by side.

    Args:
        models: At least one; they differ in their weights and in the probabilities of their `nn.Dropout` only.
        device: Where they are computed; their weights are copied there.

    Attributes:
        models: The networks themselves: they stay as they are until `write`.
        weights: All parameters, one row per network; to be changed in place.
        buffers: The networks' buffers by name, with the network as first dimension; to be changed in place.

    Raises:
        SettingError: The networks have other parameters or buffers than the first, or there is none.
    """

    def __init__(self, models: Sequence[nn.Module], device: torch.device) -> None:
        for number, model in enumerate(models):
            if _shapes(model) != _shapes(models[0]):
                raise SettingError(f"network {number}", _shapes(model), f"like the first: {_shapes(models[0])}")
        if not models:
            raise SettingError("networks", [], "at least one")
        self.models = tuple(models)
        rows = [nn.utils.parameters_to_vector(model.parameters()).detach() for model in models]
        self.weights: Weights = torch.stack(rows).to(device)
        self.buffers = {
            name: torch.stack([model.get_buffer(name) for model in models]).to(device)
            for name, _ in models[0].named_buffers()
        }
        self._template, self._kept = _stackable(self.models, device)

    def parameters(self) -> Named:
        """Views of the weights, named as in the networks, with the network as first dimension."""
        shapes = {name: parameter.shape for name, parameter in self._template.named_parameters()}
        parts = torch.split(self.weights, [math.prod(shape) for shape in shapes.values()], dim=1)
        return {name: part.view(-1, *shape) for (name, shape), part in zip(shapes.items(), parts, strict=True)}

    def outputs(self, parameters: Named, buffers: Named, images: Tensor, *, training: bool) -> Outputs:
        """The output of each network for its images.

        Args:
            parameters: As from `parameters`.
            buffers: As `buffers`; changed in place by training, if there is batch norm.
            images: One batch for all networks; or a batch for each, with the network as first dimension.
            training: Whether dropout drops, by torch's global random numbers, and batch norm looks at the batch.
        """
        self._template.train(training)
        own = 0 if images.dim() == 5 else None
        found: Outputs = torch.vmap(self._one, in_dims=(0, own), randomness="different")(
            {**parameters, **buffers, **self._kept}, images
        )
        return found

    def _one(self, state: Named, images: Tensor) -> Tensor:
        outputs: Tensor = functional_call(self._template, state, (images,))
        return outputs

    @torch.no_grad()
    def write(self) -> None:
        """Write the weights and buffers into the networks themselves, in evaluation mode."""
        parameters, buffers = (
            {name: tensor.cpu() for name, tensor in stacked.items()} for stacked in (self.parameters(), self.buffers)
        )
        for number, model in enumerate(self.models):
            for name, parameter in model.named_parameters():
                parameter.copy_(parameters[name][number])
            for name, buffer in model.named_buffers():
                buffer.copy_(buffers[name][number])
            model.eval()


class Descent:
    """SGD with momentum for each network of a stack separately, without ever waiting for the device.

    Attributes:
        velocity: The last step of each network, without the learning rate.
        finite: Whether all losses of a network have been finite so far: other networks no longer change.
        loss: Sum of the losses of each network since it was last set to 0.
        right: Number of its right answers, likewise.
    """

    def __init__(self, stack: Stack, train: Dataset, settings: Sequence[TrainingSettings]) -> None:
        self._stack = stack
        self._images = padded(train.images, settings[0].crop_padding)
        self._labels = train.labels
        self._size = train.image_size
        self._momentum = settings[0].momentum
        place = stack.weights.device
        self._rates = torch.tensor([[own.learning_rate] for own in settings], device=place)
        self.velocity = torch.zeros_like(stack.weights)
        self.finite = torch.ones(len(settings), dtype=torch.bool, device=place)
        self.loss = torch.zeros(len(settings), dtype=torch.float64, device=place)
        self.right = torch.zeros(len(settings), dtype=torch.int64, device=place)

    def step(self, draw: Draws) -> None:
        """Take one step with a batch for each network, all in place, as a CUDA graph needs it."""
        draw = draw.to(self._images.device)
        images = cropped(self._images, draw.flatten(1), self._size)
        images = images.view(*draw.shape[1:], *images.shape[1:])
        parameters = {name: view.detach().requires_grad_() for name, view in self._stack.parameters().items()}
        buffers = {name: buffer.clone() for name, buffer in self._stack.buffers.items()}
        outputs = self._stack.outputs(parameters, buffers, images, training=True)
        losses, right = judged(outputs, self._labels[draw[0]])
        gradients = torch.autograd.grad(losses.sum(), list(parameters.values()))
        self._move(torch.cat([gradient.flatten(1) for gradient in gradients], dim=1), buffers)
        self.loss += losses.detach().double() * draw.shape[2]
        self.right += right
        self.finite &= losses.isfinite()  # after the step that follows from the loss

    @torch.no_grad()
    def _move(self, gradients: Weights, buffers: Named) -> None:
        weights, moves = self._stack.weights, self.finite[:, None]
        velocity = self._momentum * self.velocity + gradients
        self.velocity.copy_(torch.where(moves, velocity, self.velocity))
        weights.copy_(torch.where(moves, weights - self._rates * velocity, weights))
        for name, after in buffers.items():
            before = self._stack.buffers[name]
            before.copy_(torch.where(moves.view(-1, *[1] * (before.dim() - 1)), after, before))


def judged(outputs: Outputs, labels: Int64[Tensor, "networks images"]) -> tuple[Float[Tensor, " networks"], Tensor]:
    """Mean cross-entropy of each network, and number of its right answers."""
    losses = functional.cross_entropy(outputs.flatten(0, 1), labels.flatten(), reduction="none")
    return losses.view(labels.shape).mean(1), (outputs.argmax(2) == labels).sum(1)


class _Dropout(nn.Module):
    """Dropout with a probability in a buffer, one for each network of a stack."""

    kept: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("kept", torch.ones(()))

    def forward(self, x: Tensor) -> Tensor:
        return x * (torch.rand_like(x) < self.kept) / self.kept if self.training else x


class _Mean(nn.Module):
    """The mean over the whole map; PyTorch's own pool would compute it network by network."""

    def forward(self, x: Tensor) -> Tensor:
        return x.mean((-2, -1), keepdim=True)


def _stackable(models: tuple[nn.Module, ...], device: torch.device) -> tuple[nn.Module, Named]:
    """A network without weights that represents all, and by name the probabilities of each network's dropouts."""
    template = copy.deepcopy(models[0]).to("meta")
    kept: Named = {}
    for name, module in models[0].named_modules():
        if isinstance(module, nn.AdaptiveAvgPool2d) and module.output_size in {1, (1, 1)}:
            template.set_submodule(name, _Mean())
        if isinstance(module, nn.Dropout):
            alike = [model.get_submodule(name) for model in models]
            shares = [1 - own.p for own in alike if isinstance(own, nn.Dropout)]
            drops = min(shares) < 1
            template.set_submodule(name, _Dropout() if drops else nn.Identity())
            kept |= {f"{name}.kept": torch.tensor(shares, device=device)} if drops else {}
    return template, kept


def _shapes(model: nn.Module) -> dict[str, tuple[int, ...]]:
    return {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
