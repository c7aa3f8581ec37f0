"""`epochgraph replay`."""

from pathlib import Path
from typing import Annotated

import typer

import epochgraph
from epochgraph.cli.options import Best, Budget, Json, Rises, Seed, Store, SweepTarget, Threshold, Unfinished
from epochgraph.cli.output import finish, note, print_json, progress_bars, show


def replay(
    store: Store,
    target: SweepTarget = None,
    direction: Rises = None,
    best: Best = None,
    threshold: Threshold = None,
    rate: Annotated[
        float, typer.Option(min=0, max=1, help="The share of good runs that our decisions may stop.")
    ] = 0.05,
    budget: Budget = None,
    predictor: Annotated[
        str | None,
        typer.Option(
            "--predictor", "-p", help="A predictor from `fit`, or the name of one of the package, to replay as well."
        ),
    ] = None,
    orders: Annotated[int, typer.Option(min=1, help="How many random orders of arrival to try.")] = 10,
    unfinished: Unfinished = "refuse",
    seed: Seed = 0,
    jobs: Annotated[int | None, typer.Option(min=1, help="Processes; by default one per core.")] = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="A picture of regret against training saved: .png or .svg.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Replay a finished sweep: what rules for stopping early would have spent, saved and lost.

    This shows on your own runs whether stopping them early would have helped. Each rule sees only what was known of a
    run by then. The rules are the median rule, successive halving, Hyperband, the best after the first step, and ours:
    the decisions of `Watch`, which compares a run with the others of its sweep, and the best of its forecasts after the
    first step. Forecasts look at learning curves and settings.

    Any metric will do, rising or falling, in epochs or steps. Runs are divided into as many steps as all have logged.

    Example: `epochgraph replay store --best 3 -o replay.png`
    """
    with progress_bars() as progress:
        found = epochgraph.replay(
            store,
            target=target,
            direction=direction,
            best=best,
            threshold=threshold,
            rate=rate,
            budget=budget,
            predictor=predictor,
            orders=orders,
            unfinished=unfinished,
            seed=seed,
            jobs=jobs,
            progress=progress,
        )
    note(*found.notes)
    if as_json:
        print_json(found.means.reset_index().to_dict(orient="records"))
    else:
        show(found)
    if out is not None:
        from epochgraph.report.replays import replay_picture

        replay_picture(found.means, found.target, found.spread, out)
        note(f"written to {out}")
    finish(found)
