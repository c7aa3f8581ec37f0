"""The paper's figure 4: learned from some networks, applied to others."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from epochgraph.errors import SettingError
from epochgraph.evaluation import transferred
from epochgraph.predictors import Candidate, labels, learned
from epochgraph.predictors.curves import validation_accuracy, validation_curve
from epochgraph.predictors.views import Concatenated, View, pooled_changes
from epochgraph.runs import Run
from paper.panels import BLUE, FAINT, GREEN, INK, RED, YELLOW, label_left, legend_below, panels
from paper.populations import Population
from paper.reported import CIFAR, IMAGENET
from paper.results import Result, cell
from paper.scoring import Progress, scored
from paper.views import Transformed, minus_initial, statistics_of

TRANSFER_EPOCHS = (1, 2, 3, 4)

LEAST = 2
"""The fewest runs that end either way, to learn from."""

COLOURS = (GREEN, RED, BLUE, YELLOW, INK, FAINT)

NOTE = """Fitted on all runs of some networks, tested on all of another kind; mean over three seeds. Balanced
accuracy, as the kinds differ in how many of their runs end well; 0.5 is chance. The paper's transfers are ResNet-32 to
ResNet-44, ResNet-34 to ResNet-50, LeNet, AlexNet and VGG to ResNet-32, and narrow to wide; the others are ours. Those
whose populations are not published yet are missing. `less its start`: each of the paper's five statistics minus its
initial value."""


@dataclass(frozen=True, slots=True)
class Transfer:
    """Runs to learn from, and others whose end is predicted.

    Attributes:
        name: Its name in the figure.
        known: The runs to fit on.
        others: The runs to predict.
        truth: Which of both end well.
    """

    name: str
    known: tuple[Run, ...]
    others: tuple[Run, ...]
    truth: tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True, slots=True)
class _Experiment:
    """One candidate on one transfer."""

    transfer: Transfer
    candidate: Candidate

    def scores(self) -> pd.DataFrame:
        known, others, truth = self.transfer.known, self.transfer.others, self.transfer.truth
        return transferred([self.candidate], known, others, truth, epochs=TRANSFER_EPOCHS).assign(
            transfer=self.transfer.name
        )


def figure4(populations: Sequence[Population], *, jobs: int, progress: Progress | None = None) -> Result:
    """From shallow to deep, narrow to wide, old architectures to new ones, one data set to another.

    Args:
        populations: Those that no transfer is about are left out.
        jobs: Processes.
        progress: Called after each candidate on each transfer.

    Raises:
        SettingError: The populations allow no transfer.
    """
    chosen = transfers(populations)
    if not chosen:
        known = [population.name for population in populations]
        raise SettingError("populations", known, "of architectures, data or widths that figure 4 compares")
    experiments = [_Experiment(transfer, candidate) for transfer in chosen for candidate in transfer_candidates()]
    whole = scored(experiments, jobs=jobs, progress=progress)
    names = [transfer.name for transfer in chosen]
    tables = {
        f"Balanced accuracy at epoch {epoch}": _table(whole, names, epoch)
        for epoch in (TRANSFER_EPOCHS[-1], TRANSFER_EPOCHS[0])
    }
    return Result("figure4", "Figure 4: from some networks to others", (NOTE,), tables, whole, _drawn(whole, names))


def transfer_candidates() -> tuple[Candidate, ...]:
    """What can be known of any architecture."""
    trees, svm = learned("classification", "trees"), learned("classification", "svm")
    changes = pooled_changes()
    views: dict[str, tuple[View, Callable[[int], Any]]] = {
        "rolled degree SVM": (statistics_of("degree"), svm),
        "rolled eigenvector SVM": (statistics_of("eigenvector_centrality"), svm),
        "rolled degree SVM, less its start": (Transformed(statistics_of("degree"), minus_initial), svm),
        "changes trees": (changes, trees),
        "validation accuracy": (validation_accuracy, svm),
        "curve and changes trees": (Concatenated((validation_curve, changes)), trees),
    }
    return tuple(Candidate(name, view, estimator) for name, (view, estimator) in views.items())


def transfers(populations: Sequence[Population]) -> list[Transfer]:
    """All that the published populations allow."""
    mixed = [population for population in populations if population.rarer >= LEAST]
    of_kind: dict[tuple[str, str], list[Population]] = {}
    for population in mixed:
        of_kind.setdefault(population.kind, []).append(population)
    old = [(CIFAR, name) for name in ("LeNet", "AlexNet", "VGG")]
    pairs = {
        "ResNet-20 to ResNet-32": ([(CIFAR, "resnet20")], (CIFAR, "resnet32")),
        "ResNet-32 to ResNet-44": ([(CIFAR, "resnet32")], (CIFAR, "resnet44")),
        "ResNet-34 to ResNet-50": ([(IMAGENET, "resnet34")], (IMAGENET, "resnet50")),
        "LeNet, AlexNet, VGG to ResNet-32": (old, (CIFAR, "resnet32")),
        "LeNet, AlexNet to VGG": (old[:2], (CIFAR, "VGG")),
        "LeNet, VGG to AlexNet": (old[::2], (CIFAR, "AlexNet")),
        "AlexNet, VGG to LeNet": (old[1:], (CIFAR, "LeNet")),
        "CIFAR-10 to Tiny ImageNet (LeNet)": ([(CIFAR, "LeNet")], (IMAGENET, "LeNet")),
    }
    found = [
        _transfer(name, [one for kind in sources for one in of_kind[kind]], of_kind[target])
        for name, (sources, target) in pairs.items()
        if target in of_kind and all(kind in of_kind for kind in sources)
    ]
    return found + [transfer for population in mixed for transfer in _to_wider(population)]


def _transfer(name: str, sources: Sequence[Population], targets: Sequence[Population]) -> Transfer:
    known, others = ([run for one in side for run in one.runs] for side in (sources, targets))
    ends = [np.concatenate([_ends(one) for one in side]) for side in (sources, targets)]
    return Transfer(name, tuple(known), tuple(others), (ends[0], ends[1]))


def _to_wider(population: Population) -> list[Transfer]:
    """From the narrowest networks of a population to the widest, if it has several widths."""
    widths = population.widths
    if len(widths) < 2:
        return []
    narrow, wide = (
        replace(population, runs=tuple(run for run in population.runs if run.settings["width"] == width))
        for width in (widths[0], widths[-1])
    )
    if min(narrow.rarer, wide.rarer) < LEAST:
        return []
    return [_transfer(f"width {widths[0]:g} to {widths[-1]:g} ({population.kind[1]})", [narrow], [wide])]


def _ends(population: Population) -> np.ndarray:
    return labels([run.final_accuracy() for run in population.runs], population.threshold)


def _table(scores: pd.DataFrame, names: Sequence[str], epoch: float) -> pd.DataFrame:
    chosen = scores[(scores["measure"] == "balanced_accuracy") & (scores["epoch"] == epoch)]
    rows = [candidate.name for candidate in transfer_candidates()]
    table = chosen.pivot_table(index="candidate", columns="transfer", values="mean", sort=False)
    return table.loc[rows, list(names)].map(cell).rename_axis(index=None, columns=None)


def _drawn(scores: pd.DataFrame, names: Sequence[str]) -> Figure:
    figure = panels(names, columns=3, width=3.9, height=3)
    for axis, name in zip(figure.axes, names, strict=True):
        predicted = scores[(scores["transfer"] == name) & (scores["measure"] == "balanced_accuracy")]
        for candidate, colour in zip(transfer_candidates(), COLOURS, strict=True):
            line = predicted[predicted["candidate"] == candidate.name]
            axis.plot(line["epoch"], line["mean"], color=colour, lw=1.8, marker="o", ms=3.5, label=candidate.name)
        axis.axhline(0.5, color=INK, lw=0.8, ls=":")
        axis.set_xlabel("epochs seen")
        label_left(axis, "balanced accuracy")
        axis.xaxis.set_major_locator(MaxNLocator(integer=True))
        axis.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    legend_below(figure, figure.axes[0], columns=3)
    return figure
