"""Made-up populations of runs, whose structure is known."""

from dataclasses import replace

import numpy as np
import pandas as pd

from epochgraph.predictors import Candidate
from epochgraph.runs import Recording, Run
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


def cut(run: Run, epoch: float) -> Run:
    """The run as it was known after an epoch."""
    recordings = {
        name: Recording(recording.times[recording.times <= epoch], recording.values[recording.times <= epoch])
        for name, recording in run.recordings.items()
    }
    return replace(run, signature=run.signature.up_to(epoch), metrics=run.metrics.loc[:epoch], recordings=recordings)


def assert_only_the_past_is_seen(candidate: Candidate, runs: list[Run]) -> None:
    """A candidate looks at nothing that comes after the epoch, has a row a run, and can be fitted on it."""
    seen = candidate.inputs(runs, 3)
    pd.testing.assert_frame_equal(seen, candidate.inputs([cut(run, 3) for run in runs], 3))
    assert len(seen) == len(runs)
    assert candidate.estimator(0).fit(seen, np.arange(12) % 2).predict(seen).shape == (12,)


def with_features(names, times=(0, 1)):
    """A run whose feature number f is 10 * f + s at snapshot number s."""
    values = np.arange(float(len(times)))[:, None] + 10 * np.arange(float(len(names)))
    signature = Signature(np.array(times, dtype=float), tuple(names), values, np.zeros(len(times), dtype=bool))
    return replace(population(1)[0], signature=signature)
