"""How a command line ends: an error of the input is one line and an exit code, never a traceback."""

import gc
import sys

import typer

from epochgraph.errors import EpochgraphError

FAILED = 2
INTERRUPTED = 130


def run(app: typer.Typer, program: str, *, when_interrupted: str) -> None:
    """Run a command line.

    Args:
        app: Its commands.
        program: The name that its errors begin with.
        when_interrupted: What the user should know who interrupts it.
    """
    gc.freeze()  # what is imported stays: to look through it once more at the exit takes half a second
    try:
        app()
    except EpochgraphError as error:
        _stop(f"{program}: {error}", FAILED)
    except SystemExit as stop:  # Typer has turned the keyboard's interrupt into an exit
        if stop.code != INTERRUPTED:
            raise
        _stop(f"{program}: interrupted; {when_interrupted}.", INTERRUPTED)
    except BrokenPipeError:  # the reader, such as `head`, has seen enough
        sys.stderr.close()
        sys.exit(0)


def _stop(line: str, code: int) -> None:
    sys.stderr.write(" ".join(line.split()) + "\n")
    sys.exit(code)
