"""`epochgraph predict`."""

from pathlib import Path
from typing import Annotated

import typer

import epochgraph
from epochgraph.cli.options import (
    GOOD,
    AllowGaps,
    EpochsFrom,
    FirstPass,
    Input,
    Json,
    LogFile,
    MetricNames,
    Model,
    Predictor,
    Rises,
    TopologyFile,
    metric_names,
)
from epochgraph.cli.output import finish, print_json, progress_bars, show


def predict(
    run: Annotated[Path, typer.Argument(help="A folder of checkpoints, a stored run, or a folder of stored runs.")],
    predictor: Predictor = None,
    known: Annotated[
        Path | None, typer.Option(help="Folder of finished stored runs of the same sweep, to learn from.")
    ] = None,
    best: Annotated[
        int | None, typer.Option(min=1, help="How many of the sweep's runs count as good, instead of a threshold.")
    ] = None,
    target: Annotated[
        str | None, typer.Option(help="Metric whose final value is forecast for the runs of a sweep.")
    ] = None,
    direction: Rises = None,
    budget: Annotated[
        float | None, typer.Option(help="Epochs that each run of a sweep has in all, if its settings do not say.")
    ] = None,
    threshold: Annotated[
        float | None,
        typer.Option(help=f"{GOOD}; the predictor's if not given. Without one there is no decision."),
    ] = None,
    rate: Annotated[
        float,
        typer.Option(
            min=0, max=1, help="The share of good runs that a decision may stop; divide by n if you ask n times."
        ),
    ] = 0.05,
    hopeful_first: Annotated[
        bool, typer.Option("--hopeful-first", help="Sort several runs by how well they may end, those to stop last.")
    ] = False,
    weights_alone: Annotated[
        bool,
        typer.Option("--weights-alone", help="Let the shipped predictors stop a run without a learning curve."),
    ] = False,
    metric: MetricNames = None,
    log: LogFile = None,
    first_pass: FirstPass = None,
    topology: TopologyFile = None,
    model: Model = None,
    input_shape: Input = None,
    allow_gaps: AllowGaps = False,
    epochs_from: EpochsFrom = None,
    as_json: Json = False,
) -> None:
    """Predict how a run will end, from its first checkpoints, and whether to stop it.

    The predictors that come with the package need the initial checkpoint (epoch 0) and one after 1/4, 1/2, 1, 2, 3 or 5
    epochs, with all whole epochs before it. They also look at `metrics.csv` (see `extract`) if it has these epochs,
    except the initial one: validation_accuracy, as fractions, and train_loss, the mean cross-entropy. Every answer says
    what was looked at, and why not at more.

    They decide only about the kind of training they know: image classification with ten classes, trained from scratch
    by SGD with a momentum of 0.9 at a constant learning rate, and only if `settings.json` says so (task, classes,
    optimizer, momentum, schedule). Otherwise they abstain, and without a learning curve they stop no run unless
    `--weights-alone` is given. For your own kind of networks, `fit` learns from your finished runs.

    Several runs of one sweep are compared with each other after the same share of their epochs, and with its finished
    runs if `--known` names them. That is done for five or more runs of a kind that those predictors do not know, or if
    `--known`, `--best`, `--target` or `--budget` is given. It needs no snapshots: curves and settings do.

    The decision is "stop" if at most `--rate` of good runs score this low, or if weights are NaN or infinite at any
    checkpoint, and "abstain" if that cannot be promised. `--json` prints an object, or a list for several stored runs.

    If epochs are scarce, start all runs of a sweep. Continue the one that `--hopeful-first` puts first up to the next
    of these epochs, or after the last of them to its end, and ask again; leave out finished runs.

    Example: `epochgraph predict sweep/12 --topology lenet.json --threshold 0.6 --json`, or for a whole sweep:
    `epochgraph predict store --known finished --best 3`
    """
    from epochgraph.cli.wiring import WiringOptions

    with progress_bars() as progress:
        found = epochgraph.predict(
            run,
            predictor=predictor,
            known=known,
            best=best,
            target=target,
            direction=direction,
            budget=budget,
            threshold=threshold,
            rate=rate,
            hopeful_first=hopeful_first,
            weights_alone=weights_alone,
            topology=WiringOptions(topology, model, input_shape).topology_of,
            allow_gaps=allow_gaps,
            epochs_from=epochs_from,
            metric=metric_names(metric),
            log=log,
            first_pass=first_pass,
            progress=progress,
        )
    if found and as_json:
        print_json(found[0] if found.of == 1 else [*found])
    elif found:
        show(found)
    finish(found)
