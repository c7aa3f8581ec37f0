"""Predict how a run will end, from its first two epochs: a new network on handwritten digits.

The predictor learns from `examples/digits.parquet`, forty finished runs. `--learning-rate 0.6` makes a run that ends
badly.
"""

import argparse
from pathlib import Path

from train_a_run import like_the_population, trained

import epochgraph

LOOK = 2
"""The epoch after which the end is predicted."""

GOOD = 0.8
"""The final accuracy from which on a run is good."""

FINISHED = Path(__file__).parent / "digits.parquet"


def main(folder: Path, *, learning_rate: float, epochs: int) -> None:
    """Train a network, look at it early, and compare the prediction with the end."""
    learned = epochgraph.fit(FINISHED, up_to=LOOK, threshold=GOOD, curve=True)
    settings = like_the_population(learning_rate, dropout=0.2, seed=100, epochs=epochs)
    for report in trained(folder, settings, seen=LOOK):  # your own training loop
        if report.epoch == LOOK:
            print(epochgraph.predict(folder, predictor=learned, rate=0.1))
    print(f"\nAfter {epochs} epochs its test accuracy is {report.test_accuracy:.3f}.")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--out", type=Path, default=Path("out/examples/new_run"), help="folder of the run")
    parser.add_argument("--learning-rate", type=float, default=0.05)
    parser.add_argument("--epochs", type=int, default=12)
    given = parser.parse_args()
    main(given.out, learning_rate=given.learning_rate, epochs=given.epochs)
