"""transformers' architectures with small configurations."""

from benchmarks.coverage.architectures import audio, dense, language, mixtures, pairs, series, vision
from benchmarks.coverage.architectures.form import Architecture

KINDS = (language, mixtures, vision, dense, pairs, audio, series)
ARCHITECTURES: dict[str, Architecture] = {
    name: architecture for kind in KINDS for name, architecture in kind.ARCHITECTURES.items()
}
"""What transformers calls it -> how a small one is made."""

__all__ = ["ARCHITECTURES", "Architecture"]
