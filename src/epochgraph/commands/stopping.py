"""`demo` without images: small sweeps trained here, and what each rule for stopping early makes of them."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import kendalltau

from epochgraph.commands.pages import Line, Sheet, Shown
from epochgraph.commands.populations import train_recipe
from epochgraph.commands.progress import OnProgress, Progress, unwatched
from epochgraph.commands.replaying import NO_STOPPING, OURS, TREES, Replayed, replay
from epochgraph.commands.reporting import report
from epochgraph.errors import ZooError
from epochgraph.forecasts import forecast
from epochgraph.forecasts.moments import as_of, paced
from epochgraph.forecasts.target import target_of
from epochgraph.predictors import Prediction
from epochgraph.runs import Run, write_runs
from epochgraph.sweeps.steps import stepped
from epochgraph.watch.ending import RUNNING, STATUS
from epochgraph.zoo.population import finished_runs, status
from epochgraph.zoo.resources import usable_resources

RECIPE = "demo"
ORDERS = 2
EARLY = 8
"""Runs are ranked after one in so many parts of their budget."""


@dataclass(frozen=True, slots=True)
class Ranking:
    """How well the runs of a sweep are ranked by their ends when an eighth of their budget is spent: Kendall's tau.

    Attributes:
        metric: By the validation metric of that moment.
        forecast: By the forecast.
        weights: By the forecast from the graphs of the weights alone, without any metric.
    """

    metric: float
    forecast: float
    weights: float


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class StoppingDemonstration(Shown):
    """What rules for stopping early made of small sweeps.

    Attributes:
        sweeps: The replay of each sweep, by what it trains.
        rankings: How well its runs are ranked early.
        pages: Its page to look at, as it stood midway.
        runs: The folder of the stored runs.
    """

    sweeps: Mapping[str, Replayed]
    rankings: Mapping[str, Ranking]
    pages: Mapping[str, Path]
    runs: Path

    @property
    def table(self) -> pd.DataFrame:
        """A row a rule and sweep: `trained`, the share of the epochs, and `regret`, in spreads of the sweep's ends."""
        rows = []
        for name, one in self.sweeps.items():
            for rule, row in one.means.iterrows():
                rows.append((_common(str(rule)), name, row["trained"], row["regret"] / (one.spread or 1.0)))
        return pd.DataFrame(rows, columns=["rule", "sweep", "trained", "regret"])

    def page(self) -> Sequence[Sheet | Line]:
        """What each rule spends and costs, how early the end can be seen, and where to look."""
        table = self.table
        means = table.groupby("rule", sort=False)[["trained", "regret"]].mean()
        everything = pd.concat([table, means.reset_index().assign(sweep="mean")])
        cells = {(row.rule, row.sweep): f"{row.trained:.0%}  {row.regret:.2f}" for row in everything.itertuples()}
        names = (*self.sweeps, "mean")
        rows = [(str(rule), *(cells[rule, name] for name in names)) for rule in means.index]
        count = sum(one.runs for one in self.sweeps.values())
        title = f"Epochs trained, and regret in spreads of the ends: {count} runs in {len(self.sweeps)} sweeps"
        page: list[Sheet | Line] = [
            Line(""),
            Sheet(("rule", *names), rows, title, range(1, len(names) + 1)),
        ]
        page += [Line(""), *map(Line, [self.verdict(means), self.about_graphs()]), Line("")]
        page.append(Line("The sweeps to look at, half of their runs finished and the others after a quarter:"))
        page += [Line(f"  {path}  ({name})") for name, path in self.pages.items()]
        return [*page, Line(f"All runs: {self.runs}")]

    def verdict(self, means: pd.DataFrame) -> str:
        """What the table says of our decisions, in a sentence."""
        ours, trees = means.loc[OURS], means.loc[TREES]
        shown = means.round(2)  # nobody shall be beaten by what the table does not show
        cheaper = shown.drop(index=[NO_STOPPING, OURS])
        cheaper = cheaper[
            (cheaper["trained"] < shown.loc[OURS, "trained"]) & (cheaper["regret"] <= shown.loc[OURS, "regret"])
        ]
        said = f"Deciding as Watch does takes {ours['trained']:.0%} of the epochs at a regret of {ours['regret']:.2f}; "
        said += (
            f"trees on curve and settings, learned in the sweep, take {trees['trained']:.0%} at {trees['regret']:.2f}. "
        )
        if len(cheaper):
            return f"{said}Cheaper at no more regret here: {', '.join(map(str, cheaper.index))}."
        return f"{said}No rule is cheaper here at no more regret."

    def about_graphs(self) -> str:
        """What the graphs say early, and whether they add to what the metric says."""
        taus = pd.DataFrame([(one.metric, one.forecast, one.weights) for one in self.rankings.values()]).mean()
        return (
            f"After 1/{EARLY} of the budget the graphs of the weights alone rank the runs by their ends with Kendall's "
            f"tau {taus[2]:.2f}, the validation metric of that moment with {taus[0]:.2f}, and the forecast with "
            f"{taus[1]:.2f}: it goes by curve and settings where there is a metric, and by graphs where there is none."
        )


def demonstrate_stopping(
    recipe: str = RECIPE,
    *,
    out: str | os.PathLike[str] = "out/demo",
    workers: int | None = None,
    progress: OnProgress = unwatched,
) -> StoppingDemonstration:
    """Train four small sweeps, and replay on them what rules for stopping early would have spent and lost.

    Convolutional networks learn handwritten digits, and small GPTs the text of Python's own documentation, under SGD
    with momentum and under AdamW; nothing is downloaded.

    Args:
        recipe: Another recipe of sweeps, which needs no file: its own file, or the name of one of the package.
        out: Folder for the runs and pages. Finished runs are kept, so the same call resumes where it stopped.
        workers: Processes; None for one a core.
        progress: Called with a `Progress` whenever something more is done.

    Raises:
        ZooError: A run has failed, or the folder holds another population.
        OutputError: The folder cannot be written.
    """
    folder = Path(out) / "sweeps"
    found = train_recipe(recipe, folder, resources=usable_resources(workers=workers), progress=progress)
    for name, error in found.failed.items():
        raise ZooError(folder, f"run {name} failed ({error})", "Start the demo again to try once more.")
    sweeps: dict[str, list[Run]] = {}
    for run in finished_runs(folder, status(folder)):
        sweeps.setdefault(f"{run.settings['task']}, {run.settings['optimizer']}", []).append(run)
    replays, rankings, pages = dict[str, Replayed](), dict[str, Ranking](), dict[str, Path]()
    for place, (name, runs) in enumerate(sweeps.items()):
        progress(Progress("fits", f"replaying {name}", place, len(sweeps)))
        replays[name] = replay(runs, orders=ORDERS, jobs=workers)
        rankings[name] = ranked(runs)
        store = folder / f"{runs[0].settings['sweep']}.parquet"
        write_runs(midway(runs), store)
        pages[name] = report(store).write(store.with_suffix(".html"))
    progress(Progress("fits", "replaying", len(sweeps), len(sweeps)))
    return StoppingDemonstration(replays, rankings, pages, folder / "runs")


def midway(runs: Sequence[Run]) -> list[Run]:
    """A sweep in the middle: half of its runs have finished, the others have spent a quarter of their budget."""
    everyone = paced(runs, known=runs)
    begun = [as_of(one.run, one.budget / 4) for one in everyone[len(runs) // 2 :]]
    return [*runs[: len(runs) // 2], *(replace(run, settings={**run.settings, STATUS: RUNNING}) for run in begun)]


def ranked(runs: Sequence[Run]) -> Ranking:
    """How well finished runs are ranked by their ends from their first eighth."""
    target, everyone = target_of(runs), paced(runs, known=runs)
    sweep = stepped(everyone, target, EARLY)
    begun = [as_of(one.run, one.budget / EARLY) for one in everyone]
    bare = [replace(run, metrics=run.metrics.iloc[:0, :0]) for run in begun]

    def tau(values: np.ndarray) -> float:
        return float(kendalltau(values, sweep.final).statistic)

    forecasts = forecast(begun, target=target.metric, direction=target.direction, best=3), forecast(bare, best=3)
    return Ranking(tau(sweep.curves[:, 0]), *(tau(_standings(found)) for found in forecasts))


def _standings(predictions: Sequence[Prediction]) -> np.ndarray:
    return np.array([0.0 if one.standing is None else one.standing for one in predictions])


def _common(rule: str) -> str:
    """A rule by one name in all sweeps, though a step is another share of each one's budget."""
    return rule.replace(next((word for word in rule.split() if word.startswith("1/")), "1/"), "one step")
