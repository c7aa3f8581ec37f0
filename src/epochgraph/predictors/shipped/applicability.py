"""The kind of training that the shipped predictors know, and whether the settings of a run say that it is such one.

They were fitted on image classifiers with ten classes, trained from scratch by SGD with a momentum of 0.9 at a constant
learning rate. Elsewhere they have stopped good runs, and nothing in the features gave a warning; so they decide only
where the settings confirm all of this.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from epochgraph.runs import Setting

OF_A_ZOO = frozenset({"recipe", "scale", "architecture", "data", "threshold"})
"""The settings that every run of a zoo has (see `zoo.running.run_settings`): they identify one."""

ZOO: Mapping[str, Setting] = {
    "optimizer": "sgd",
    "schedule": "constant",
    "task": "image classification",
    "pretrained": False,
}
"""What is true of a zoo's runs even if their settings do not say so."""

DATA = frozenset(
    {"cifar10", "cifar10jpeg", "cinic10", "digits", "fashionmnist", "imagenette", "kmnist", "mnist", "stl10", "svhn"}
)
"""Image data sets known to have ten classes, in lower-case letters and digits only."""

KNOWN = "SGD with a momentum of 0.9, a constant learning rate, and image classification with ten classes, from scratch"


@dataclass(frozen=True, slots=True)
class _Aspect:
    """Something that settings may say about a run.

    Attributes:
        title: What it is.
        keys: Its names in settings, in letters and digits only; the first is the recommended one.
        known: The values that the predictors know, in lower-case letters, digits and points only.
        needed: Whether settings must name it.
    """

    title: str
    keys: tuple[str, ...]
    known: frozenset[str]
    needed: bool = True


_NO = frozenset({"", "0", "false", "no", "none", "off"})
_ASPECTS = (
    _Aspect(
        "optimiser",
        ("optimizer", "optimiser", "optim", "opt", "optimizername", "optimizertype", "solver"),
        frozenset({"sgd", "sgdm", "sgdmomentum", "sgdwithmomentum", "momentum"}),
    ),
    _Aspect("momentum", ("momentum", "sgdmomentum"), frozenset({"0.9"})),
    _Aspect(
        "schedule",
        (
            *("schedule", "scheduler", "lrschedule", "lrscheduler", "lrschedulertype", "learningrateschedule"),
            *("learningratescheduler", "schedulertype", "schedulername", "sched", "lrpolicy", "lrdecay"),
        ),
        _NO | {"constant", "fixed", "constantlr"},
    ),
    _Aspect(
        "task",
        ("task", "tasktype", "problem", "problemtype", "objective"),
        frozenset({"imageclassification", "classificationofimages"}),
    ),
    _Aspect(
        "number of classes",
        ("classes", "numclasses", "nclasses", "numberofclasses", "nbclasses", "numlabels", "nc", "outputs"),
        frozenset({"10"}),
    ),
    _Aspect("weight decay", ("weightdecay", "wd", "l2"), _NO, needed=False),
    _Aspect("Nesterov momentum", ("nesterov",), _NO, needed=False),
    _Aspect("warm-up", ("warmup", "warmupsteps", "warmupepochs", "warmupratio", "warmupproportion"), _NO, needed=False),
    _Aspect(
        "start",
        (
            *("pretrained", "finetune", "finetuned", "finetuning", "pretrainedweights", "weights", "initfrom"),
            *("basemodel", "checkpoint", "resume", "resumefrom"),
        ),
        _NO,
        needed=False,
    ),
    _Aspect("start", ("fromscratch",), frozenset({"true", "yes", "1"}), needed=False),
)


def why_not_applicable(settings: Mapping[str, Setting]) -> str | None:
    """Why the shipped predictors do not decide about a run with such settings; None if they do."""
    named = _named(settings)
    missing = []
    for aspect in _ASPECTS:
        given = {key: named[key] for key in aspect.keys if key in named}
        other = [value for value in given.values() if _plain(value) not in aspect.known]
        if other:
            return f"its settings say {aspect.title}: {other[0]}, and the predictors of the package know only {KNOWN}"
        if aspect.needed and not given:
            missing.append(aspect.keys[0])
    if missing:
        unsaid = f"settings.json does not say {', '.join(missing)}"
        return f"{unsaid}, and the predictors of the package know only {KNOWN}"
    return None


def _named(settings: Mapping[str, Setting]) -> dict[str, Setting]:
    """The settings by their names in letters and digits only, and what follows from the name of the data set."""
    of_zoo = settings.keys() >= OF_A_ZOO
    named = {_letters(name): value for name, value in ZOO.items() if of_zoo}
    named |= {_letters(name): value for name, value in settings.items() if not name.startswith("extraction.")}
    data = next((named[key] for key in ("data", "dataset", "datasetname") if named.get(key)), None)
    if data is not None and _letters(str(data).rpartition("/")[2]) in DATA:
        if _plain(named.get("task", "classification")) in ("classification", "multiclassclassification"):
            named["task"] = "image classification"  # the data are images
        named.setdefault("classes", 10)
    return named


def _letters(text: str) -> str:
    return re.sub(r"[^a-z0-9]", "", text.lower())


def _plain(value: Setting) -> str:
    """A value as text: `torch.optim.SGD` is `sgd`, 10.0 is `10`, and `Image Classification` has no space."""
    if isinstance(value, bool) or value is None:
        return str(value).lower()
    try:
        return f"{float(value):g}"
    except ValueError:
        return _letters(str(value).rpartition(".")[2])
