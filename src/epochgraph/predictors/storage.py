"""Predictors in files that can be read without running anything in them."""

import io
import json
from collections.abc import Mapping
from copy import copy
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile

import numpy as np
import sklearn
import skops
import skops.io

from epochgraph.errors import SettingError, UnreadableFileError
from epochgraph.files import atomic_write
from epochgraph.predictors.calibration import Calibration
from epochgraph.predictors.estimators import SignatureClassifier, SignatureRegressor, Task
from epochgraph.predictors.schema import TRUSTED, foreign, plain_copy
from epochgraph.predictors.soundness import check_estimator
from epochgraph.signature.names import Column

VERSION = 6
READABLE = (4, 5, VERSION)  # 4 knows rising targets only
OLD_NAMES = {"told": "predicted", "strangeness": "out_of_range", "kinds": "categories", "new_kinds": "new_categories"}
"""What format versions 4 and 5 call the fields of a calibration, and what they are called now."""

HEADER = "epochgraph.json"
"""Our entry in skops' archive, which identifies a file before any of its objects are looked at."""

ARRAYS = ("predicted", "truth", "out_of_range", "low", "high")
FIELDS = {"threshold": float | int | None, "extraction": dict, "trained_on": dict, "versions": dict}
LARGEST = 64 * 2**20
"""The most bytes that a file may unpack to: far more than a predictor needs, but no bomb."""

CHUNK = 2**20


def _versions() -> dict[str, str]:
    return {"numpy": np.__version__, "scikit-learn": sklearn.__version__, "skops": skops.__version__}


@dataclass(frozen=True, slots=True, eq=False)
class Predictor:
    """A fitted estimator, with all that is needed to use it on new runs.

    Attributes:
        estimator: Fitted on signatures; a classifier on `labels` (1 is high).
        threshold: The final accuracy from which on a run is good, in the unit of the accuracies; may be None for a
            regressor.
        extraction: The settings that signatures must be extracted with. JSON values, like `trained_on`.
        trained_on: What it was fitted on: the number of runs, their architectures, ...
        calibration: What held-out runs show about its errors; None if none were held out.
        versions: The packages that it was fitted with.

    Raises:
        SettingError: The estimator was not fitted on signatures; it is a classifier without a threshold, or with labels
            other than 0 and 1; or the calibration has another number of features.
    """

    estimator: SignatureClassifier | SignatureRegressor
    threshold: float | None
    extraction: Mapping[str, Any]
    trained_on: Mapping[str, Any]
    calibration: Calibration | None = None
    versions: Mapping[str, str] = field(default_factory=_versions)

    def __post_init__(self) -> None:
        if not all(map(_is_column, getattr(self.estimator, "feature_names_in_", ["none"]))):
            expected = "fitted on signatures, or on a table whose columns are named <feature>@<epoch>"
            raise SettingError("estimator", self.estimator, expected)
        if self.threshold is not None and not np.isfinite(self.threshold):
            raise SettingError("threshold", self.threshold, "a finite number")
        if self.calibration is not None and len(self.calibration.low) != len(self.columns):
            raise SettingError("calibration", len(self.calibration.low), f"of {len(self.columns)} features")
        if self.task == "regression":
            return
        if self.threshold is None:
            raise SettingError("threshold", None, "the one of the labels that the classifier was fitted on")
        if self.estimator.classes_.tolist() != [0, 1]:
            raise SettingError("classes_", self.estimator.classes_.tolist(), "[0, 1], as `labels` gives them")

    @property
    def task(self) -> Task:
        """Whether it predicts good and bad ends, or the accuracy."""
        return "classification" if isinstance(self.estimator, SignatureClassifier) else "regression"

    @property
    def columns(self) -> tuple[str, ...]:
        """What it needs to know about a run: `<feature>@<epoch>` and `<metric>@<epoch>`."""
        return tuple(self.estimator.feature_names_in_)

    @property
    def times(self) -> tuple[float, ...]:
        """The epochs that it looks at; the initial network is at 0."""
        columns = [Column.parse(column) for column in self.columns]
        initial = {0.0} if any(column.since == "initial" for column in columns) else set()
        return tuple(sorted(initial | {column.epoch for column in columns}))

    @property
    def target(self) -> str:
        """The metric whose final value it predicts."""
        return str(self.trained_on.get("target", "test_accuracy"))

    @property
    def falls(self) -> bool:
        """Whether the target falls as runs get better, such as a loss."""
        return self.trained_on.get("direction") == "falls" if self.calibration is None else self.calibration.falls

    @property
    def up_to(self) -> float:
        """The last epoch that it looks at."""
        return self.times[-1]

    def with_threshold(self, threshold: float | None) -> "Predictor":
        """The same predictor with another threshold; unchanged for None.

        Raises:
            SettingError: A classifier was fitted for another threshold.
        """
        if threshold is None or threshold == self.threshold:
            return self
        if self.task == "classification":
            raise SettingError("threshold", threshold, f"{self.threshold:g}, which the classifier was fitted for")
        return replace(self, threshold=threshold)


def _is_column(name: str) -> bool:
    """Whether a name is a `Column`, and can be printed and stored."""
    try:
        name.encode()
        Column.parse(name)
    except ValueError:
        return False
    return True


def write_predictor(predictor: Predictor, path: Path | str) -> None:
    """Write a predictor as one skops file, whole or not at all.

    Raises:
        SettingError: JSON cannot hold `extraction` or `trained_on`, or the file would be larger than can be read.
        OutputError: The file cannot be written.
    """
    header = {name: getattr(predictor, name) for name in FIELDS} | {"calibration": _plain(predictor.calibration)}
    try:
        text = json.dumps({"version": VERSION, **header})
    except (TypeError, ValueError) as error:
        raise SettingError("predictor", header, f"made of what JSON can hold ({error})") from error
    with atomic_write(Path(path)) as temporary:
        skops.io.dump(predictor.estimator, temporary, compression=ZIP_DEFLATED)
        with ZipFile(temporary, "a", ZIP_DEFLATED) as archive:
            archive.writestr(HEADER, text)
            unpacked = _unpacked(archive)
        if unpacked > LARGEST:
            raise SettingError("bytes of the predictor", f"{unpacked} or more", f"at most {LARGEST}: fit on fewer runs")


def read_predictor(path: Path | str) -> Predictor:
    """Read a predictor that `write_predictor` wrote, without running anything that is in the file.

    Raises:
        UnreadableFileError: The file is missing, truncated, not a predictor, of another version, made by an
            incompatible scikit-learn, or asks for something that no predictor needs.
    """
    path = Path(path)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UnreadableFileError(path, error.strerror or str(error), "Name a predictor's file.") from error
    header = _header(path, data)
    try:
        with ZipFile(io.BytesIO(data)) as archive:
            unknown = foreign(archive)
            data = b"" if unknown else plain_copy(archive)
        if not unknown:
            estimator = skops.io.loads(data, trusted=TRUSTED)
            check_estimator(estimator)
            given = {name: header[name] for name in FIELDS}
            return Predictor(estimator, **given, calibration=_calibration(header["calibration"]))
    except Exception as error:  # a parser may do anything with bytes of any origin
        found = f"its estimator, of {header['versions']}, cannot be used with {_versions()}"
        raise UnreadableFileError(path, found, "Train it anew, or install the versions it was trained with.") from error
    found = f"it asks for {unknown!r}, which no predictor needs; nothing was executed"
    raise UnreadableFileError(path, found, "Do not trust this file.")


def _plain(calibration: Calibration | None) -> dict[str, Any] | None:
    """The fields of a calibration as JSON values."""
    if calibration is None:
        return None
    return {name: np.asarray(value).tolist() for name, value in asdict(calibration).items()}


def _calibration(plain: Mapping[str, Any] | None) -> Calibration | None:
    if plain is None:
        return None
    arrays = {name: np.array(plain[name], dtype=np.float64) for name in ARRAYS}
    falls, probabilities = (bool(plain.get(name, False)) for name in ("falls", "probabilities"))
    return Calibration(
        **arrays,
        categories=tuple(map(str, plain["categories"])),
        new_categories=bool(plain["new_categories"]),
        falls=falls,
        probabilities=probabilities,
    )


def _renamed(calibration: Any) -> Any:
    """The calibration of an older file, with today's names."""
    if not isinstance(calibration, dict):
        return calibration
    return {OLD_NAMES.get(name, name): value for name, value in calibration.items()}


def _unpacked(archive: ZipFile) -> int:
    """The bytes that an archive really unpacks to; if it is too large, some number above `LARGEST`."""
    count = 0
    for entry in map(copy, archive.infolist()):
        entry.file_size = LARGEST + 1  # otherwise only as much would be counted as it claims, though more is unpacked
        with archive.open(entry) as content:
            while count <= LARGEST and (chunk := content.read(CHUNK)):
                count += len(chunk)
    return count


def _header(path: Path, data: bytes) -> dict[str, Any]:
    """What the file says about itself."""
    advice = "Train a predictor and write it with `write_predictor`."
    try:
        with ZipFile(io.BytesIO(data)) as archive:
            header = json.loads(archive.read(HEADER)) if _unpacked(archive) <= LARGEST else {}
        version = header["version"]
    except Exception as error:  # likewise
        raise UnreadableFileError(path, "it is not a predictor", advice) from error
    if version not in READABLE:
        found = f"it has format version {version!r}, this package reads {VERSION}"
        older = isinstance(version, int) and version < VERSION
        raise UnreadableFileError(path, found, "Train it anew." if older else "Update epochgraph.")
    if not all(isinstance(header.get(name), kind) for name, kind in FIELDS.items()) or "calibration" not in header:
        raise UnreadableFileError(path, "its header is not a predictor's", advice)
    if version < VERSION:
        header["calibration"] = _renamed(header["calibration"])
    return dict(header)
