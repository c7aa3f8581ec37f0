"""Fit a predictor on finished runs, see what it is worth, and predict runs that it has not seen."""

import sys
from pathlib import Path

import epochgraph
from epochgraph.runs import read_stored_runs

GOOD = 0.4
"""The final accuracy from which on a run is good."""


def main(population: Path) -> None:
    """Learn from four of five learning rates, and predict the runs of the others."""
    runs = read_stored_runs(population)  # your own: epochgraph.extract("runs/*/")
    rates = sorted({run.settings["learning_rate"] for run in runs})
    new = set(rates[::5])
    known = [run for run in runs if run.settings["learning_rate"] not in new]
    others = [run for run in runs if run.settings["learning_rate"] in new]

    learned = epochgraph.fit(known, up_to=2, threshold=GOOD, curve=True, groups="learning_rate")
    print(learned)
    print(f"{len(others)} runs of {len(new)} learning rates are new to it:\n")

    found = epochgraph.predict(others, predictor=learned, hopeful_first=True)
    ends = {run.name: run.final_accuracy() for run in others}
    print("predicted  90 % interval  ended at  decision")
    for one in found[:: max(1, len(found) // 10)]:
        low, high = one.interval
        print(f"{one.accuracy:>9.3f}  {low:.3f} to {high:.3f}  {ends[one.run]:>8.3f}  {one.decision}")
    errors = [abs(one.accuracy - ends[one.run]) for one in found]
    inside = [one.interval[0] <= ends[one.run] <= one.interval[1] for one in found]
    print(f"\nMean error {sum(errors) / len(errors):.3f}; {sum(inside)} of {len(inside)} ends lie in their interval.")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "zoos/lenet-widths-cifar10-reduced.parquet"))
