"""What `epochgraph` starts with: ready to be interrupted before anything else is imported.

It stands beside the package, so that it is there before the command line is imported and, with PyTorch, all that the
commands need, which takes seconds. Nothing is under way then that would have to be put in order.
"""

import os
import signal


def main() -> None:
    """Run the command line; a signal while it is being imported is one line, too."""
    for number in (signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(number) is not signal.SIG_IGN:  # as it is for what a shell starts in the background
            signal.signal(number, _leave)
    from epochgraph.cli import main as run  # noqa: PLC0415 - a signal may come at once

    run()


def _leave(number: int, _: object) -> None:
    what = "interrupted" if number == signal.SIGINT else "terminated"
    os.write(2, f"epochgraph: {what} while it was starting; nothing was changed.\n".encode())
    os._exit(128 + number)
