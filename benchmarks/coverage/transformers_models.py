"""transformers: architectures of every kind, built from small configurations."""

from benchmarks.coverage.architectures import ARCHITECTURES
from benchmarks.coverage.examples import Example
from benchmarks.coverage.operators import imported


def names() -> tuple[str, ...]:
    """The architectures, as transformers calls them."""
    imported("transformers")
    return tuple(ARCHITECTURES)


def example(name: str) -> Example:
    """A small model of that architecture, without the cache that a language model keeps for generation."""
    architecture = ARCHITECTURES[name]
    transformers = imported("transformers")
    configuration = transformers.CONFIG_MAPPING[name](**architecture.settings)
    if hasattr(configuration, "use_cache"):
        configuration.use_cache = False
    kind = getattr(transformers, architecture.model)
    build = getattr(kind, "_from_config", None) or kind.from_config
    return Example(build(configuration), options=architecture.inputs())
