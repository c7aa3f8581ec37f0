"""A predictor and the signatures of runs -> Prediction."""

from collections.abc import Sequence
from dataclasses import dataclass

from epochgraph.predictors.storage import Predictor
from epochgraph.signature import Signature


@dataclass(frozen=True, slots=True)
class Prediction:
    """How one run is expected to end.

    Attributes:
        run: Name of the run.
        p_good: The probability of a good end; None from a regressor.
        good: Whether the end is expected to be good; None from a regressor without a threshold.
        accuracy: The expected final accuracy, in the unit that the predictor was fitted on; None from a classifier.
        up_to: The last epoch that was looked at; None for all snapshots that the predictor was fitted on.
    """

    run: str
    p_good: float | None
    good: bool | None
    accuracy: float | None
    up_to: float | None


def predict_runs(predictor: Predictor, signatures: Sequence[Signature], names: Sequence[str]) -> list[Prediction]:
    """Predict the end of each run from its signature so far.

    Divergence is judged by what the predictor has seen: one that was fitted without diverged runs takes the missing
    features for average ones.

    Args:
        predictor: Fitted on signatures.
        signatures: Extracted with `predictor.extraction`; later epochs than `predictor.up_to` are not looked at.
        names: Name of each run.

    Raises:
        FeatureMismatchError: A signature lacks a feature or an epoch that the predictor needs.
    """
    if not signatures:
        return []
    estimator, threshold, up_to = predictor.estimator, predictor.threshold, predictor.up_to
    if predictor.task == "classification":
        chances = estimator.predict_proba(signatures)[:, 1].tolist()
        return [Prediction(name, p, p > 0.5, None, up_to) for name, p in zip(names, chances, strict=True)]
    accuracies = estimator.predict(signatures).tolist()
    return [
        Prediction(name, None, None if threshold is None else accuracy >= threshold, accuracy, up_to)
        for name, accuracy in zip(names, accuracies, strict=True)
    ]
