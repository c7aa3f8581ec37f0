"""A command line's program: what becomes of an error and of a signal."""

import gc
import io
import sys
from collections.abc import Sequence

import typer

from epochgraph.cli.output import note
from epochgraph.cli.signals import ENDS, deafen, listen
from epochgraph.errors import BatchError, EpochgraphError

FAILED = 2


def run(app: typer.Typer, program: str, *, when_interrupted: str) -> None:
    """Run a program; an error of the input, or a signal, is one line and an exit code, never a traceback.

    Args:
        app: The program's commands.
        program: Its name, with which the line begins.
        when_interrupted: What the user should know who interrupts it.
    """
    gc.freeze()  # what is imported stays: to look through it once more at the exit takes half a second
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a name may have what the terminal cannot show
            stream.reconfigure(errors="backslashreplace")
    listen(program, when_interrupted)
    try:
        app()
    except EpochgraphError as error:
        note(*_reasons(error))
        _stop(f"{program}: {error}", FAILED)
    except MemoryError:
        _stop(f"{program}: the memory of this machine does not suffice. Use a machine with more.", FAILED)
    except SystemExit as stop:  # Typer has turned the keyboard's interrupt into an exit
        if stop.code not in ENDS:
            raise
        _stop(f"{program}: {ENDS[int(stop.code)]}; {when_interrupted}.", int(stop.code))
    except BrokenPipeError:  # the reader, such as `head`, has seen enough
        sys.stderr.close()
        sys.exit(0)
    finally:
        deafen()


def _reasons(error: EpochgraphError) -> Sequence[str]:
    """What is to stand above the line of an error: of several runs, why each could not be used."""
    return [*error.args[0].values()] if isinstance(error, BatchError) else []


def _stop(line: str, code: int) -> None:
    deafen()
    sys.stderr.write(" ".join(line.split()) + "\n")
    sys.exit(code)
