"""The commands, and how errors end."""

import sys
from importlib import import_module
from typing import Annotated

import typer

from epochgraph import __version__
from epochgraph.cli.demo import demo
from epochgraph.cli.evaluate import evaluate
from epochgraph.cli.extract import extract
from epochgraph.cli.fit import fit
from epochgraph.cli.inspect import inspect
from epochgraph.cli.pack import pack
from epochgraph.cli.predict import predict
from epochgraph.cli.replay import replay
from epochgraph.cli.report import report
from epochgraph.cli.running import run
from epochgraph.cli.watch import watch
from epochgraph.cli.zoo.export import export
from epochgraph.cli.zoo.import_ import import_
from epochgraph.cli.zoo.recipes import recipes
from epochgraph.cli.zoo.status import status
from epochgraph.cli.zoo.train import train

HELP = frozenset({"-h", "--help", "--version"})
"""What can be answered without importing torch, which takes seconds."""

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
    help="""Predict how a training run will end from the graphs of its first checkpoints.

    The steps: `extract` turns each run's folder of checkpoints into a signature, `fit` learns from finished runs,
    `predict` says how a new run will end, `evaluate` says how far to trust that, `replay` says what stopping runs early
    would have saved and cost, `report` and `watch` show a sweep as a page, `inspect` shows the graph of a checkpoint,
    and `pack` puts many runs into one file. `demo` does all of it on real images, and `zoo` trains populations of
    networks to learn from.""",
)
app.command()(demo)
app.command()(inspect)
app.command()(extract)
app.command()(pack)
app.command()(fit)
app.command()(predict)
app.command()(evaluate)
app.command()(replay)
app.command()(report)
app.command()(watch)

zoo = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="markdown",
    help="""Populations of trained networks, to learn from: `train` makes one from a recipe, `status` shows its
    progress, `export` writes it as one file and `import` reads that back, `recipes` lists those that come with the
    package.""",
)
zoo.command()(train)
zoo.command()(status)
zoo.command()(export)
zoo.command("import")(import_)
zoo.command()(recipes)
app.add_typer(zoo, name="zoo")


def _version(asked: bool) -> None:
    if asked:
        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and stop.")
    ] = False,
) -> None:
    """See the help of the app."""


def main() -> None:
    """Run the command line; an error of the input is one line and exit code 2, never a traceback."""
    if len(sys.argv) > 1 and HELP.isdisjoint(sys.argv):
        # Now, while a signal still ends the program immediately: an interrupted import may fail in any way.
        for name in ("monitor", "runs"):
            import_module(f"epochgraph.{name}")
    on = "what is written is kept, and demo, extract and zoo train continue from there"
    run(app, "epochgraph", when_interrupted=on)
