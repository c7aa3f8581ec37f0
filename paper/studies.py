"""Optuna studies with and without pruning: what each pruner spends, and how good the trial is that it chooses."""

import json
import logging
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import optuna
import pandas as pd
import torch
from matplotlib import rc_context
from matplotlib.figure import Figure
from optuna.pruners import BasePruner, HyperbandPruner, MedianPruner, NopPruner, SuccessiveHalvingPruner
from optuna.samplers import BaseSampler, RandomSampler, TPESampler
from rich.progress import Progress
from sklearn.datasets import load_digits
from torch import Tensor, nn

from epochgraph.files import atomic_write
from epochgraph.integrations.optuna import ForecastPruner, TrialWatch
from paper.results import markdown_table

COMMAND = "python -m paper studies"

EPOCHS = 16
TRIALS = 40
SEEDS = (0, 1, 2)
BEST = 3
"""How many trials of a study count as good: what our pruner is told."""

NONE, OURS, BEHIND = "none", "epochgraph", "epochgraph, the median behind"
PRUNERS: Mapping[str, Callable[[], BasePruner]] = {
    NONE: NopPruner,
    "median": MedianPruner,
    "successive halving": SuccessiveHalvingPruner,
    "Hyperband": lambda: HyperbandPruner(max_resource=EPOCHS),
    OURS: ForecastPruner,
    BEHIND: lambda: ForecastPruner(behind=MedianPruner()),
}
"""Each with the settings that it has if nothing is said."""

SAMPLERS: Mapping[str, Callable[[int], BaseSampler]] = {
    "random": lambda seed: RandomSampler(seed=seed),
    "TPE": lambda seed: TPESampler(seed=seed),
}


@dataclass(frozen=True, slots=True)
class Study:
    """What came of one study.

    Attributes:
        sampler: What chose the settings.
        pruner: What stopped trials.
        seed: Of the sampler.
        epochs: That all trials were trained for, as a share of training each to its end.
        finished: How many trials were trained to their end.
        accuracy: Test accuracy of the finished trial with the best final validation accuracy.
        best: The highest test accuracy of any finished trial.
    """

    sampler: str
    pruner: str
    seed: int
    epochs: float
    finished: int
    accuracy: float
    best: float


@dataclass(frozen=True, slots=True, eq=False)
class Digits:
    """The digits of scikit-learn, in three parts: 400 to train on, 600 to validate, 797 to test."""

    train: tuple[Tensor, Tensor]
    validation: tuple[Tensor, Tensor]
    test: tuple[Tensor, Tensor]

    @classmethod
    def read(cls) -> "Digits":
        """Read and divide them, always alike."""
        images, labels = load_digits(return_X_y=True)
        order = np.random.default_rng(0).permutation(len(images))
        x = torch.from_numpy(images[order] / 16).float()
        y = torch.from_numpy(labels[order]).long()
        return cls((x[:400], y[:400]), (x[400:1000], y[400:1000]), (x[1000:], y[1000:]))


def write_page(out: Path, *, trials: int = TRIALS, epochs: int = EPOCHS, seeds: tuple[int, ...] = SEEDS) -> list[Path]:
    """Run the studies that have not been run yet, and write the page.

    Each is written to `studies.json` as soon as it is done; the next call goes on from there.

    Args:
        out: Folder of the page.
        trials: Of each study.
        epochs: Of each trial.
        seeds: Of the samplers.

    Returns:
        The files.

    Raises:
        OutputError: A file cannot be written.
    """
    paths = [out / "README.md", out / "studies.json", out / "studies.png"]
    wanted = list(product(SAMPLERS, PRUNERS, seeds))
    found = {(one.sampler, one.pruner, one.seed): one for one in _read(paths[1])}
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    logging.getLogger("epochgraph").setLevel(logging.ERROR)  # that a run diverges is no news here
    with Progress() as progress:
        bar = progress.add_task("studies", total=len(wanted), completed=len(found))
        for key in (key for key in wanted if key not in found):
            found[key] = study(*key, trials=trials, epochs=epochs)
            with atomic_write(paths[1]) as temporary:
                temporary.write_text(json.dumps([asdict(one) for one in found.values()], indent=1) + "\n", "utf-8")
            progress.advance(bar)
    table = pd.DataFrame([asdict(found[key]) for key in wanted])
    with atomic_write(paths[0]) as temporary:
        temporary.write_text(_page(table, trials, epochs), "utf-8")
    with atomic_write(paths[2]) as temporary:
        _picture(table).savefig(temporary, dpi=150, metadata={"Software": None})
    return paths


def _read(path: Path) -> Iterator[Study]:
    if path.exists():
        yield from (Study(**one) for one in json.loads(path.read_text("utf-8")))


def study(sampler: str, pruner: str, seed: int, *, trials: int, epochs: int) -> Study:
    """Run one study."""
    data = Digits.read()
    with TemporaryDirectory() as store, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        made = optuna.create_study(
            direction="maximize", sampler=SAMPLERS[sampler](seed), pruner=PRUNERS[pruner](), study_name="study"
        )
        watched = pruner in (OURS, BEHIND)
        made.optimize(lambda trial: _trained(trial, data, Path(store), epochs, watched=watched), trials)
    finished = [trial for trial in made.trials if trial.state == optuna.trial.TrialState.COMPLETE]
    tested = {trial.number: float(trial.user_attrs["test_accuracy"]) for trial in finished}
    chosen = max(finished, key=lambda trial: float(trial.value or 0))
    spent = sum(int(trial.user_attrs["epochs"]) for trial in made.trials)
    share = spent / (trials * epochs)
    return Study(sampler, pruner, seed, share, len(finished), tested[chosen.number], max(tested.values()))


def _trained(trial: optuna.Trial, data: Digits, store: Path, epochs: int, *, watched: bool) -> float:
    """Train a network of the trial's settings, and give its validation accuracy at the end."""
    torch.manual_seed(0)
    model = _network(trial)
    optimizer = _optimizer(trial, model)
    size = trial.suggest_int("batch_size", 16, 128, log=True)
    watch = None
    if watched:
        watch = TrialWatch(
            trial, model, data.train[0][:1], store=store, objective="validation_accuracy", budget=epochs, best=BEST
        )
    accuracy = 0.0
    for epoch in range(1, epochs + 1):
        loss = _epoch(model, optimizer, data.train, size)
        accuracy = _accuracy(model, data.validation)
        trial.set_user_attr("epochs", epoch)
        if watch is not None:
            watch(epoch, train_loss=loss, validation_accuracy=accuracy)
        else:
            trial.report(accuracy, epoch)
            if trial.should_prune():
                raise optuna.TrialPruned
    trial.set_user_attr("test_accuracy", _accuracy(model, data.test))
    return accuracy


def _network(trial: optuna.Trial) -> nn.Module:
    width, dropout = trial.suggest_int("width", 8, 128, log=True), trial.suggest_float("dropout", 0.0, 0.6)
    layers: list[nn.Module] = []
    inputs = 64
    for _ in range(trial.suggest_int("depth", 1, 3)):
        layers += [nn.Linear(inputs, width), nn.ReLU(), nn.Dropout(dropout)]
        inputs = width
    return nn.Sequential(*layers, nn.Linear(inputs, 10))


def _optimizer(trial: optuna.Trial, model: nn.Module) -> torch.optim.Optimizer:
    rate = trial.suggest_float("learning_rate", 1e-4, 1.0, log=True)
    decay = trial.suggest_float("weight_decay", 1e-6, 1e-1, log=True)
    if trial.suggest_categorical("optimizer", ["SGD", "AdamW"]) == "SGD":
        return torch.optim.SGD(model.parameters(), lr=rate, momentum=0.9, weight_decay=decay)
    return torch.optim.AdamW(model.parameters(), lr=rate, weight_decay=decay)


def _epoch(model: nn.Module, optimizer: torch.optim.Optimizer, data: tuple[Tensor, Tensor], size: int) -> float:
    model.train()
    losses = []
    for batch in torch.split(torch.randperm(len(data[0])), size):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(data[0][batch]), data[1][batch])
        torch.autograd.backward(loss)
        optimizer.step()
        losses.append(loss.item())
    return float(np.mean(losses))


@torch.no_grad()
def _accuracy(model: nn.Module, data: tuple[Tensor, Tensor]) -> float:
    model.eval()
    return float((model(data[0]).argmax(1) == data[1]).float().mean())


def _means(table: pd.DataFrame) -> pd.DataFrame:
    """By sampler and pruner: the epochs, and how far the chosen trial is below that of the study without pruning."""
    whole = table[table["pruner"] == NONE].set_index(["sampler", "seed"])["accuracy"]
    keys = pd.MultiIndex.from_frame(table[["sampler", "seed"]])
    lost = table.assign(lost=100 * (whole.loc[keys].to_numpy() - table["accuracy"].to_numpy()))
    return lost.groupby(["sampler", "pruner"], sort=False)[["epochs", "finished", "accuracy", "lost"]].agg(
        ["mean", "min", "max"]
    )


ABOUT = """# What pruning saves in a study

An Optuna study of {trials} trials of {epochs} epochs each: small networks on the digits of scikit-learn, 400 of them
to train on. A sampler chose learning rate, weight decay, optimiser (SGD, AdamW), batch size, width, depth and dropout.
Every pruner has its default settings; ours looks for one of the {best} best. The tables show means over {seeds} seeds,
with the lowest and the highest in brackets. `{command}` ran the studies and made this page; nothing was tuned on them.

"""

ENDING = """
*Epochs* is the share of training every trial to its end. The study chooses the trial with the best final validation
accuracy among those that finished; *lost* is how many points its test accuracy is below that of the study of the same
seed without pruning (below zero: it is better, as other trials were sampled or by chance: a point is eight images).
Every figure is in [`studies.json`](studies.json).

![Epochs and loss by pruner](studies.png)
"""


def _page(table: pd.DataFrame, trials: int, epochs: int) -> str:
    text = ABOUT.format(trials=trials, epochs=epochs, best=BEST, seeds=table["seed"].nunique(), command=COMMAND)
    for sampler, rows in _means(table).groupby(level="sampler", sort=False):
        cells = {
            "epochs": [_cell(row["epochs"], "{:.0%}") for _, row in rows.iterrows()],
            "trials finished": [_cell(row["finished"], "{:.0f}") for _, row in rows.iterrows()],
            "test accuracy of the chosen one": [_cell(row["accuracy"], "{:.1%}") for _, row in rows.iterrows()],
            "lost, points": [_cell(row["lost"], "{:+.1f}") for _, row in rows.iterrows()],
        }
        index = pd.Index([pruner for _, pruner in rows.index], name="pruner")
        text += f"## {sampler} sampler\n\n{markdown_table(pd.DataFrame(cells, index=index))}\n\n"
        text += f"{_verdict(rows.droplevel('sampler'))}\n\n"
    return text + ENDING


def _verdict(rows: pd.DataFrame) -> str:
    """Which pruners never chose a worse trial, and what the others risked."""
    pruned = rows.drop(index=NONE)
    safe = pruned[pruned["lost"]["max"] <= 0].sort_values(("epochs", "mean"))
    said = "Every pruner chose a worse trial at some seed. "
    if len(safe):
        listed = ", ".join(f"{pruner} ({row['epochs']['mean']:.0%} of the epochs)" for pruner, row in safe.iterrows())
        said = f"Never worse than without pruning, at any seed: {listed}. "
    same = pruned[(pruned["lost"]["min"] == 0) & (pruned["lost"]["max"] == 0)]
    if len(same):
        said += f"The very trial that is chosen without pruning, or one as good, every time: {', '.join(same.index)}."
    return said


def _cell(values: pd.Series, form: str) -> str:
    mean, low, high = (form.format(values[name]) for name in ("mean", "min", "max"))
    return f"{mean} ({low} to {high})"


MARKS = "osD^hX"
"""Of the pruners: some do the same, and one would hide the other."""


def _picture(table: pd.DataFrame) -> Figure:
    with rc_context({"font.size": 9, "axes.spines.top": False, "axes.spines.right": False}):
        figure = Figure(figsize=(9, 3.6), layout="constrained")
        for axes, (sampler, rows) in zip(
            figure.subplots(1, 2, sharey=True), _means(table).groupby(level=0, sort=False), strict=True
        ):
            for place, (pruner, row) in enumerate(rows.droplevel("sampler").iterrows()):
                colour, mark = f"C{place}", MARKS[place]
                x, y = 100 * row["epochs"]["mean"], row["lost"]["mean"]
                axes.plot([100 * row["epochs"]["min"], 100 * row["epochs"]["max"]], [y, y], color=colour, alpha=0.4)
                axes.plot([x, x], [row["lost"]["min"], row["lost"]["max"]], color=colour, alpha=0.4)
                axes.plot([x], [y], mark, color=colour, label=pruner, markersize=9 - place, zorder=3 + place)
            axes.axhline(0, color="0.7", linewidth=0.8, zorder=0)
            axes.set_title(f"{sampler} sampler")
            axes.set_xlabel("epochs, % of training every trial to its end")
        figure.axes[0].set_ylabel("points of test accuracy lost")
        figure.legend(*figure.axes[0].get_legend_handles_labels(), loc="outside right center", frameon=False)
    return figure
