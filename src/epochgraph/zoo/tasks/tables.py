"""Tables -> tasks: predict the class or the number that belongs to a row."""

import io
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from sklearn.datasets import load_breast_cancer, load_diabetes, load_wine, make_friedman1
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from epochgraph.errors import UnreadableFileError
from epochgraph.zoo.archives import intact
from epochgraph.zoo.tasks.files import PARTS, Arrays, Contents, kept
from epochgraph.zoo.tasks.objectives import accuracy, cross_entropy, mean_absolute_error, squared_error, standardised
from epochgraph.zoo.tasks.task import Examples, Form, Task

SOURCE = "text-and-tables"
INCOME = ("adult-train.csv", "adult-test.csv")
INCOME_COLUMNS = 15
INCOME_NUMBERS = (0, 2, 4, 10, 11, 12)
INCOME_COUNTS = (8000, 2000, 2000)

Frames = Sequence[pd.DataFrame]
"""The columns of the training, validation and test rows."""


def income(data: Path | None) -> Task:
    """Whether a person in the census of 1994 earned more than 50,000 dollars; duplicate rows are used once.

    References:
        Becker, Kohavi: Adult, UCI machine learning repository, 1996.
    """
    return classification_of(
        "Income (Adult)", kept(data, SOURCE, key="income", wanted=INCOME.__contains__, made=_income)
    )


def breast_cancer() -> Task:
    """Whether a tumour is benign, from 30 numbers about its cell nuclei."""
    return _scikit_learn("Breast cancer (scikit-learn)", load_breast_cancer)


def wine() -> Task:
    """Which of three cultivars a wine is made from, by 13 numbers."""
    return _scikit_learn("Wine (scikit-learn)", load_wine)


def diabetes() -> Task:
    """How far diabetes has progressed in a year, from 10 numbers."""
    rows, targets = load_diabetes(return_X_y=True)
    return regression_of("Diabetes (scikit-learn)", _split(rows, targets))


def friedman() -> Task:
    """A smooth function of five of ten random numbers, with noise.

    References:
        Friedman: Multivariate adaptive regression splines, Annals of Statistics 19, 1991.
    """
    rows, targets = make_friedman1(6000, noise=1.0, random_state=0)
    return regression_of("Friedman's function (scikit-learn)", _split(rows, targets))


def classification_of(name: str, arrays: Arrays) -> Task:
    """A task from arrays as `encoded` makes them, with classes as targets."""
    targets = [torch.from_numpy(arrays[f"{part} targets"]) for part in PARTS]
    classes = int(targets[0].max()) + 1
    train, validation, test = _examples(arrays, targets)
    return Task(
        name=name,
        form=_form(arrays, classes),
        train=train,
        validation=validation,
        test=test,
        loss=cross_entropy,
        metric=accuracy(classes),
    )


def regression_of(name: str, arrays: Arrays) -> Task:
    """A task from arrays as `encoded` makes them, with numbers as targets, which networks learn standardised."""
    targets, scale = standardised([torch.from_numpy(arrays[f"{part} targets"]) for part in PARTS])
    train, validation, test = _examples(arrays, targets)
    return Task(
        name=name,
        form=_form(arrays, 1),
        train=train,
        validation=validation,
        test=test,
        loss=squared_error,
        metric=mean_absolute_error(targets[0], targets[2], scale),
    )


def encoded(frames: Frames, targets: Sequence[np.ndarray]) -> Arrays:
    """Numbers standardised and categories one-hot, both by the training rows; a new category is all zeros.

    Returns:
        Rows under "train", "validation" and "test", the numbers first; their targets under "train targets" and so on;
        and under "columns" how many features each column takes.
    """
    numbers = list(frames[0].select_dtypes("number").columns)
    categories = [name for name in frames[0].columns if name not in numbers]
    scaler = StandardScaler().fit(frames[0][numbers])
    encoder = OneHotEncoder(handle_unknown="ignore", sparse_output=False).fit(frames[0][categories])
    arrays = {
        part: np.hstack([scaler.transform(frame[numbers]), encoder.transform(frame[categories])]).astype(np.float32)
        for part, frame in zip(PARTS, frames, strict=True)
    }
    columns = [1] * len(numbers) + [len(found) for found in encoder.categories_]
    arrays |= {f"{part} targets": found for part, found in zip(PARTS, targets, strict=True)}
    return arrays | {"columns": np.array(columns, np.int64)}


def table(path: Path, file: str, contents: Contents, *, header: bool) -> pd.DataFrame:
    """Read a file of comma-separated values; "?" and the like stay words.

    Raises:
        UnreadableFileError: It is missing, or not such a file.
    """
    if file not in contents:
        raise UnreadableFileError(path / file, "no such file", "Check --data, the folder of the data.")
    with intact(path / file):
        return pd.read_csv(
            io.BytesIO(contents[file]),
            header=0 if header else None,
            skipinitialspace=True,
            na_values=["NA"],
            keep_default_na=False,
        )


def _examples(arrays: Arrays, targets: Sequence[torch.Tensor]) -> list[Examples]:
    return [Examples(torch.from_numpy(arrays[part]), found) for part, found in zip(PARTS, targets, strict=True)]


def _form(arrays: Arrays, outputs: int) -> Form:
    columns = tuple(arrays["columns"].tolist())
    return Form(kind="table", inputs=(sum(columns),), outputs=(outputs,), columns=columns)


def _scikit_learn(name: str, read: Callable[..., tuple[np.ndarray, np.ndarray]]) -> Task:
    rows, targets = read(return_X_y=True)
    return classification_of(name, _split(rows, targets.astype(np.int64), stratify=targets))


def _split(rows: np.ndarray, targets: np.ndarray, *, stratify: np.ndarray | None = None) -> Arrays:
    """A fifth of the rows for testing, a fifth for validation."""
    rest, test = train_test_split(np.arange(len(rows)), test_size=0.2, random_state=0, stratify=stratify)
    held = None if stratify is None else stratify[rest]
    train, validation = train_test_split(rest, test_size=0.25, random_state=0, stratify=held)
    chosen = [np.sort(part) for part in (train, validation, test)]
    frame = pd.DataFrame(rows)
    return encoded([frame.take(part) for part in chosen], [targets[part] for part in chosen])


def _income(path: Path, contents: Contents) -> Arrays:
    official = [_people(path, file, contents) for file in INCOME]
    whole = pd.concat(official, keys=INCOME).drop_duplicates(subset=list(range(INCOME_COLUMNS - 1)))
    train, test = (whole.loc[[file]].sample(frac=1, random_state=0) for file in INCOME)
    first, second, third = INCOME_COUNTS
    if len(train) < first + second or len(test) < third:
        found = f"has {len(train)} different rows to train and {len(test)} to test"
        raise UnreadableFileError(path, found, f"This task needs {first + second} and {third}.")
    frames = [train[:first], train[first : first + second], test[:third]]
    label = INCOME_COLUMNS - 1
    targets = [frame[label].str.startswith(">50K").to_numpy().astype(np.int64) for frame in frames]
    return encoded([frame.drop(columns=[label]) for frame in frames], targets)


def _people(path: Path, file: str, contents: Contents) -> pd.DataFrame:
    people = table(path, file, contents, header=False)
    label = INCOME_COLUMNS - 1
    known = people.shape[1] == INCOME_COLUMNS and people[label].isin(["<=50K", ">50K", "<=50K.", ">50K."]).all()
    numbers = people.select_dtypes("number").dropna(axis=1)
    if not known or list(map(str, numbers.columns)) != list(map(str, INCOME_NUMBERS)):
        advice = "Give the UCI table called Adult: 14 columns, and <=50K or >50K."
        raise UnreadableFileError(path / file, "is not the table of incomes", advice)
    return people
