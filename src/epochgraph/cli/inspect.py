"""`epochgraph inspect`."""

from pathlib import Path
from typing import Annotated

import typer

import epochgraph
from epochgraph.cli.options import EpochsFrom, FoldBatchNorm, Input, Json, Memory, Model, TopologyFile, parsed_memory
from epochgraph.cli.output import print_json, progress_bars, show


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
            help="Connect a weight to the part that it reads, if neither tracing nor a chain finds it; may be "
            "repeated. Quote it, because of the shell's `>`.",
        ),
    ] = None,
    top: Annotated[int, typer.Option(min=0, help="How many of the most central nodes to show.")] = 10,
    fold_batch_norm: FoldBatchNorm = False,
    memory: Memory = None,
    epochs_from: EpochsFrom = None,
    save: Annotated[Path | None, typer.Option(help="Write the topology to this JSON file, for later commands.")] = None,
    as_json: Json = False,
) -> None:
    """Show the graph of a checkpoint: its parts, the role of every parameter, and the most central nodes.

    Without `--topology` or `--model`, layers are connected one after another, as their shapes allow; the coverage says
    how much of the network that is. What is left out can be declared: `--wire head.weight=block.3` lets a weight read
    the nodes of a part; save the topology with `--save` for other commands.

    Example: `epochgraph inspect runs/7/epoch_3.pt --model mymodels:LeNet --input 1,3,32,32 --save lenet.json`
    """
    from epochgraph.cli.wiring import WiringOptions

    with progress_bars() as progress:
        found = epochgraph.inspect(
            path,
            topology=WiringOptions(topology, model, input_shape, tuple(wires or ())).topology_of,
            top=top,
            fold_batch_norm=fold_batch_norm,
            memory=parsed_memory(memory),
            epochs_from=epochs_from,
            save=save,
            progress=progress,
        )
    if as_json:
        print_json(found)
    else:
        show(found)
