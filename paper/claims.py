"""The claims, one line each: the paper's and ours, with a verdict that is computed from the results."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import pandas as pd

from epochgraph.sweeps.rules import (
    ACCURACY,
    BEST,
    DECISION,
    FIRST,
    FORECAST,
    HALVING,
    STOPPING,
    WITHOUT,
    by_curves,
)
from paper.added import BOTH, CURVE, HYPER, SIGNATURE, UNITS
from paper.decisions import ANY, RATE, SHARE, ever_stopped
from paper.differences import paired_difference
from paper.gaps import MINUS_INITIAL, OURS
from paper.populations import DECADE, FAMILY
from paper.replays import BUDGET_OF, KNOWN, NEW, SITUATION
from paper.results import Result

CHANCE, SOLID = 0.5, 0.7
"""Balanced accuracies: that of a guess, and the lowest at which a transfer counts as working."""

ROLLED = ("rolled degree", "rolled eigenvector")
LAST_LAYER = ("last layer, flattened", "last layer, 7 aggregators", "last layer, 5 aggregators")


@dataclass(frozen=True, slots=True)
class Claim:
    """A statement that may be true or false.

    Attributes:
        text: The statement.
        source: Who claims it, and where.
        result: The result that it is judged by.
        judged: The scores of that result -> whether it holds for each population or case, and what we found, in words.
    """

    text: str
    source: str
    result: str
    judged: Callable[[pd.DataFrame], tuple[Iterable[bool], str]]


def claims(results: Sequence[Result]) -> pd.DataFrame:
    """One row per claim: who made it, what was found here, the verdict, and the command that computes it.

    The verdict is "holds" if the claim holds everywhere, "does not hold" if nowhere, and otherwise in how many cases.

    Args:
        results: The computed results; claims about others are left out.
    """
    scores = {result.name: result.scores for result in results}
    rows = {}
    for claim in CLAIMS:
        if claim.result in scores:
            found, ours = claim.judged(scores[claim.result])
            holds = list(found)
            if holds:
                verdict = f"in {sum(holds)} of {len(holds)}"
                if sum(holds) in {0, len(holds)}:
                    verdict = "holds" if all(holds) else "does not hold"
                command = f"`python -m paper {claim.result}`"
                rows[claim.text] = {"made by": claim.source, "found here": ours, "verdict": verdict, "command": command}
    return pd.DataFrame.from_dict(rows, orient="index")


def _accuracies(scores: pd.DataFrame, measure: str = "accuracy") -> pd.DataFrame:
    """One row per population, one column per candidate: random folds, as in the paper."""
    chosen = scores[(scores["folds"] == "random") & (scores["measure"] == measure)]
    return chosen.pivot_table(index="population", columns="candidate", values="mean")


def _best(table: pd.DataFrame, names: Iterable[str]) -> pd.Series:
    """The better of the paper's two classifiers, for the best of some views."""
    return table[[f"{name} {method}" for name in names for method in ("SVM", "MLP")]].max(axis=1)


def _mean(table: pd.DataFrame, names: Iterable[str]) -> pd.Series:
    """The mean over the paper's two classifiers and some views: nothing is chosen by its score."""
    return table[[f"{name} {method}" for name in names for method in ("SVM", "MLP")]].mean(axis=1)


def _within_ten_epochs(scores: pd.DataFrame) -> tuple[Iterable[bool], str]:
    """Without smoothing, averaged over both measures and classifiers; after all epochs if fewer than ten."""
    plain = (scores["measure"] == "accuracy") & scores["candidate"].str.endswith(", none") & (scores["epoch"] <= 10)
    chosen = scores[plain]
    last = chosen[chosen["epoch"] == chosen.groupby("population")["epoch"].transform("max")].groupby("population")
    reached, larger = last["mean"].mean(), last["larger class"].first()
    beside = f"the larger class is {larger.min():.0%} to {larger.max():.0%}"
    return (reached >= 0.8) & (reached > larger), f"{reached.min():.0%} to {reached.max():.0%} at epoch 10; {beside}"


def _above_last_layer(scores: pd.DataFrame) -> tuple[Iterable[bool], str]:
    table = _accuracies(scores)
    gain = _best(table, ROLLED) - _best(table, LAST_LAYER)
    return gain > 0, f"{100 * gain.min():+.0f} to {100 * gain.max():+.0f} points"


def _as_good_as_unrolled(scores: pd.DataFrame) -> tuple[Iterable[bool], str]:
    table = _accuracies(scores)
    gain = _best(table, ROLLED[:1]) - _best(table, ["unrolled degree"])
    return gain >= 0, f"{100 * gain.min():+.0f} to {100 * gain.max():+.0f} points"


def _above_validation_accuracy(scores: pd.DataFrame) -> tuple[Iterable[bool], str]:
    table = _accuracies(scores, "balanced_accuracy")
    gain = _mean(table, ROLLED) - table["validation accuracy"]
    return gain > 0, f"{100 * gain.min():+.0f} to {100 * gain.max():+.0f} points of balanced accuracy"


def _raised_by(variant: str) -> Callable[[pd.DataFrame], tuple[Iterable[bool], str]]:
    def judged(scores: pd.DataFrame) -> tuple[Iterable[bool], str]:
        balanced = scores.pivot_table(index=["population", "cell"], columns="variant", values="balanced_accuracy")
        if variant not in balanced:
            return [], ""
        gain = (balanced[variant] - balanced[OURS]).dropna()
        return gain > 0, f"{100 * gain.min():+.0f} to {100 * gain.max():+.0f} points of balanced accuracy"

    return judged


def _transfer(candidate: str) -> Callable[[pd.DataFrame], tuple[Iterable[bool], str]]:
    def judged(scores: pd.DataFrame) -> tuple[Iterable[bool], str]:
        last = scores["epoch"] == scores["epoch"].max()
        chosen = scores[last & (scores["measure"] == "balanced_accuracy") & (scores["candidate"] == candidate)]
        found = chosen.set_index("transfer")["mean"]
        detail = f"balanced accuracy {found.min():.3f} to {found.max():.3f}; {SOLID} or more holds, chance is {CHANCE}"
        return found >= SOLID, detail

    return judged


def _ahead(other: str, folds: str) -> Callable[[pd.DataFrame], tuple[Iterable[bool], str]]:
    def judged(scores: pd.DataFrame) -> tuple[Iterable[bool], str]:
        chosen = scores[(scores["folds"] == folds) & (scores["epoch"] <= 2)]
        gains = {
            f"{epoch:g}": paired_difference(of_epoch, SIGNATURE, other, units=UNITS[folds])
            for epoch, of_epoch in chosen.groupby("epoch")
        }
        marks = {epoch: "**" if gain.certain else "" for epoch, gain in gains.items()}
        cells = ", ".join(f"{marks[epoch]}{gain.mean:+.1f}{marks[epoch]} at {epoch}" for epoch, gain in gains.items())
        return [gain.mean < 0 for gain in gains.values()], f"error in points: {cells}"

    return judged


def _promise(folds: str, *, together: str | None = None) -> Callable[[pd.DataFrame], tuple[Iterable[bool], str]]:
    def judged(scores: pd.DataFrame) -> tuple[Iterable[bool], str]:
        chosen = scores[(scores["folds"] == folds) & (scores["situation"] == SITUATION)]
        if chosen.empty:
            return [], ""
        chosen = chosen if together is None else ever_stopped(chosen, together).assign(epoch=ANY)
        stopped = chosen["decision"] == "stop"
        units = ["epoch", "family"] if folds == FAMILY else ["epoch"]  # each new architecture counts
        good = stopped[chosen["good"]].groupby([chosen[unit] for unit in units]).mean()
        bad = stopped[~chosen["good"]].groupby([chosen[unit] for unit in units]).mean()
        shares = [f"{of.min():.0%} to {of.max():.0%}" for of in (good, bad)]
        return good <= RATE, f"{shares[0]} of the good runs stopped, {shares[1]} of the bad"

    return judged


def _cheaper(ours: str, other: str) -> Callable[[pd.DataFrame], tuple[Iterable[bool], str]]:
    def judged(scores: pd.DataFrame) -> tuple[Iterable[bool], str]:
        epochs, regret = (
            scores.pivot_table(index="population", columns="rule", values=of) for of in ("epochs", "regret")
        )
        better = (epochs[ours] <= epochs[other]) & (regret[ours] <= regret[other])
        better &= (epochs[ours] < epochs[other]) | (regret[ours] < regret[other])
        detail = [
            f"{epochs[rule].mean():.0%} of the epochs, {regret[rule].mean():.2f} points" for rule in (ours, other)
        ]
        return better, f"{detail[0]}; {other}: {detail[1]}"

    return judged


def _with_budgets(scores: pd.DataFrame) -> pd.DataFrame:
    """The regrets of best first, one row per population and rule whose epochs it had; none without budgets."""
    given = scores.dropna(subset=BUDGET_OF) if BUDGET_OF in scores else scores.head(0).assign(**{BUDGET_OF: []})
    return given.pivot_table(index=[BUDGET_OF, "population"], columns="rule", values="regret")


def _regrets_no_more(unseen: str, other: str) -> Callable[[pd.DataFrame], tuple[Iterable[bool], str]]:
    def judged(scores: pd.DataFrame) -> tuple[Iterable[bool], str]:
        given = _with_budgets(scores)
        if unseen not in given:
            return [], ""
        ours = given.loc[other]
        theirs = scores[scores["rule"] == other].set_index("population")["regret"].loc[ours.index]
        without = ours[by_curves(unseen)].mean()
        found = f"{ours[unseen].mean():.2f} points ({without:.2f} {WITHOUT}); {other}: {theirs.mean():.2f}"
        return ours[unseen] <= theirs, found

    return judged


def _graphs_help(unseen: str) -> Callable[[pd.DataFrame], tuple[Iterable[bool], str]]:
    """For each rule whose epochs are spent, the mean over the populations."""

    def judged(scores: pd.DataFrame) -> tuple[Iterable[bool], str]:
        given = _with_budgets(scores)
        if unseen not in given:
            return [], ""
        gain = (given[unseen] - given[by_curves(unseen)]).groupby(level=BUDGET_OF).mean()
        return gain < 0, f"{gain.min():+.2f} to {gain.max():+.2f} points"

    return judged


PAPER = "the paper"
HELD_OUT = (("learning_rate", "on new learning rates"), (FAMILY, "on new architectures"))
UNSEEN = tuple(zip((KNOWN, NEW), (what for _, what in HELD_OUT), strict=True))
CLAIMS = (
    Claim(
        "The signatures predict 80 % of the ends correctly within ten epochs",
        f"{PAPER}, fig. 3",
        "figure3",
        _within_ten_epochs,
    ),
    Claim(
        "They predict better than everything known about the last layer's weights",
        f"{PAPER}, table 2",
        "table2",
        _above_last_layer,
    ),
    Claim(
        "Their degrees predict as well as the unrolled graph's",
        f"{PAPER}, table 2",
        "table2",
        _as_good_as_unrolled,
    ),
    Claim(
        "Learned from some networks, the degree signature predicts the end of others",
        f"{PAPER}, fig. 4",
        "figure4",
        _transfer("rolled degree SVM"),
    ),
    Claim(
        "Learned from some networks, the degree signature minus its initial value predicts the end of others",
        "us",
        "figure4",
        _transfer("rolled degree SVM, less its start"),
    ),
    Claim(
        "Learned from some networks, curve and changes predict the end of others",
        "us",
        "figure4",
        _transfer("curve and changes trees"),
    ),
    Claim(
        "The paper's signatures predict better than the validation accuracy of the same epoch",
        "a careful user",
        "table2",
        _above_validation_accuracy,
    ),
    Claim(
        "They predict better after subtracting their initial values",
        "us",
        "gaps",
        _raised_by(MINUS_INITIAL),
    ),
    *(
        Claim(
            f"Up to epoch 2, everything known with graphs is ahead of the {other} alone, {what}",
            "us",
            "added",
            _ahead(other, folds),
        )
        for folds, what in (*HELD_OUT, (DECADE, "on new decades of learning rates"))
        for other in (CURVE, HYPER, BOTH)
    ),
    *(
        Claim(f"At most {RATE:.0%} of the good runs are stopped {when}, {what}", "us", "decisions", judged)
        for folds, what in HELD_OUT
        for when, judged in (
            ("each time", _promise(folds)),
            ("by all decisions together", _promise(folds, together="decision")),
            (f"by all together, at {SHARE:.1%} each", _promise(folds, together="careful")),
        )
    ),
    *(
        Claim(
            f"{what} spends and regrets no more than {detail}, and less of one of the two",
            "us",
            "sweeps",
            _cheaper(f"{ours}, {KNOWN}", other),
        )
        for what, ours, others in (
            ("Our decision", DECISION, ("median rule",)),
            ("Stopping runs forecast below the best so far", FORECAST, ("median rule", "Hyperband")),
            ("Doing so with the most hopeful run first", FIRST, ("median rule", "Hyperband", "successive halving")),
            (
                f"Continuing the best {BEST} by our forecast",
                HALVING,
                ("successive halving", f"one epoch, then the best {BEST}", ACCURACY),
            ),
        )
        for other in others
        for detail in [other.replace("median", "the median")]
    ),
    *(
        Claim(
            f"With no more epochs than {other.replace('median', 'the median')}, best first regrets no more, {what}",
            "us",
            "sweeps",
            _regrets_no_more(unseen, other),
        )
        for unseen, what in UNSEEN
        for other in STOPPING
    ),
    *(
        Claim(
            f"With the epochs of another rule, best first regrets less with graphs than without, {what}",
            "us",
            "sweeps",
            _graphs_help(unseen),
        )
        for unseen, what in UNSEEN
    ),
)
