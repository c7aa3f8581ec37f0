"""What forecasts of sweeps are worth, as a page: tables, pictures, and every figure behind them as JSON."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib import rc_context
from matplotlib.figure import Figure
from scipy.stats import beta

from epochgraph.files import atomic_write
from paper.forecasts import LOOKS, OURS, WEIGHTS, WITH_GRAPHS, measure
from paper.held_out import GROUPINGS
from paper.results import markdown_table
from paper.rivals import INSTALLABLE

COMMAND = "python -m paper forecasts"
METRIC = "metric of the moment"
RESAMPLES = 2000
SHOWN = 8
"""Known runs of the second picture."""


def write_page(zoos: Path, out: Path) -> list[Path]:
    """Measure forecasts on all held-out families, and write the page.

    Returns:
        The files.

    Raises:
        UnreadableFileError: The folder holds no sweeps, or a file is damaged.
        OutputError: A file cannot be written.
    """
    scores, stops = measure(zoos)
    paths = [out / "README.md", out / "scores.json", out / "stops.json", out / "order.png", out / "families.png"]
    for path, table in zip(paths[1:3], (scores, stops), strict=True):
        with atomic_write(path) as temporary:
            mean = table if table is stops else _by_sweep(scores)
            temporary.write_text(mean.to_json(orient="split", index=False, double_precision=3) + "\n", "utf-8")
    _save(_order_picture(scores), paths[3])
    _save(_family_picture(scores), paths[4])
    with atomic_write(paths[0]) as temporary:
        temporary.write_text(_page(scores, stops), "utf-8")
    return paths


def _by_sweep(scores: pd.DataFrame) -> pd.DataFrame:
    """The mean over repeats."""
    keys = ["grouping", "family", "sweep", "share", "known", "method"]
    return scores.groupby(keys, sort=False)[["tau", "error", "regret"]].mean().reset_index()


ABOUT = """{sweeps} finished sweeps were forecast. Each time one family of tasks, of architectures or of optimisers
was held out: the prior had not seen any sweep of it. A sweep of more than 24 runs counts as 24 of them. Means are over
sweeps and over the three ways to hold out; intervals of 95 % are from drawing sweeps again."""

ERRORS = """Mean absolute error in standard deviations of the sweep's ends. Eight runs of the sweep, drawn at random,
have finished, and the others are forecast."""

REDUCTIONS = """How much lower our error is than that of the best rival that people can install today, and than that of
our own forecast with graphs:"""

STOPPED = """The best quarter of a sweep are its good runs (`best=k`). A run is stopped at the first look, up to a
quarter of the budget, at which its chance of a good end is below the limit that the other families gave. "At most" is
the upper end of Clopper and Pearson's interval of 95 %."""


def _page(scores: pd.DataFrame, stops: pd.DataFrame) -> str:
    alone, some = scores[scores.known == 0], scores[scores.known == SHOWN]
    gains = _differences(alone, "tau", [OURS, WITH_GRAPHS, WEIGHTS], METRIC)
    blocks = [
        "# Forecasts of sweeps",
        f"*Made by `{COMMAND}`. Do not edit it by hand.*",
        ABOUT.format(sweeps=scores.sweep.nunique()),
        "## Which run will end best, when none has finished?",
        "![Kendall's tau against the share of the budget](order.png)",
        "Kendall's tau within the sweep, after a share of the budget:",
        markdown_table(_table(alone, "tau", "{:.2f}")),
        f"How much higher it is than that of the {METRIC}:",
        markdown_table(gains),
        "## By family",
        "![Gain over the metric of the moment, by family](families.png)",
        f"The mean gain in tau over the {METRIC}, over all looks up to an eighth of the budget:",
        markdown_table(_families(alone)),
        f"## With what value will a run end, when {SHOWN} have finished?",
        ERRORS,
        markdown_table(_table(some, "error", "{:.3f}")),
        REDUCTIONS,
        markdown_table(_reductions(some)),
        "## What is stopped",
        STOPPED,
        markdown_table(_stopping(stops)),
    ]
    return "\n\n".join(blocks) + "\n"


def _table(scores: pd.DataFrame, what: str, form: str) -> pd.DataFrame:
    """The mean of a figure: a row a method, the best first, and a column a look."""
    means = scores.groupby(["method", "share"])[what].mean().unstack()
    order = means[LOOKS[2]].argsort() if what != "tau" else (-means[LOOKS[2]]).argsort()
    means = means.iloc[order]
    return _looks(means.map(form.format), "method")


def _looks(table: pd.DataFrame, name: str) -> pd.DataFrame:
    named = table.rename(columns={share: f"1/{1 / share:.0f}" for share in LOOKS})
    return named.rename_axis(columns=None).rename_axis(name)


def _differences(scores: pd.DataFrame, what: str, methods: Sequence[str], other: str) -> pd.DataFrame:
    """Paired differences with intervals: a row a method and a column a look."""
    by = scores.groupby(["method", "share", "sweep"])[what].mean()
    rows = {}
    for method in methods:
        rows[method] = {share: _interval((by[method, share] - by[other, share]).to_numpy()) for share in LOOKS}
    return _looks(pd.DataFrame(rows).T, "method")


def _interval(differences: np.ndarray) -> str:
    low, high = resampled(differences)
    text = f"{differences.mean():+.2f} [{low:+.2f}, {high:+.2f}]"
    return f"**{text}**" if low * high > 0 else text


def resampled(values: np.ndarray) -> tuple[float, float]:
    """The middle 95 % of the means of values that were drawn again."""
    drawn = np.random.default_rng(0).integers(len(values), size=(RESAMPLES, len(values)))
    low, high = np.quantile(values[drawn].mean(axis=1), [0.025, 0.975])
    return float(low), float(high)


def _gains(scores: pd.DataFrame, method: str, other: str) -> pd.Series:
    """The mean gain in tau of each held-out family and sweep, over the looks up to an eighth of the budget."""
    early = scores[scores.share <= 1 / 8]
    by = early.groupby(["method", "grouping", "family", "sweep"]).tau.mean()
    return pd.Series(by[method] - by[other])


def _families(scores: pd.DataFrame) -> pd.DataFrame:
    ours, graphs = _gains(scores, OURS, METRIC), _gains(scores, WITH_GRAPHS, OURS)
    rows = []
    for key, gains in ours.groupby(["grouping", "family"]):
        grouping, family = map(str, key)
        added = graphs.loc[grouping, family].to_numpy()
        few = len(gains) < 2
        rows.append(
            {
                "held out": grouping,
                "family": family,
                "sweeps": str(len(gains)),
                "ours": f"{gains.mean():+.2f}" if few else _interval(gains.to_numpy()),
                "graphs add": f"{added.mean():+.2f}" if few else _interval(added),
            }
        )
    return pd.DataFrame(rows).set_index("held out")


def _reductions(scores: pd.DataFrame) -> pd.DataFrame:
    by = scores.groupby(["method", "share", "sweep"]).error.mean()
    rows: dict[str, dict[float, str]] = {}
    for share in LOOKS:
        known = set(by.index.get_level_values("method"))
        means = {method: by[method, share].mean() for method in INSTALLABLE if method in known}
        best = min(means, key=lambda method: means[method])
        ours, rival, graphs = (by[method, share].to_numpy() for method in (OURS, best, WITH_GRAPHS))
        rows.setdefault("best rival", {})[share] = best
        rows.setdefault("lower than its error by", {})[share] = _reduction(ours, rival)
        rows.setdefault("lower than with graphs by", {})[share] = _reduction(ours, graphs)
    return _looks(pd.DataFrame(rows).T, "")


def _reduction(ours: np.ndarray, theirs: np.ndarray) -> str:
    drawn = np.random.default_rng(0).integers(len(ours), size=(RESAMPLES, len(ours)))
    found = 100 * (1 - ours[drawn].mean(axis=1) / theirs[drawn].mean(axis=1))
    low, high = np.quantile(found, [0.025, 0.975])
    text = f"{100 * (1 - ours.mean() / theirs.mean()):.0f} % [{low:.0f}, {high:.0f}]"
    return f"**{text}**" if low * high > 0 else text


def _stopping(stops: pd.DataFrame) -> pd.DataFrame:
    rows = []
    for grouping in GROUPINGS:
        for known, found in stops[stops.grouping == grouping].groupby("known"):
            good, stopped = int(found.good.sum()), int(found.good_stopped.sum())
            upper = beta.ppf(0.975, stopped + 1, good - stopped) if stopped < good else 1.0
            worst = found.groupby("family")[["good", "good_stopped"]].sum()
            shares = (worst.good_stopped / worst.good.clip(lower=1)).sort_values()
            rows.append(
                {
                    "held out": grouping,
                    "finished": str(known),
                    "good runs stopped": f"{stopped} of {good} ({stopped / max(1, good):.1%}, at most {upper:.1%})",
                    "worst family": f"{shares.index[-1]}: {shares.iloc[-1]:.0%} of {worst.good[shares.index[-1]]}",
                    "other runs stopped": f"{found.bad_stopped.sum()} of {found.bad.sum()} "
                    f"({found.bad_stopped.sum() / max(1, found.bad.sum()):.0%})",
                }
            )
    return pd.DataFrame(rows).set_index("held out")


STYLE = {
    OURS: ("#0b6e4f", "-"),
    WITH_GRAPHS: ("#0b6e4f", ":"),
    WEIGHTS: ("#7a5195", "--"),
    METRIC: ("#222222", "-"),
    "validation loss of the moment": ("#888888", "-"),
    "mean of training losses (TSE-EMA)": ("#c9a227", "-"),
}


def _order_picture(scores: pd.DataFrame) -> Figure:
    means = scores[scores.known == 0].groupby(["method", "share"]).tau.mean()
    with rc_context({"font.size": 10, "axes.spines.top": False, "axes.spines.right": False}):
        figure = Figure(figsize=(7.5, 4.2), layout="constrained")
        axes = figure.subplots()
        ends = []
        for method, (colour, dash) in STYLE.items():
            values = means[method].reindex(LOOKS)
            axes.plot(range(len(LOOKS)), values, dash, color=colour, marker="o", markersize=4)
            ends.append((float(values.iloc[-1]), method, colour))
        ends.sort()
        for height, (_, method, colour) in zip(_apart([end[0] for end in ends]), ends, strict=True):
            axes.annotate(method, (len(LOOKS) - 0.9, height), color=colour, va="center", annotation_clip=False)
        axes.set_xticks(range(len(LOOKS)), [f"1/{1 / share:.0f}" for share in LOOKS])
        axes.set_xlabel("share of the budget")
        axes.set_ylabel("Kendall's tau with the final order")
    return figure


def _apart(heights: Sequence[float], gap: float = 0.022) -> list[float]:
    """Heights in rising order, moved up so that labels do not overlap."""
    found: list[float] = []
    for height in heights:
        found.append(max(height, found[-1] + gap) if found else height)
    return found


def _family_picture(scores: pd.DataFrame) -> Figure:
    gains = _gains(scores[scores.known == 0], OURS, METRIC)
    families = gains.groupby(["grouping", "family"]).mean().sort_index(ascending=False)
    with rc_context({"font.size": 9, "axes.spines.top": False, "axes.spines.right": False}):
        figure = Figure(figsize=(7.5, 0.24 * len(families) + 1.0), layout="constrained")
        axes = figure.subplots()
        for place, ((grouping, family), mean) in enumerate(zip(families.index, families, strict=True)):
            single = gains.loc[grouping, family].to_numpy()
            axes.plot(single, np.full(len(single), place), "o", color="#bbbbbb", markersize=3)
            axes.plot([mean], [place], "D", color="#0b6e4f" if mean >= 0 else "#b3261e", markersize=5)
        axes.axvline(0, color="#222222", linewidth=0.8)
        axes.set_yticks(range(len(families)), [f"{family}  ({grouping})" for grouping, family in families.index])
        figure.suptitle("Gain in Kendall's tau over the metric of the moment: a dot a sweep, a diamond the mean")
        axes.set_ylim(-0.8, len(families) - 0.2)
    return figure


def _save(figure: Figure, path: Path) -> None:
    with atomic_write(path) as temporary:
        figure.savefig(temporary, dpi=150, metadata={"Software": None})
