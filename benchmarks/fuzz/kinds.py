"""The kinds of files that are fuzzed, by name: each is a module of this package."""

from importlib import import_module

from benchmarks.fuzz.form import Kind

KINDS = ("checkpoint", "topology", "predictor", "stored_run", "recipe")


def kind_of(name: str) -> Kind:
    """A kind by its name; what it needs is imported only then."""
    found: Kind = import_module(f"benchmarks.fuzz.{name}").KIND
    return found
