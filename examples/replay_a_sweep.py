"""Replay a finished sweep: what rules for early stopping would have trained, and what they would have missed."""

import sys
from pathlib import Path

import numpy as np

from epochgraph.runs import read_stored_runs
from epochgraph.sweeps import (
    Rule,
    finishing,
    hyperband,
    median_rule,
    no_stopping,
    outcome,
    recorded,
    successive_halving,
)

GOOD = 0.4
"""The final accuracy from which on a run is good."""

RULES: dict[str, Rule] = {
    "no stopping": no_stopping,
    "median rule": median_rule,
    "successive halving": successive_halving,
    "Hyperband": hyperband,
}


def main(population: Path) -> None:
    """Replay sweeps of 18 runs, drawn at random from a population, by each rule."""
    runs = read_stored_runs(population)
    generator = np.random.default_rng(0)
    sweeps = []
    for _ in range(20):
        drawn = generator.choice(len(runs), 18, replace=False)
        sweeps.append(recorded([runs[place] for place in drawn], first=1.0))
    print("rule                 epochs trained  accuracy points lost  good runs stopped")
    for name, rule in RULES.items():
        found = [outcome(sweep, finishing(sweep, rule(sweep)), rule=name, threshold=GOOD) for sweep in sweeps]
        epochs, regret, stopped = (
            np.nanmean([getattr(one, field) for one in found]) for field in ("epochs", "regret", "good_stopped")
        )
        print(f"{name:<20} {epochs:>14.0%}  {regret:>20.2f}  {stopped:>17.0%}")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "zoos/lenet-widths-cifar10-reduced.parquet"))
