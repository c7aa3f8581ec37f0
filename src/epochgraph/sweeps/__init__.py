"""Many runs at once: sweeps of finished runs, rules that would have stopped some of them, and what that saves."""

from epochgraph.sweeps.replay import Outcome, finishing, outcome, replayed
from epochgraph.sweeps.rules import (
    OURS,
    USUAL,
    Rule,
    beside_the_best,
    best_first,
    hyperband,
    median_rule,
    no_stopping,
    our_decision,
    rules,
    successive_halving,
)
from epochgraph.sweeps.sweep import Forecasts, Sweep, recorded

__all__ = [
    "OURS",
    "USUAL",
    "Forecasts",
    "Outcome",
    "Rule",
    "Sweep",
    "beside_the_best",
    "best_first",
    "finishing",
    "hyperband",
    "median_rule",
    "no_stopping",
    "our_decision",
    "outcome",
    "recorded",
    "replayed",
    "rules",
    "successive_halving",
]
