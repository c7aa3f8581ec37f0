"""timm: all of its names."""

from itertools import zip_longest

from benchmarks.coverage.examples import Example, images
from benchmarks.coverage.operators import imported


def names() -> tuple[str, ...]:
    """All names, in rounds over timm's modules: already the first hundred are of every kind."""
    timm = imported("timm")
    rounds = zip_longest(*(timm.list_models(module=module) for module in timm.list_modules()))
    return tuple(dict.fromkeys(name for one_each in rounds for name in one_each if name is not None))


def example(name: str) -> Example:
    """A model of that name without weights, and an image of its own default size."""
    model = imported("timm").create_model(name, pretrained=False)
    channels, height, width = model.pretrained_cfg["input_size"]
    return Example(model, (images(height, width, channels=channels),))
