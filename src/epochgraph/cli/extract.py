"""`epochgraph extract`."""

from pathlib import Path
from typing import Annotated, Any

import typer

import epochgraph
from epochgraph.cli.options import (
    AllowGaps,
    EpochsFrom,
    FirstPass,
    FoldBatchNorm,
    Input,
    LogFile,
    Memory,
    MetricNames,
    Model,
    TopologyFile,
    metric_names,
    parsed_memory,
    separated,
)
from epochgraph.cli.output import finish, note, progress_bars


def extract(
    runs: Annotated[list[Path], typer.Argument(help="Folders of checkpoints, one per run.")],
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
        str, typer.Option(help="Groups of nodes to summarise: any of graph (as in the paper), part, depth.")
    ] = "graph",
    change: Annotated[
        str, typer.Option(help="Also how each graph has changed since any of initial, previous. Empty for none.")
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
    force: Annotated[bool, typer.Option("--force", help="Extract again runs that are already stored.")] = False,
) -> None:
    """Turn the checkpoints of runs into stored signatures.

    A run is a folder of checkpoints (.pt .pth .th .ckpt .bin .safetensors) whose names contain their epoch: epoch_0 is
    the untrained network, epoch_1 is after the first pass over the data (Lightning's `epoch=0.ckpt` is read as the
    latter). Names with steps are read, too; then every epoch of a command is a step.

    Beside them may be `metrics.csv`, with a column `epoch` of completed passes and one per metric (train_loss,
    validation_accuracy, test_accuracy, ...), and `settings.json`, an object with the run's settings (learning_rate,
    ...). Logs of Lightning, Keras, transformers and YOLO are read, too, and names such as val_acc are known. `fit`
    needs the test_accuracy of the last row (or another `--target`), `evaluate` and `fit --curve` train_loss and
    validation_accuracy as well; settings are for their `--groups`.

    A run that cannot be read does not stop the others: it is named at the end, and the exit code is 2. Runs that are
    already stored are left as they are, so an interrupted command can continue; those that were extracted with other
    options, or before their metrics existed, are named.

    Example: `epochgraph extract sweep/* -o store --topology lenet.json --change initial`
    """
    from epochgraph.cli.wiring import WiringOptions

    how: dict[str, Any] = {"scopes": separated(scopes), "change": separated(change), "smoothing": smoothing}
    with progress_bars() as progress:
        found = epochgraph.extract(
            runs,
            out=out,
            topology=WiringOptions(topology, model, input_shape).topology_of,
            measures=separated(measures),
            **how,
            alpha=alpha,
            fold_batch_norm=fold_batch_norm,
            memory=parsed_memory(memory),
            allow_gaps=allow_gaps,
            epochs_from=epochs_from,
            metric=metric_names(metric),
            log=log,
            first_pass=first_pass,
            force=force,
            progress=progress,
        )
    note(*found.notes)
    if found.runs:
        already = len(found.runs) - found.new
        there = f", {already} were there already" if already else ""
        note(f"{found.new} runs extracted to {out}{there}")
    finish(found)
