"""The predictors that come with the package, fitted on all published populations; `README.md` here is their card."""

from collections.abc import Mapping
from functools import cache
from importlib.resources import as_file, files
from types import MappingProxyType

from epochgraph.errors import FeatureMismatchError, SettingError
from epochgraph.extraction import Extraction
from epochgraph.predictors.curves import learning_curve_of_epochs
from epochgraph.predictors.features import run_table
from epochgraph.predictors.storage import Predictor, read_predictor
from epochgraph.predictors.views import Together, View, changes_between_epochs
from epochgraph.runs import Run

EXTRACTION = Extraction(scopes=("graph", "depth"), change=("initial", "previous"))
"""How signatures are taken for them: what networks of any architecture have."""

EPOCHS: tuple[float, ...] = (0.25, 0.5, 1.0, 2.0, 3.0, 5.0)
"""The last epochs that they look at, one predictor each."""

SITUATIONS: Mapping[str, View] = MappingProxyType(
    {
        "weights-and-curve": Together((learning_curve_of_epochs, changes_between_epochs)),
        "weights": changes_between_epochs,
    }
)
"""What they look at; the better first."""


def file_name(situation: str, epoch: float) -> str:
    """The file of a predictor."""
    return f"{situation}@{epoch:g}.skops"


def shipped_predictor(run: Run) -> Predictor:
    """The one that looks at as much as is known of a run: at the latest epoch, with the learning curve if there is one.

    Args:
        run: Extracted with `EXTRACTION`.

    Raises:
        SettingError: The run has too few snapshots for any of them, or none of the initial weights; or some between
            whole epochs, where the one before an epoch's is another than it was of the runs that they know; or
            validation accuracies that are no fractions.
    """
    _check(run)
    missing = []
    for epoch, situation in ((epoch, situation) for epoch in reversed(EPOCHS) for situation in SITUATIONS):
        if epoch <= run.signature.times[-1]:
            predictor = stored_predictor(situation, epoch)
            try:
                run_table([run], predictor.columns)
            except FeatureMismatchError as error:
                missing.append(error.args[0][0])
            else:
                return predictor
    epochs = ", ".join(f"{epoch:g}" for epoch in EPOCHS)
    expected = f"those of snapshots at epoch 0 and at all whole epochs up to one of {epochs}"
    if missing:
        expected += f" ({missing[-1]} is missing)"
    raise SettingError(f"epochs of run {run.name!r}", run.signature.times.tolist(), expected)


def _check(run: Run) -> None:
    """That a run is measured as those were that the predictors know."""
    between = [time for time in run.signature.times.tolist() if time > 1 and time % 1]
    if between:
        raise SettingError(f"epochs of run {run.name!r}", between, "whole ones after the first: leave out the others")
    if run.signature.times[0] > 0:
        found = f"{run.signature.times[0]:g}"
        raise SettingError(f"the first epoch of run {run.name!r}", found, "0: changes are since the initial weights")
    accuracy = run.metrics.get("validation_accuracy")
    if accuracy is not None and accuracy.max() > 1:
        raise SettingError(f"validation_accuracy of run {run.name!r}", float(accuracy.max()), "a fraction, from 0 to 1")


@cache
def stored_predictor(situation: str, epoch: float) -> Predictor:
    """The one of `SITUATIONS` and `EPOCHS`."""
    with as_file(files(__name__) / file_name(situation, epoch)) as path:
        return read_predictor(path)
