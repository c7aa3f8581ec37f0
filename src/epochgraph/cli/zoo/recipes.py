"""`epochgraph zoo recipes`."""

from typing import Annotated

import typer

from epochgraph.cli.output import console


def recipes(
    name: Annotated[str | None, typer.Argument(help="Print the text of this one, as a start for your own.")] = None,
) -> None:
    """List the recipes that come with the package: the paper's populations, and reduced ones for a small machine.

    Example: `epochgraph zoo recipes lenet-cifar10-reduced > mine.toml`
    """
    from epochgraph.commands.pages import Sheet
    from epochgraph.zoo.recipe import Recipe, read_recipe, recipe_names

    if name is not None:
        print(read_recipe(name)[1], end="")  # noqa: T201 - as it is, to be written to a file
        return
    rows = []
    for known in recipe_names():
        recipe, _ = read_recipe(known)
        settings = recipe.settings()
        epochs = sorted({own.epochs for own in settings})
        budget = f"{epochs[0]}" if len(epochs) == 1 else f"{epochs[0]} to {epochs[-1]}"
        scale = recipe.scale if isinstance(recipe, Recipe) else "sweeps"
        rows.append((known, scale, str(len(settings)), budget, " ".join(recipe.about.split())))
    console.print(Sheet(("recipe", "scale", "runs", "epochs", "what"), rows))
