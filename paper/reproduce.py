"""Results as files: each by itself, or all of them with their page."""

import shlex
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from rich.markdown import Markdown
from rich.progress import Progress as Bar
from rich.progress import TaskID

from epochgraph.cli.output import console, notes, progress_bar
from epochgraph.errors import SettingError
from epochgraph.files import atomic_write
from epochgraph.zoo.resources import usable_cores
from paper.ablation import ablation
from paper.added import added
from paper.claims import claims
from paper.decisions import decisions
from paper.figure3 import figure3
from paper.figure4 import figure4
from paper.figure5 import figure5
from paper.further import further
from paper.gaps import gaps
from paper.names import RESULTS
from paper.populations import Population, read_populations
from paper.regression import regression
from paper.results import Result, markdown_table
from paper.scoring import Progress
from paper.sweeps import sweeps
from paper.tables import table1, table2

ALL = "all"
ZOOS = Path("zoos")
"""The default folder of the populations."""

INSTANT = {"table1": table1, "figure5": figure5}
LONG = {
    "table2": table2,
    "gaps": gaps,
    "ablation": ablation,
    "further": further,
    "regression": regression,
    "figure3": figure3,
    "figure4": figure4,
    "added": added,
    "decisions": decisions,
}


def run(what: str, zoos: Path, out: Path, *, jobs: int | None) -> None:
    """Compute the results, write each immediately, and print the first table of each."""
    populations = read_populations(zoos)
    chosen = [*RESULTS] if what == ALL else [what]
    results: list[Result] = []
    paths: list[Path] = []
    left_out: list[str] = []
    with progress_bar() as progress:
        for name in chosen:
            task = progress.add_task(name, total=None)
            show = partial(_show, progress, task)
            try:
                results.append(_computed(name, populations, results, jobs or usable_cores(), show))
                paths += results[-1].write(out)
            except SettingError as error:
                if what != ALL:
                    raise
                left_out.append(f"{name} is left out: {error}")
                notes.print(left_out[-1], markup=False, highlight=False)
    if what == ALL:
        paths.append(_page(results, left_out, zoos, out))
    for result in results:
        console.print(Markdown(result.summary()))
    console.print("\n" + "\n".join(f"Written: {path}" for path in paths), markup=False, highlight=False)


def _computed(
    name: str, populations: Sequence[Population], done: Sequence[Result], jobs: int, progress: Progress
) -> Result:
    """One result; sweeps reuse the predictions made for the decisions, if there are any."""
    if name in INSTANT:
        return INSTANT[name](populations)
    if name == "sweeps":
        predicted = next((result.scores for result in done if result.name == "decisions"), None)
        return sweeps(populations, jobs=jobs, predicted=predicted, progress=progress)
    return LONG[name](populations, jobs=jobs, progress=progress)


def _show(bar: Bar, task: TaskID, done: int, total: int) -> None:
    bar.update(task, completed=done, total=total)


def _page(results: Sequence[Result], left_out: Sequence[str], zoos: Path, out: Path) -> Path:
    """All results on one page."""
    path = out / "README.md"
    source = [] if zoos == ZOOS else ["--zoos", str(zoos)]
    command = shlex.join(["python", "-m", "paper", ALL, *source, "--out", str(out)])
    head = (
        "# The paper's results, computed anew\n\n"
        f"Vahedian et al., CIKM 2022, from the populations in `{zoos}/`. This page was written by\n"
        f"`{command}`; nothing on it is typed.\n\n"
        "## The claims\n\n"
        "Each is judged by its mean on every population, transfer or epoch that it covers; a difference in bold is\n"
        "certain (its 95 % interval excludes zero). The results behind the claims follow below; the populations are\n"
        "smaller than the paper's, and reduced.\n\n"
    )
    body = [markdown_table(claims(results)), "", *left_out, *(result.markdown() for result in results)]
    with atomic_write(path) as temporary:
        temporary.write_text(head + "\n".join(body), "utf-8")
    return path
