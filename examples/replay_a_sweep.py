"""Replay a finished sweep: what rules for stopping early would have saved, and what they would have cost."""

import sys
from pathlib import Path

import epochgraph


def main(runs: Path) -> None:
    """Print the outcome of every rule, for one of the three best runs as the goal."""
    found = epochgraph.replay(runs, best=3, orders=3)
    print(found)
    cheapest = found.means[found.means["regret"] <= found.spread / 20]["trained"].idxmin()
    print(f"The cheapest rule that costs no more than a twentieth of a spread: {cheapest}.")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "examples/digits.parquet"))
