"""A model as it is nudged: random weights and inputs of which nothing is dead by symmetry."""

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor, nn

from benchmarks.coverage.examples import Example
from benchmarks.coverage.truth.frozen import NORM

BATCH_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)

EXPERTS = "_experts_implementation"
"""Where a configuration of transformers says how experts are called; there is no other way once a model is built."""


def prepared(model: nn.Module, seed: int) -> nn.Module:
    """The model in double precision and evaluation mode, with weights of which none is dead by symmetry."""
    generator = torch.Generator().manual_seed(seed)
    model = model.double().eval()
    for module in model.modules():
        for name, parameter in module.named_parameters(recurse=False):
            parameter.data = _drawn(module, name, parameter.data, generator)
        for name, buffer in module.named_buffers(recurse=False):
            if name == "running_mean":
                buffer.normal_(0, 0.1, generator=generator)
            elif name == "running_var":
                buffer.uniform_(0.5, 1.5, generator=generator)
    return model.requires_grad_(requires_grad=False)


def _drawn(module: nn.Module, name: str, values: Tensor, generator: torch.Generator) -> Tensor:
    """Matrices and kernels that keep the size of what passes; scales near one; other vectors as they are, if varied."""
    new = torch.empty_like(values)
    if values.dim() >= 2 and min(values.shape[:2]) > 1:
        stacked = values.dim() == 3 and not isinstance(module, nn.Conv1d | nn.ConvTranspose1d)
        fan = values.shape[1] if stacked else values.numel() // values.shape[0]
        spread = 1.0 if isinstance(module, nn.Embedding) else (1.6 / fan) ** 0.5
        return new.normal_(0, spread, generator=generator)
    scale = name == "weight" and NORM.search(type(module).__name__)
    if values.numel() > 1 and float(values.std()) > 1e-4 and not scale:
        return values
    if "bias" in name:
        return new.normal_(0, 0.3, generator=generator)
    return new.uniform_(0.5, 1.5, generator=generator)


def varied(example: Example, seed: int) -> Example:
    """The same model with other inputs; masks stay as they are."""
    generator = torch.Generator().manual_seed(seed)

    def drawn(value: object, name: str = "") -> object:
        if not isinstance(value, Tensor) or "mask" in name:
            return value
        if value.is_floating_point():
            return torch.randn(value.shape, generator=generator, dtype=torch.float64)
        if "input_ids" in name:
            return torch.randint(5, 90, value.shape, generator=generator)
        return value

    options = {name: drawn(value, name) for name, value in example.options.items()}
    return replace(example, inputs=tuple(map(drawn, example.inputs)), options=options)


def calibrate(model: nn.Module, examples: Sequence[Example]) -> None:
    """Let batch norms know what they norm, as if the model had been trained: else a deep network's units are dead."""
    norms = [module for module in model.modules() if isinstance(module, BATCH_NORMS) and module.track_running_stats]
    images = [
        value
        for example in examples
        for value in [*example.inputs, *example.options.values()]
        if isinstance(value, Tensor) and value.dim() == 4
    ]
    if not norms or len(images) != len(examples):
        return
    names = [name for name, value in examples[0].options.items() if value is not None]
    if len(names) + len(examples[0].inputs) > 1:
        return
    for norm in norms:
        norm.momentum = 1.0
        norm.train()
    with torch.no_grad():
        model(*(torch.cat(images) for _ in examples[0].inputs), **{name: torch.cat(images) for name in names})
    for norm in norms:
        if norm.running_var is not None:  # a channel that hardly varied is not to be blown up
            norm.running_var.clamp_(min=float(norm.running_var.mean()) / 100)
        norm.eval()


def one_by_one(model: nn.Module) -> None:
    """Let transformers' experts be called one after another, so that their units are seen."""
    for module in model.modules():
        config = getattr(module, "config", None)
        if hasattr(config, EXPERTS):
            setattr(config, EXPERTS, "eager")
