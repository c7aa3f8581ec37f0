"""`epochgraph zoo status`."""

from epochgraph.cli.options import Folder, Json, Limit
from epochgraph.cli.output import print_json, show


def status(folder: Folder, limit: Limit = None, as_json: Json = False) -> None:
    """Show the progress of a population, how its runs ended, and which failed.

    Example: `epochgraph zoo status zoo/lenet`
    """
    from epochgraph.commands.populations import population_status

    found = population_status(folder, limit)
    if as_json:
        print_json(found.document())
    else:
        show(found)
