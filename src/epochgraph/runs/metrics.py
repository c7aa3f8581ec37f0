"""What metrics are called, and which way they improve."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Literal

from epochgraph.errors import SettingError

Direction = Literal["rises", "falls"]
"""Which way a metric moves as a network gets better."""

ROLES: Mapping[str, str] = {
    **dict.fromkeys(("train", "training", "trn"), "train"),
    **dict.fromkeys(("val", "valid", "validation", "eval", "evaluation", "dev"), "validation"),
    **dict.fromkeys(("test", "testing"), "test"),
}
"""Words for the data set that a metric is measured on."""

ACCURACIES = frozenset(
    {
        "acc",
        "acc 1",
        "acc1",
        "accuracy",
        "accuracy top1",
        "binary accuracy",
        "categorical accuracy",
        "sparse categorical accuracy",
        "top 1",
        "top1",
        "top1 acc",
        "top1 accuracy",
    }
)
"""Names for the share of correct predictions, as words."""

FALLING = frozenset(
    {"bpc", "cer", "err", "error", "loss", "mae", "mape", "mse", "nll", "perplexity", "ppl", "rmse", "wer"}
)
RISING = frozenset(
    {"acc", "accuracy", "auc", "auroc", "bleu", "dice", "f1", "iou", "map", "miou", "r2", "top1", "top5"}
)
NEGATING = frozenset({"neg", "negative", "minus", "inverse"})

_PIECE = re.compile(r"[A-Z]+(?![a-z])[0-9]*|[A-Z]?[a-z]+[0-9]*|[0-9]+")


def direction_of(metric: str) -> Direction | None:
    """Which way a metric improves, if its name leaves no doubt.

    Examples:
        >>> direction_of("val_loss"), direction_of("macro-F1"), direction_of("reward")
        ('falls', 'rises', None)
    """
    words = {*_words(metric), *(word.rstrip("0123456789") for word in re.split(r"[^a-z0-9]+", metric.lower()))}
    falls, rises = bool(words & FALLING), bool(words & RISING)
    if falls == rises or words & NEGATING:
        return None
    return "falls" if falls else "rises"


def direction_for(metric: str, given: Direction | None) -> Direction:
    """The direction that the user gave, or the one that follows from the name.

    Raises:
        SettingError: Neither says.
    """
    direction = given or direction_of(metric)
    if direction is None:
        raise SettingError("the direction of the target", metric, "given, as its name does not say: rises or falls")
    return direction


def canonical_names(columns: Sequence[str], given: Mapping[str, str] | None = None) -> dict[str, str]:
    """The standard names of a log's columns, `train_loss`, `validation_accuracy`, ..., where they are certain.

    A column that already has such a name keeps it, and no other gets it. If two columns could get the same name,
    neither does. `docs/metrics.md` has the table.

    Args:
        columns: The names in a log.
        given: Names that the user gave some of them.

    Returns:
        The new name of each column that is renamed.

    Examples:
        >>> canonical_names(["loss", "accuracy", "val_accuracy", "lr"])
        {'loss': 'train_loss', 'accuracy': 'train_accuracy', 'val_accuracy': 'validation_accuracy'}
    """
    given = given or {}
    proposed = {column: given.get(column) or _canonical(column, columns) for column in columns}
    taken = {column for column in columns if column not in given} | set(given.values())
    counts = Counter(name for column, name in proposed.items() if column not in given)
    return {
        column: name
        for column, name in proposed.items()
        if name is not None and name != column and (column in given or (name not in taken and counts[name] == 1))
    }


def alike(metric: str, known: Sequence[str]) -> list[str]:
    """The known metrics that measure the same quantity as `metric`, such as any accuracy; on the same data first."""
    role, quantity = _parts(metric)
    found = [name for name in known if name != metric and set(_words(name)) & _synonyms(quantity)]
    return sorted(found, key=lambda name: _parts(name)[0] != role)


def _synonyms(quantity: str | None) -> frozenset[str]:
    """Words that mark a metric as an accuracy, or a loss."""
    return ACCURACIES if quantity == "accuracy" else frozenset({quantity or ""})


def _canonical(column: str, columns: Sequence[str]) -> str | None:
    """`<role>_loss` or `<role>_accuracy`, if a column certainly is one."""
    role, quantity = _parts(column)
    if quantity is None:
        return None
    if role is None:  # as Keras names metrics of the training
        beside = any(_parts(other) in {("validation", quantity), ("test", quantity)} for other in columns)
        role = "train" if quantity == "loss" or beside else None
    return None if role is None else f"{role}_{quantity}"


def _parts(column: str) -> tuple[str | None, str | None]:
    """The role and the quantity in a column's name; None where it has none."""
    words = _words(column)
    if words[-1:] == ["epoch"]:  # Lightning's mean over an epoch
        words = words[:-1]
    if words[:1] == ["metrics"]:  # YOLO's name for validation
        words = ["validation", *words[1:]]
    roles = {ROLES[word] for word in words if word in ROLES}
    rest = " ".join(word for word in words if word not in ROLES)
    quantity = "loss" if rest == "loss" else "accuracy" if rest in ACCURACIES else None
    return (roles.pop() if len(roles) == 1 else None, quantity if len(roles) <= 1 else None)


def _words(metric: str) -> list[str]:
    """The words of a name in lower case: those of `valAcc`, `val/acc` and `val_acc` are the same."""
    return [piece.lower() for piece in _PIECE.findall(metric)]
