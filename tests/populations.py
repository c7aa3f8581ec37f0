"""Made-up populations of runs, whose structure is known."""

import numpy as np
import pandas as pd

from epochgraph.runs import Run
from epochgraph.signature import Signature


def population(
    count: int,
    *,
    signal: float = 1.0,
    curve: float = 0.0,
    groups: int = 8,
    epochs: int = 3,
    features: int = 4,
    seed: int = 0,
) -> list[Run]:
    """Runs whose final accuracy (in percent) is uniform between 10 and 90.

    `signal` and `curve` say how much of it the first feature and the validation accuracies show, 0 for
    nothing; the other features are noise. Runs are dealt to `groups` learning rates in turn: they say nothing.
    """
    generator = np.random.default_rng(seed)
    times = np.arange(float(epochs + 1))
    runs = []
    for number, final in enumerate(generator.permutation(np.linspace(10.0, 90.0, count))):
        values = generator.normal(size=(len(times), features))
        values[:, 0] += signal * (final - 50) / 5
        validation = 50 + curve * (final - 50) + generator.normal(size=epochs)
        metrics = {
            "train_loss": 2 - validation / 100,
            "validation_accuracy": validation,
            "test_accuracy": np.append(np.full(epochs - 1, np.nan), final),
        }
        names = tuple(f"feature{index}" for index in range(features))
        signature = Signature(times, names, values, np.zeros(len(times), dtype=bool))
        index = pd.Index(times[1:], name="epoch")
        settings = {"learning_rate": 0.1 * 2 ** -(number % groups), "dropout": 0.5}
        runs.append(Run(f"run{number}", signature, pd.DataFrame(metrics, index=index), settings))
    return runs


def signatures(runs: list[Run]) -> list[Signature]:
    return [run.signature for run in runs]


def accuracies(runs: list[Run]) -> np.ndarray:
    return np.array([run.final_accuracy() for run in runs])


def exploded(signature: Signature, epoch: float) -> Signature:
    """The signature of a run whose weights are NaN from `epoch` on."""
    diverged = signature.times >= epoch
    values = np.where(diverged[:, None], np.nan, signature.values)
    return Signature(signature.times, signature.names, values, diverged)
