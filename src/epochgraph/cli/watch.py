"""`epochgraph watch`."""

from typing import Annotated

import typer

from epochgraph.cli.options import Best, Budget, Rises, SweepTarget, Threshold
from epochgraph.cli.output import note
from epochgraph.cli.report import Runs


def watch(
    store: Runs,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Of this machine; 0 takes any that is free.")] = 8642,
    best: Best = None,
    threshold: Threshold = None,
    target: SweepTarget = None,
    direction: Rises = None,
    budget: Budget = None,
) -> None:
    """Show a sweep in the browser while its runs train: the page of `report`, renewed as runs go on.

    Only this machine is served, and nothing is written to the store. Interrupt it to end it.

    Example: `epochgraph watch store --best 3`
    """
    from epochgraph.commands.serving import HOST, server_of
    from epochgraph.watch import Sweep

    sweep = Sweep(store, best=best, threshold=threshold, target=target, direction=direction, budget=budget)
    with server_of(sweep, store.resolve().stem, port) as server:
        note(f"http://{HOST}:{server.server_address[1]}/ shows {store}; interrupt to end")
        server.serve_forever()
