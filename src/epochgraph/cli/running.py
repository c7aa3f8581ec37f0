"""Running a command-line program: how it ends on an error or a signal."""

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
        program: Its name, which begins the line.
        when_interrupted: What to tell a user who interrupts it.
    """
    gc.freeze()  # collecting garbage in imported modules at exit would take half a second
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a name may contain what the terminal cannot show
            stream.reconfigure(errors="backslashreplace")
    listen(program, when_interrupted)
    try:
        app()
    except EpochgraphError as error:
        note(*_reasons(error))
        _stop(f"{program}: {error}", FAILED)
    except MemoryError:
        _stop(f"{program}: the memory of this machine does not suffice. Use a machine with more.", FAILED)
    except SystemExit as stop:  # Typer turns a keyboard interrupt into an exit
        if stop.code not in ENDS:
            raise
        _stop(f"{program}: {ENDS[int(stop.code)]}; {when_interrupted}.", int(stop.code))
    except BrokenPipeError:  # the reader, such as `head`, has seen enough
        sys.stderr.close()
        sys.exit(0)
    finally:
        deafen()


def _reasons(error: EpochgraphError) -> Sequence[str]:
    """The lines above an error: for several runs, why each could not be used."""
    return [*error.args[0].values()] if isinstance(error, BatchError) else []


def _stop(line: str, code: int) -> None:
    deafen()
    sys.stderr.write(" ".join(line.split()) + "\n")
    sys.exit(code)
