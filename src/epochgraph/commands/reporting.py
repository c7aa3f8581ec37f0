"""`report`: a store -> a page of HTML that shows its sweep."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from epochgraph.commands.pages import Line, Sheet, Shown
from epochgraph.files import atomic_write
from epochgraph.report.page import page_data, sweep_html, verdict
from epochgraph.runs import Direction
from epochgraph.watch.sweep import Sweep, SweepState


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class SweepReport(Shown):
    """A sweep, and the page that shows it.

    Attributes:
        state: The runs, their forecasts and what to do.
        html: The page: it needs no network and no other file.
    """

    state: SweepState
    html: str

    def page(self) -> Sequence[Sheet | Line]:
        """The runs in the order in which to go on, and what to do."""
        names = [*self.state.order, *(name for name in self.state.members if name not in self.state.order)]
        rows = []
        for name in names:
            one = self.state.members[name]
            found = one.forecast
            expected = "-" if found.accuracy is None else f"{found.accuracy:.4g}"
            chance = "-" if found.p_good is None else f"{found.p_good:.0%}"
            rows.append((name, one.status, expected, chance, found.decision if one.status == "running" else ""))
        heads = ("run", "status", "expected", "chance of a good end", "decision")
        colours = {"stop": "red", "continue": "green"}
        return [Sheet(heads, rows, numbers=(2, 3), colours=colours), Line(""), Line(verdict(self.state))]

    def write(self, path: str | os.PathLike[str]) -> Path:
        """Write the page.

        Raises:
            OutputError: It cannot be written.
        """
        with atomic_write(Path(path)) as temporary:
            temporary.write_text(self.html, "utf-8")
        return Path(path)


def report(
    store: str | os.PathLike[str],
    *,
    best: int | None = None,
    threshold: float | None = None,
    target: str | None = None,
    direction: Direction | None = None,
    budget: float | None = None,
) -> SweepReport:
    """Show a sweep as a page to look at: its curves, what is forecast of each run, what to stop and why.

    Args:
        store: Folder of the runs, whether they are finished or not; or a file of several.
        best: How many of the runs count as good; None for 3, or as the threshold says.
        threshold: The final value from which on a run is good (of a loss: up to which), instead.
        target: The metric whose final value is forecast; None for the usual one that all runs have.
        direction: Whether it "rises" or "falls" as runs get better, where its name does not say.
        budget: Epochs of each run, if its settings do not say.

    Returns:
        The page; it prints as a table.

    Raises:
        SettingError: No run has the target, or nothing tells their budget.
        UnreadableFileError: There is no store, or no run in it.

    Examples:
        >>> from tempfile import TemporaryDirectory
        >>> import torch
        >>> import epochgraph
        >>> with TemporaryDirectory() as store:
        ...     for rate in (1, 2, 3, 4, 5, 6):
        ...         model = torch.nn.Linear(3, 2)
        ...         watch = epochgraph.Watch(model, torch.zeros(1, 3), run=f"rate-{rate}", store=store, budget=4)
        ...         answer = watch(1, validation_accuracy=rate / 10)
        ...     found = epochgraph.report(store, best=2)
        >>> found.html.startswith("<!doctype html>"), found.state.to_stop
        (True, ['rate-1'])
    """
    sweep = Sweep(Path(store), best=best, threshold=threshold, target=target, direction=direction, budget=budget)
    state = sweep()
    return SweepReport(state, sweep_html(page_data(state, Path(store).resolve().stem, target)))
