"""Every error is one line, and survives the way between processes."""

import inspect
import pickle
from pathlib import Path

import pytest

from epochgraph import errors

EXAMPLES = {
    errors.EpochgraphError: ("something",),
    errors.SettingError: ("alpha", 2, "below 1"),
    errors.UnreadableFileError: (Path("x.pt"), "it is empty", "Write it again."),
    errors.UnsafeCheckpointError: (Path("x.pt"), "os.system"),
    errors.CheckpointMismatchError: (Path("x.pt"), "fc.weight", (2, 3), None),
    errors.MissingCheckpointError: (Path("run"), 1.0, 3.0, 1.0),
    errors.UnknownEpochsError: (Path("run"), "3-0.8.pt", {"{epoch}-{_}.pt": "3", "{_}-{epoch}.pt": "0.8"}),
    errors.SeveralModelsError: (("left.", "right."),),
    errors.MissingParameterError: ("fc.weight", ["a", "b", "c", "d", "e"]),
    errors.ShapeMismatchError: ("the vector", (3,), (4,)),
    errors.NonFiniteWeightsError: ({"a.weight": 2, "b.weight": 1},),
    errors.WeightDtypeError: ("fc.weight", "torch.int8"),
    errors.EmptyGraphError: (),
    errors.ConvergenceError: (10, 100),
    errors.TracingError: ("it failed", "Look at it."),
    errors.FeatureMismatchError: (["a", "b", "c", "d"], 5, 1, 0),
    errors.UnfinishedRunsError: ({"run3": "ends at epoch 4 of 12"},),
    errors.BatchError: ({"run3": "run3/epoch_6.pt: it is damaged"}, 20),
    errors.OutputError: (Path("x.pt"), "No space left on device"),
    errors.RecipeError: (Path("mine.toml"), 7, "grid.dropout.0: Input should be less than 1"),
    errors.ZooError: (Path("zoo"), "a worker process was killed", "Use fewer workers."),
    errors.MissingPackageError: ("torch-geometric", "pyg"),
}


def test_there_is_an_example_of_every_error():
    defined = {item for _, item in inspect.getmembers(errors, inspect.isclass) if item.__module__ == errors.__name__}
    assert defined == set(EXAMPLES)


@pytest.mark.parametrize("error", [kind(*fields) for kind, fields in EXAMPLES.items()], ids=lambda e: type(e).__name__)
def test_an_error_is_one_line_with_its_fields_and_can_be_pickled(error):
    again = pickle.loads(pickle.dumps(error))  # noqa: S301 - pickled just now
    assert type(again) is type(error)
    assert str(again) == str(error)
    assert "\n" not in str(error)
    assert isinstance(error, errors.EpochgraphError)
    for field in error.args[:1]:
        assert str(next(iter(field), field) if isinstance(field, dict | tuple) else field) in str(error)
