"""The commands: their options and help.

What a command does is imported when it is called, not before: the help of a program should not wait for torch.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

if TYPE_CHECKING:
    from epochgraph.runs import LogOptions

Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
Seed = Annotated[int, typer.Option(min=0, max=2**32 - 1, help="Of all that is random.")]
Store = Annotated[
    Path, typer.Argument(help="Stored runs: a folder from `extract`, or a population's file from `zoo export`.")
]
Target = Annotated[
    str, typer.Option(help="The metric whose last value is to be predicted, such as validation_accuracy.")
]
Rises = Annotated[
    Literal["rises", "falls"] | None,
    typer.Option("--direction", help="Which way the target gets better, where its name does not say it."),
]
Unfinished = Annotated[
    Literal["refuse", "leave-out", "take"],
    typer.Option(
        "--unfinished",
        help="What becomes of runs that were stopped before their end: nobody knows what they would have ended with.",
    ),
]
MetricNames = Annotated[
    list[str] | None,
    typer.Option(
        "--metric",
        metavar="THEIRS=OURS",
        help="What a metric of the log is called here, such as `acc_dev=validation_accuracy`; may be repeated.",
    ),
]
LogFile = Annotated[
    str | None,
    typer.Option("--log", metavar="NAME", help="The log's name in each run's folder, if it is another than those."),
]
FirstPass = Annotated[
    int | None,
    typer.Option(min=0, max=1, help="The number that the log gives the first pass, where its layout does not tell."),
]
Task = Annotated[
    Literal["classification", "regression"], typer.Option(help="Predict good or bad, or the accuracy itself.")
]
GOOD = "The final accuracy from which on a run is good (of a loss: up to which), in the unit of the metrics"
AllowGaps = Annotated[bool, typer.Option("--allow-gaps", help="Accept runs whose epochs are not evenly spaced.")]
EpochsFrom = Annotated[
    str | None,
    typer.Option(
        "--epochs-from",
        metavar="PATTERN",
        help="Where the epoch stands in the names of checkpoints, if they do not tell: `'weights.{epoch}-{_}.pt'`, "
        "with `{_}` for anything else that differs.",
    ),
]
TopologyFile = Annotated[
    Path | None, typer.Option("--topology", help="The wiring, as a JSON file written by `inspect --save`.")
]
Model = Annotated[
    str | None,
    typer.Option(
        "--model",
        metavar="MODULE:NAME",
        help="The model's code, to trace its wiring: an importable function or class that makes it without arguments, "
        "such as `mymodels.resnet:build`. This runs that code.",
    ),
]
Input = Annotated[
    str | None,
    typer.Option(
        "--input",
        metavar="SHAPE",
        help="Shape of an example input with the batch: `1,3,32,32`; `1,16:int` for tokens; several joined by `+`.",
    ),
]
FoldBatchNorm = Annotated[
    bool, typer.Option("--fold-batch-norm", help="Multiply batch norms into the weights they follow.")
]

Memory = Annotated[
    str | None,
    typer.Option(
        "--memory",
        metavar="SIZE",
        help="What the graph may take of the memory, such as 2GiB; weights beyond that are read from disk again and "
        "again. If not given, half of what is free.",
    ),
]


def _logs(metric: list[str] | None, log: str | None, first_pass: int | None) -> "LogOptions":
    """What the options say of the logs of runs."""
    from epochgraph.errors import SettingError
    from epochgraph.runs import LogOptions

    pairs = [text.partition("=") for text in metric or ()]
    for theirs, equals, ours in pairs:
        if not (theirs and equals and ours):
            raise SettingError("--metric", theirs + equals + ours, "THEIRS=OURS, as in val_acc=validation_accuracy")
    names = {theirs.strip(): ours.strip() for theirs, _, ours in pairs}
    if len(set(names.values())) < len(pairs):
        raise SettingError("--metric", metric, "given once for each name")
    return LogOptions(names=names, file=log, first_pass=first_pass)


def demo(
    data: Annotated[
        Path | None,
        typer.Argument(help="A folder or archive with train/CLASS and test/CLASS; none for scikit-learn's digits."),
    ] = None,
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for the runs and the picture.")] = Path("out/demo"),
    runs: Annotated[int, typer.Option(help="Networks to train.")] = 60,
    epochs: Annotated[int, typer.Option(help="Epochs to train each for.")] = 12,
    workers: Annotated[int | None, typer.Option(min=1, help="Processes; one a core if not given.")] = None,
) -> None:
    """Train a population of networks on real images, and predict from their first graphs how each will end.

    Learning rate and dropout vary from network to network. Every network's graph is measured after each epoch while it
    trains; then the end of each is predicted from its first epochs by what was learnt from the others, beside what the
    validation accuracy alone predicts. A finished run is kept: interrupted, the same command goes on where it was.
    """
    from epochgraph.cli import demonstrate

    demonstrate.run(data, out, runs=runs, epochs=epochs, workers=workers)


def inspect(
    path: Annotated[Path, typer.Argument(help="A checkpoint, or a folder of them (the last one is shown).")],
    topology: TopologyFile = None,
    model: Model = None,
    input_shape: Input = None,
    wires: Annotated[
        list[str] | None,
        typer.Option(
            "--wire",
            metavar="WEIGHT=READS[@AT][>WRITES]",
            help="Of one weight, the part that it reads, where neither tracing nor a chain finds it; may be repeated. "
            "Quote it, for a shell takes `>` for itself.",
        ),
    ] = None,
    top: Annotated[int, typer.Option(min=0, help="How many of the most central nodes to show.")] = 10,
    fold_batch_norm: FoldBatchNorm = False,
    memory: Memory = None,
    epochs_from: EpochsFrom = None,
    save: Annotated[Path | None, typer.Option(help="Write the topology to this JSON file, for later commands.")] = None,
    as_json: Json = False,
) -> None:
    """Show the graph of a checkpoint: its parts, what became of every parameter, and the most central nodes.

    Without `--topology` or `--model` the layers are taken one after another, as their shapes allow; the coverage says
    how much of the network that is. What is left out can be said by hand: `--wire head.weight=block.3` lets a weight
    read the nodes of a part; save the topology with `--save`, and other commands take it.

    Example: `epochgraph inspect runs/7/epoch_3.pt --model mymodels:LeNet --input 1,3,32,32 --save lenet.json`
    """
    from epochgraph.cli import inspect as command
    from epochgraph.cli.reading import ReadingOptions
    from epochgraph.cli.wiring import WiringOptions

    wiring = WiringOptions(topology, model, input_shape, tuple(wires or ()))
    reading = ReadingOptions(allow_gaps=True, epochs_from=epochs_from)
    command.run(
        path, wiring, reading, memory=memory, top=top, fold_batch_norm=fold_batch_norm, save=save, as_json=as_json
    )


def extract(
    runs: Annotated[list[Path], typer.Argument(help="Folders of checkpoints, one a run.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for the stored runs, one Parquet file each.")],
    topology: TopologyFile = None,
    model: Model = None,
    input_shape: Input = None,
    measures: Annotated[
        str,
        typer.Option(
            help="Measures, separated by commas: of the nodes degree, eigenvector_centrality, pagerank; of the parts "
            "layer_fluctuation, neural_persistence; of the whole graph spectral_gap, normalized_cut."
        ),
    ] = "degree,eigenvector_centrality",
    scopes: Annotated[
        str, typer.Option(help="Groups of nodes to summarise: any of graph (the paper's), part, depth.")
    ] = "graph",
    change: Annotated[
        str, typer.Option(help="Also how each graph has changed: since any of initial, previous. Empty for none.")
    ] = "",
    smoothing: Annotated[str, typer.Option(help="Average over time: none, linear or exponential.")] = "none",
    alpha: Annotated[float, typer.Option(help="Weight of the present in exponential smoothing.")] = 0.5,
    fold_batch_norm: FoldBatchNorm = False,
    memory: Memory = None,
    allow_gaps: AllowGaps = False,
    epochs_from: EpochsFrom = None,
    metric: MetricNames = None,
    log: LogFile = None,
    first_pass: FirstPass = None,
    force: Annotated[bool, typer.Option("--force", help="Extract runs anew that are stored already.")] = False,
) -> None:
    """Turn the checkpoints of runs into stored signatures.

    A run is a folder of checkpoints (.pt .pth .th .ckpt .bin .safetensors) whose names tell their epoch: epoch_0 is the
    untrained network, epoch_1 is after the first pass over the data (where Lightning writes `epoch=0.ckpt`, which is
    read as that). Names that tell steps are read too; every epoch of a command is a step then.

    Beside them may lie `metrics.csv`, with a column `epoch` of completed passes and one a metric (train_loss,
    validation_accuracy, test_accuracy, ...), and `settings.json`, an object with the run's settings (learning_rate,
    ...). Logs of Lightning, Keras, transformers and YOLO are read, too, and names such as val_acc are known. `fit`
    needs the test_accuracy of the last row (or another `--target`), `evaluate` and `fit --curve` train_loss and
    validation_accuracy as well; settings are for their `--groups`.

    A run that cannot be read stops no other: it is named in the end, and the exit code is 2. Runs that are stored
    already are left as they are, so an interrupted command goes on; those that were extracted with other options, or
    before their metrics came, are named.

    Example: `epochgraph extract sweep/* -o store --topology lenet.json --change initial`
    """
    from epochgraph.cli import extract as command
    from epochgraph.cli.reading import ReadingOptions
    from epochgraph.cli.wiring import WiringOptions
    from epochgraph.extraction import PREFIX, extraction

    options = {
        "measures": measures,
        "scopes": scopes,
        "change": change,
        "smoothing": smoothing,
        "alpha": alpha,
        "fold_batch_norm": fold_batch_norm,
    }
    how = extraction({PREFIX + name: value for name, value in options.items()})
    wiring = WiringOptions(topology, model, input_shape)
    reading = ReadingOptions(allow_gaps=allow_gaps, epochs_from=epochs_from)
    command.run(runs, out, how, wiring, reading, _logs(metric, log, first_pass), memory=memory, force=force)


def pack(
    store: Store,
    out: Annotated[Path, typer.Option("--out", "-o", help="The file (.parquet).")],
    up_to: Annotated[
        float | None, typer.Option(help="The last epoch whose snapshots are kept; all of them if not given.")
    ] = None,
) -> None:
    """Write stored runs as one small file, to publish them or to send them on.

    Features are rounded to 32 bits. All commands that read a folder of stored runs read the file as well.

    Example: `epochgraph pack store -o sweep.parquet --up-to 5`
    """
    from epochgraph.cli import pack as command

    command.run(store, out, up_to=up_to)


def fit(
    store: Store,
    out: Annotated[Path, typer.Option("--out", "-o", help="Where to write the predictor (.skops).")],
    up_to: Annotated[float, typer.Option(help="The last epoch to look at.")],
    task: Task = "regression",
    threshold: Annotated[
        float | None,
        typer.Option(help=f"{GOOD}. Needed for classification; for regression, what `predict` takes if given none."),
    ] = None,
    method: Annotated[
        Literal["svm", "mlp", "trees"], typer.Option(help="svm and mlp are the paper's; trees suit many features.")
    ] = "trees",
    curve: Annotated[
        bool, typer.Option("--curve", help="Look at the validation accuracies and training losses, too.")
    ] = False,
    look_at: Annotated[
        list[str] | None,
        typer.Option(help="A metric to look at, too, such as validation_loss; give it again for more."),
    ] = None,
    groups: Annotated[
        str | None,
        typer.Option(help="A setting, such as learning_rate, for whose new values the promises are to hold."),
    ] = None,
    target: Target = "test_accuracy",
    direction: Rises = None,
    unfinished: Unfinished = "refuse",
    seed: Seed = 0,
) -> None:
    """Learn from finished runs to predict how others will end, from their first epochs.

    What the predictor is worth is learned, too: each run is held out once, with all runs of the same `--groups`, and
    the errors made on it give the intervals and decisions of `predict`.

    The target may be any metric. A loss, error or perplexity falls as runs get better, an accuracy rises; of what is
    called otherwise, say it with `--direction`. Runs that were stopped early have no end to learn from: the command
    names them, and stops unless `--unfinished` says what to do.

    Example: `epochgraph fit store -o lenet.skops --up-to 3 --threshold 0.4 --groups learning_rate`
    """
    from epochgraph.cli import predict as command

    learning = command.Learning(
        up_to=up_to,
        task=task,
        threshold=threshold,
        method=method,
        curve=curve,
        look_at=tuple(look_at or ()),
        groups=groups,
        target=target,
        direction=direction,
        unfinished=unfinished,
        seed=seed,
    )
    command.fit(store, out, learning)


def predict(
    run: Annotated[Path, typer.Argument(help="A folder of checkpoints, a stored run, or a folder of stored runs.")],
    predictor: Annotated[
        Path | None,
        typer.Option("--predictor", "-p", help="A predictor from `fit`; one that comes with the package if not given."),
    ] = None,
    threshold: Annotated[
        float | None,
        typer.Option(help=f"{GOOD}; the predictor's if not given. Without one there is no decision."),
    ] = None,
    rate: Annotated[
        float,
        typer.Option(
            min=0, max=1, help="The share of good runs that a decision may stop; who asks n times, gives an nth."
        ),
    ] = 0.05,
    hopeful_first: Annotated[
        bool, typer.Option("--hopeful-first", help="Sort several runs by how high they may end, those to stop last.")
    ] = False,
    weights_alone: Annotated[
        bool,
        typer.Option(
            "--weights-alone", help="Let the predictors of the package stop a run of which they know no learning curve."
        ),
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
    epochs, with all whole epochs before it. They look at `metrics.csv` (see `extract`) if it has these epochs, too, but
    for the initial one: validation_accuracy, as fractions, and train_loss, the mean cross-entropy. Every answer says
    what was looked at, and why not at more.

    They decide only about what they know: image classification with ten classes, trained from scratch by SGD with a
    momentum of 0.9 at a constant learning rate, if `settings.json` says so (task, classes, optimizer, momentum,
    schedule). Of all else they abstain, and without a learning curve they stop no run unless `--weights-alone` is
    given. For your own kind of networks, `fit` learns from your finished runs.

    The decision is "stop" where a prediction as low is made of at most `--rate` of the runs with a good end, or weights
    are NaN or infinite at any checkpoint, and "abstain" where that cannot be promised. With `--json` an object is
    printed; for several stored runs, a list.

    Where epochs are few, begin all runs of a sweep. Go on with the one that `--hopeful-first` puts first, up to the
    next of these epochs, or after the last of them to its end, and ask again; take out what has finished.

    Example: `epochgraph predict sweep/12 --topology lenet.json --threshold 0.6 --json`
    """
    from epochgraph.cli import predict as command
    from epochgraph.cli.reading import ReadingOptions
    from epochgraph.cli.wiring import WiringOptions

    wiring = WiringOptions(topology, model, input_shape)
    asked = command.Asking(
        predictor=predictor,
        threshold=threshold,
        rate=rate,
        hopeful_first=hopeful_first,
        weights_alone=weights_alone,
        logs=_logs(metric, log, first_pass),
        reading=ReadingOptions(allow_gaps=allow_gaps, epochs_from=epochs_from),
        as_json=as_json,
    )
    command.predict(run, wiring, asked)


def evaluate(
    store: Store,
    up_to: Annotated[list[float], typer.Option(help="The last epoch to look at; give it again for more.")],
    task: Task = "classification",
    threshold: Annotated[float | None, typer.Option(help=f"{GOOD}; needed for classification.")] = None,
    groups: Annotated[
        str | None, typer.Option(help="A setting, such as learning_rate, whose runs stay together in one fold.")
    ] = None,
    folds: Annotated[int, typer.Option(help="Parts that the runs are dealt into.")] = 5,
    repeats: Annotated[int, typer.Option(help="How often they are dealt anew.")] = 10,
    target: Target = "test_accuracy",
    direction: Rises = None,
    unfinished: Unfinished = "refuse",
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Cross-validate how well the end of stored runs is predicted from their first epochs, beside what needs no graph.

    The spread is over the repeats. Runs that share a learning rate are much alike, so also look at
    `--groups learning_rate`, which holds whole learning rates out. With `--json` a list is printed, with an object for
    each figure.

    Example: `epochgraph evaluate store --threshold 0.4 --up-to 1 --up-to 3 --groups learning_rate`
    """
    from epochgraph.cli import evaluate as command
    from epochgraph.evaluation import Protocol

    protocol = Protocol(
        task=task,
        threshold=threshold,
        folds=folds,
        repeats=repeats,
        groups=groups,
        seed=seed,
        target=target,
        direction=direction,
    )
    command.run(store, protocol, up_to, unfinished=unfinished, as_json=as_json)
