"""`python -m paper`: the commands, their options and help.

What a command needs is imported when it is called: help should not wait for torch.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from epochgraph.cli.running import run
from paper.names import RESULTS

Zoos = Annotated[
    Path, typer.Option(help="Folder of populations: `zoos` of a checkout, or files that `epochgraph zoo export` wrote.")
]
Out = Annotated[Path, typer.Option("--out", "-o", help="Folder for Markdown, JSON, PNG and SVG.")]
Jobs = Annotated[int | None, typer.Option(min=1, help="Processes; by default one per core.")]

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
    help="""Compute the paper's tables and figures from published populations, each beside the paper's own numbers.

    Each result is written as soon as it is done; `all` also writes the page that lists the claims. The same files give
    the same numbers, whatever the number of processes. `fit` makes the predictors that come with the package.

    Example: `python -m paper table2`, in a checkout""",
)


def _command(name: str) -> Callable[..., None]:
    def command(zoos: Zoos = Path("zoos"), out: Out = Path("out/results"), jobs: Jobs = None) -> None:
        from paper import reproduce  # noqa: PLC0415 - see above

        reproduce.run(name, zoos, out, jobs=jobs)

    return command


for _name, _about in {"all": "All of them, and the page that begins with the claims.", **RESULTS}.items():
    app.command(_name, help=f"{_about}\n\nExample: `python -m paper {_name} --zoos zoos --out out/results`")(
        _command(_name)
    )


@app.command()
def opening(
    zoos: Zoos = Path("zoos"),
    out: Annotated[Path, typer.Option("--out", "-o", help="The picture, .png or .svg.")] = Path("docs/opening.png"),
) -> None:
    """Draw the README's picture: two runs that look alike after one epoch, and what their graphs say.

    Of the LeNets on CIFAR-10 it takes the pair whose validation accuracies are within half a point of each other after
    one epoch, and whose final accuracies are furthest apart.

    Example: `python -m paper opening --zoos zoos --out docs/opening.png`
    """
    from epochgraph.cli.output import console  # noqa: PLC0415 - see above
    from paper.opening import opening_picture, summary  # noqa: PLC0415 - see above

    for line in summary(opening_picture(zoos, out)):
        console.print(line, markup=False, highlight=False)


@app.command()
def wild(zoos: Zoos = Path("zoos"), out: Out = Path("docs/wild")) -> None:
    """Draw the learning curves of the population of sweeps, one picture per family, and write the page with them.

    Example: `python -m paper wild --zoos zoos --out docs/wild`
    """
    from epochgraph.cli.output import console  # noqa: PLC0415 - see above
    from paper.wild import write_page  # noqa: PLC0415 - see above

    for path in write_page(zoos, out):
        console.print(str(path), markup=False, highlight=False)


@app.command()
def forecasts(zoos: Zoos = Path("zoos"), out: Out = Path("docs/forecasts")) -> None:
    """Measure forecasts of sweeps on families of tasks, architectures and optimisers that were held out.

    Takes some twenty minutes on two cores.

    Example: `python -m paper forecasts --zoos zoos --out docs/forecasts`
    """
    from epochgraph.cli.output import console  # noqa: PLC0415 - see above
    from paper.forecast_page import write_page  # noqa: PLC0415 - see above

    for path in write_page(zoos, out):
        console.print(str(path), markup=False, highlight=False)


@app.command()
def studies(out: Out = Path("docs/studies")) -> None:
    """Run Optuna studies with each pruner: what it spends, and how good the trial is that it chooses.

    Takes about an hour on a core; studies that are done are kept, and the next call goes on with the others. Needs the
    extra `[optuna]`.

    Example: `python -m paper studies --out docs/studies`
    """
    from epochgraph.cli.output import console  # noqa: PLC0415 - see above
    from paper.studies import write_page  # noqa: PLC0415 - see above

    for path in write_page(out):
        console.print(str(path), markup=False, highlight=False)


@app.command()
def priors(
    zoos: Zoos = Path("zoos"),
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for the priors.")] = Path("src/epochgraph/forecasts"),
) -> None:
    """Fit what the package knows of sweeps in general, each task held out once: its two priors.

    Example: `python -m paper priors --zoos zoos --out src/epochgraph/forecasts`
    """
    from epochgraph.cli.output import console  # noqa: PLC0415 - see above
    from paper.held_out import write_priors  # noqa: PLC0415 - see above

    for path in write_priors(zoos, out):
        console.print(str(path), markup=False, highlight=False)


@app.command()
def fit(
    zoos: Annotated[Path, typer.Argument(help="A folder of populations on CIFAR-10, from `epochgraph zoo export`.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for the predictors and their model card.")],
) -> None:
    """Fit predictors on several populations, each architecture held out once: those that come with the package.

    Example: `python -m paper fit zoos -o src/epochgraph/predictors/shipped`
    """
    from paper import shipping  # noqa: PLC0415 - see above

    shipping.run(zoos, out)


def main() -> None:
    """Run the command line."""
    run(app, "paper", when_interrupted="results that are written are kept")


if __name__ == "__main__":
    main()
