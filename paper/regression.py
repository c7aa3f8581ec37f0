"""How accurate will the run end? The predecessor's task (arXiv 2111.05410), on the published populations."""

from collections.abc import Sequence

from epochgraph.predictors import Candidate, learned, without_graphs
from epochgraph.predictors.curves import hyper_parameters, learning_curve
from epochgraph.predictors.views import Concatenated, View, pooled_changes
from paper.candidates import baker, from_weights, general
from paper.populations import Population, of_one_width
from paper.results import Result
from paper.scoring import FOLDS, Experiment, Progress, scorable, scored
from paper.tables import FOLDS_TITLES, score_table

REPEATS = 3
MEASURES = {"r2": "R²", "kendall_tau": "Kendall's τ", "mean_absolute_error": "Mean absolute error, in accuracy points"}
NETWORKS = ("rolled degree MLP", "rolled eigenvector MLP")
"""Only the paper's own rows use neural networks: on features of any scale, they have R² far below zero."""

MEANS = f"""The final test accuracy, predicted from about the first 30 % of the epochs: mean and standard deviation over
{REPEATS} repetitions of {FOLDS}-fold cross-validation. Support vector regression with the penalty chosen inside the
training folds; forests of extremely randomised trees; gradient boosting and Gaussian processes of scikit-learn. Changes
are those of table 2."""


def regression(populations: Sequence[Population], *, jobs: int, progress: Progress | None = None) -> Result:
    """R², Kendall's tau and mean absolute error of each candidate.

    Args:
        populations: Those that table 2 leaves out are left out here, too.
        jobs: Processes.
        progress: Called after each candidate on each population.
    """
    usable = scorable(of_one_width(populations))
    experiments = [
        Experiment(population, candidate, (population.seen,), groups, REPEATS, "regression")
        for population in usable
        for groups in (None, "learning_rate")
        for candidate in regression_candidates()
    ]
    scores = scored(experiments, jobs=jobs, progress=progress)
    scores.loc[scores["measure"] == "mean_absolute_error", ["mean", "spread"]] *= 100  # points
    tables = {
        f"{title}, {what}": score_table(
            scores[(scores["folds"] == folds) & (scores["measure"] == measure)], usable, regression_candidates()
        )
        for folds, what in FOLDS_TITLES.items()
        for measure, title in MEASURES.items()
    }
    return Result("regression", "How accurate will the run end?", (MEANS,), tables, scores)


def regression_candidates() -> tuple[Candidate, ...]:
    """The rows: without weights, with weights only, and with both."""
    trees = learned("regression", "trees")
    views: dict[str, View] = {
        "changes": pooled_changes(),
        "learning curve": learning_curve,
        "curve and changes": Concatenated((learning_curve, pooled_changes())),
        "curve, changes and hyper-parameters": Concatenated((learning_curve, pooled_changes(), hyper_parameters)),
    }
    return (
        *without_graphs("regression"),
        baker("regression"),
        *from_weights("regression", "svm"),
        *(candidate for candidate in from_weights("regression", "mlp") if candidate.name in NETWORKS),
        *general("regression"),
        *(Candidate(f"{name} trees", view, trees) for name, view in views.items()),
    )
