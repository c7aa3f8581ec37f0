"""The options that several commands share, each written once.

This module imports nothing heavy: help should not wait for torch.
"""

from pathlib import Path
from typing import Annotated, Literal

import typer

Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
Seed = Annotated[int, typer.Option(min=0, max=2**32 - 1, help="Random seed.")]
Store = Annotated[
    Path, typer.Argument(help="Stored runs: a folder from `extract`, or a population's file from `zoo export`.")
]
Target = Annotated[
    str, typer.Option(help="The metric whose last value is to be predicted, such as validation_accuracy.")
]
Rises = Annotated[
    Literal["rises", "falls"] | None,
    typer.Option("--direction", help="Which way the target gets better, if its name does not say."),
]
Unfinished = Annotated[
    Literal["refuse", "leave-out", "take"],
    typer.Option(
        "--unfinished",
        help="What to do with runs that were stopped before their end: how they would have ended is unknown.",
    ),
]
MetricNames = Annotated[
    list[str] | None,
    typer.Option(
        "--metric",
        metavar="THEIRS=OURS",
        help="The name here of a metric in the log, such as `acc_dev=validation_accuracy`; may be repeated.",
    ),
]
LogFile = Annotated[
    str | None,
    typer.Option("--log", metavar="NAME", help="The log's name in each run's folder, if it is none of these."),
]
FirstPass = Annotated[
    int | None,
    typer.Option(min=0, max=1, help="The number that the log gives the first pass, if its layout does not show it."),
]
Task = Annotated[
    Literal["classification", "regression"], typer.Option(help="Predict good or bad, or the accuracy itself.")
]
GOOD = "The final accuracy from which on a run is good (for a loss: up to which), in the unit of the metrics"
AllowGaps = Annotated[bool, typer.Option("--allow-gaps", help="Accept runs whose epochs are not evenly spaced.")]
EpochsFrom = Annotated[
    str | None,
    typer.Option(
        "--epochs-from",
        metavar="PATTERN",
        help="Where the epoch is in the names of checkpoints, if it is not obvious: `'weights.{epoch}-{_}.pt'`, "
        "with `{_}` for any other varying text.",
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
        help="The model's code, to trace its wiring: an importable function or class that builds it without arguments, "
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
        help="The memory that the graph may take, such as 2GiB; further weights are read from disk again and "
        "again. By default, half of the free memory.",
    ),
]
Predictor = Annotated[
    Path | None,
    typer.Option("--predictor", "-p", help="A predictor from `fit`; by default, one that comes with the package."),
]

# Of the runs of a sweep.
Best = Annotated[
    int | None, typer.Option(min=1, help="How many of the sweep's runs count as good; 3 if nothing is said.")
]
Threshold = Annotated[float | None, typer.Option(help=f"{GOOD}, instead.")]
SweepTarget = Annotated[
    str | None,
    typer.Option("--target", help="Metric whose final value counts; by default the usual one."),
]
Budget = Annotated[float | None, typer.Option(help="Epochs of each run, if its settings do not say.")]

# Of the zoo.
Recipe = Annotated[str, typer.Argument(help="A recipe's TOML file, or the name of one that `zoo recipes` lists.")]
Folder = Annotated[Path, typer.Argument(help="The folder of the population, as given to `zoo train --out`.")]
Limit = Annotated[
    int | None,
    typer.Option(
        min=1, help="Train only this many of the recipe's runs: the first of an order spread evenly over its grid."
    ),
]
Workers = Annotated[int | None, typer.Option(min=1, help="Processes; by default one per core.")]


def metric_names(given: list[str] | None) -> dict[str, str]:
    """The names of metrics that the option `--metric` gives: ours, by theirs.

    Raises:
        SettingError: One is not a pair, or two have the same name.
    """
    from epochgraph.errors import SettingError

    pairs = [text.partition("=") for text in given or ()]
    for theirs, equals, ours in pairs:
        if not (theirs and equals and ours):
            raise SettingError("--metric", theirs + equals + ours, "THEIRS=OURS, as in val_acc=validation_accuracy")
    names = {theirs.strip(): ours.strip() for theirs, _, ours in pairs}
    if len(set(names.values())) < len(pairs):
        raise SettingError("--metric", given, "given once for each name")
    return names


def parsed_memory(given: str | None) -> int | None:
    """The bytes that the option `--memory` allows.

    Raises:
        SettingError: It is not a size.
    """
    from epochgraph.graph.memory import byte_size

    return None if given is None else byte_size(given, option="--memory")


def separated(text: str) -> tuple[str, ...]:
    """The items of a comma-separated list."""
    return tuple(item for item in text.split(",") if item)
