"""The paper's tables 1 and 2."""

from collections.abc import Sequence

import pandas as pd

from epochgraph.predictors import Candidate, learned, without_graphs
from epochgraph.predictors.curves import hyper_parameters, validation_curve
from epochgraph.predictors.views import Concatenated, View, pooled_changes
from paper.candidates import baker, from_weights
from paper.populations import Population, of_one_width, stopping_epoch
from paper.reported import TABLE_1, TABLE_2
from paper.results import Result, cell
from paper.scoring import FOLDS, Experiment, Progress, scorable, scored

MEASURES = {"accuracy": "Accuracy", "balanced_accuracy": "Balanced accuracy", "roc_auc": "Area under the ROC curve"}
FOLDS_TITLES = {"random": "folds at random, the paper's protocol", "learning_rate": "whole learning rates held out"}

RANGES = """Ranges over the runs of a population; in brackets the paper's. Populations named `reduced` have fewer
epochs, and other differences that are in their datasheets in `zoos/`; accuracies are on half of the test images."""

REPEATS = 10
"""How often random folds are made."""

GROUPED_REPEATS = 3
"""How often folds by learning rate are made: less than at random, as they take long."""

MEANS = f"""Mean and standard deviation over {{}} repetitions of five-fold cross-validation (whole learning rates:
{GROUPED_REPEATS}); in brackets the paper's accuracy on its population of the same architecture, which is larger and was
trained for longer. Each predictor looks at the first epochs, up to the one in the table's head: about 30 %
of them."""

PREDICTORS = """The penalty of every support vector machine is chosen by cross-validation inside the training folds.
A predictor called `trees` is a forest of extremely randomised trees. Changes are those of the whole graph, by depth and
of its weights, since the start and since the last snapshot. A network (`MLP`) with more than a thousand features, such
as a flattened layer, sees their principal axes: on the features themselves it does not converge."""


def table1(populations: Sequence[Population]) -> Result:
    """Early-stopping epochs and final accuracies of the populations, beside the paper's."""
    rows = [_about(population) for population in populations]
    table = pd.DataFrame([{name: str(value) for name, value in row.items()} for row in rows]).set_index("population")
    return Result("table1", "Table 1: the populations", (RANGES,), {"": table}, pd.DataFrame(rows))


def table2(
    populations: Sequence[Population], *, jobs: int, repeats: int = REPEATS, progress: Progress | None = None
) -> Result:
    """How often the prediction whether a run will end well is right, from each view of its first epochs.

    Args:
        populations: Those with too few runs on one side of their threshold are left out, and named; so are those with
            several widths, whose last layers cannot be compared weight by weight.
        jobs: Processes.
        repeats: How often folds are made.
        progress: Told after each candidate on each population.
    """
    comparable = of_one_width(populations)
    usable = scorable(comparable)
    experiments = [
        Experiment(population, candidate, (population.seen,), groups, dealings)
        for population in usable
        for groups, dealings in ((None, repeats), ("learning_rate", min(repeats, GROUPED_REPEATS)))
        for candidate in table2_candidates()
    ]
    scores = scored(experiments, jobs=jobs, progress=progress)
    tables = {}
    for folds, what in FOLDS_TITLES.items():
        for measure, title in MEASURES.items():
            paper = folds == "random" and measure == "accuracy"
            chosen = scores[(scores["folds"] == folds) & (scores["measure"] == measure)]
            tables[f"{title}, {what}"] = score_table(chosen, usable, table2_candidates(), with_paper=paper)
    reasons = {
        f"too few runs on one side of the threshold for {FOLDS} folds": _without(comparable, usable),
        "last layers of several widths, which cannot be compared weight by weight": _without(populations, comparable),
    }
    left_out = [f"Left out, for {why}: {', '.join(titles)}." for why, titles in reasons.items() if titles]
    notes = (MEANS.format(repeats), PREDICTORS, *left_out)
    return Result("table2", "Table 2: will the run end well?", notes, tables, scores)


def table2_candidates() -> tuple[Candidate, ...]:
    """The rows of table 2: without weights, with weights only, and with both."""
    trees = learned("classification", "trees")
    both: dict[str, View] = {
        "changes": pooled_changes(),
        "curve and changes": Concatenated((validation_curve, pooled_changes())),
        "curve, changes and hyper-parameters": Concatenated((validation_curve, pooled_changes(), hyper_parameters)),
    }
    return (
        *without_graphs("classification"),
        baker("classification"),
        *from_weights("classification", "svm"),
        *from_weights("classification", "mlp"),
        *(Candidate(f"{name} trees", view, trees) for name, view in both.items()),
    )


def _without(populations: Sequence[Population], kept: Sequence[Population]) -> list[str]:
    """The titles of those that are not kept."""
    return [population.title for population in populations if population not in kept]


def _about(population: Population) -> dict[str, object]:
    """One row of table 1."""
    stopping = [int(stopping_epoch(run)) for run in population.runs]
    accuracies = [run.final_accuracy() for run in population.runs]
    paper = TABLE_1.get(population.kind)
    of_paper = ("", "", "")
    if paper is not None:
        low, high = paper.accuracy
        of_paper = (
            f" ({paper.stopping[0]}-{paper.stopping[1]})",
            f" ({low:.1%}-{high:.1%})",
            f" ({paper.threshold:.0%})",
        )
    return {
        "population": population.name,
        "runs": len(population.runs),
        "epochs": population.epochs,
        "early-stopping epoch": f"{min(stopping)}-{max(stopping)}{of_paper[0]}",
        "final accuracy": f"{min(accuracies):.1%}-{max(accuracies):.1%}{of_paper[1]}",
        "threshold": f"{population.threshold:.0%}{of_paper[2]}",
        "good": f"{population.good / len(population.runs):.0%}",
    }


def score_table(
    scores: pd.DataFrame,
    populations: Sequence[Population],
    candidates: Sequence[Candidate],
    *,
    with_paper: bool = False,
) -> pd.DataFrame:
    """One row per candidate, one column per population: mean and spread of a score, and the paper's if it has one.

    Args:
        scores: Scores of one measure and one kind of folds, with a row for each candidate and population.
        populations: The columns.
        candidates: The rows.
        with_paper: Whether to show the paper's.
    """
    found = {
        (name, where): (mean, spread)
        for name, where, mean, spread in zip(
            *(scores[column] for column in ("candidate", "population", "mean", "spread")), strict=True
        )
    }
    columns = {}
    for population in populations:
        cells = []
        for candidate in candidates:
            paper = TABLE_2.get((candidate.name, population.kind)) if with_paper else None
            of_paper = "" if paper is None else f" ({paper if isinstance(paper, str) else f'{paper:.2f}'})"
            cells.append(cell(*found[candidate.name, population.name]) + of_paper)
        columns[f"{population.title}, epoch {population.seen}"] = cells
    return pd.DataFrame(columns, index=[candidate.name for candidate in candidates])
