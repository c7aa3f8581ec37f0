"""The command line as a user has it, in a process of its own; yet what it imports, which takes seconds, only once.

Each command runs in a fork of a server that has imported the package and done nothing else; so do those of
`python -m paper`, and the scripts in `examples/`.
"""

import atexit
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path

SECONDS = 600
"""After these a command is stopped, and its exit code is the signal's."""

ROOT = Path(__file__).parents[1]
"""Of the checkout, where `python -m paper` is run."""

SERVER = f"""
import json, os, runpy, signal, sys
import pyarrow.parquet, sklearn.ensemble, sklearn.model_selection, sklearn.svm, skops.io, torch.export
import epochgraph.cli.app, epochgraph.demo, epochgraph.report, epochgraph.zoo, paper.__main__, paper.reproduce
def example():
    sys.argv.pop(0)
    sys.path.insert(0, os.path.dirname(sys.argv[0]))
    runpy.run_path(sys.argv[0], run_name="__main__")
programs = {{"epochgraph": epochgraph.cli.app.main, "paper": paper.__main__.main, "example": example}}
for line in sys.stdin:
    program, arguments, folder, output, errors = json.loads(line)
    child = os.fork()
    if child == 0:
        signal.alarm({SECONDS})
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(os.open(output, os.O_WRONLY), 1)
        os.dup2(os.open(errors, os.O_WRONLY), 2)
        os.chdir(folder)
        sys.argv = [program, *arguments]
        programs[program]()
        break
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""

COMMAND = (sys.executable, "-c", "from epochgraph.cli import main; main()")
"""The command line for `subprocess`, where a test is about the process."""


@cache
def _server() -> subprocess.Popen[str]:
    command = [sys.executable, "-c", SERVER]
    server = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    atexit.register(server.__exit__, None, None, None)
    return server


def epochgraph(*arguments: object, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run a command, and return what it printed and its exit code."""
    return _run("epochgraph", *arguments, cwd=cwd)


def paper(*arguments: object, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """The same of `python -m paper`."""
    return _run("paper", *arguments, cwd=cwd)


def example(script: Path, *arguments: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    """The same of a script."""
    return _run("example", script, *arguments, cwd=cwd)


def _run(program: str, *arguments: object, cwd: Path | None) -> subprocess.CompletedProcess[str]:
    server, given = _server(), [*map(str, arguments)]
    with tempfile.TemporaryDirectory() as folder:
        output, errors = Path(folder, "output"), Path(folder, "errors")
        for path in (output, errors):
            path.touch()
        server.stdin.write(json.dumps([program, given, str(cwd or Path.cwd()), str(output), str(errors)]) + "\n")
        server.stdin.flush()
        code = int(server.stdout.readline())
        return subprocess.CompletedProcess(given, code, output.read_text(), errors.read_text())


def succeeded(*arguments: object, cwd: Path | None = None) -> str:
    """What a command that works prints."""
    result = epochgraph(*arguments, cwd=cwd)
    assert result.returncode == 0, result.stderr
    return result.stdout


def refused(*arguments: object, cwd: Path | None = None) -> str:
    """The one line of an error of the input."""
    return the_one_line(epochgraph(*arguments, cwd=cwd))


def the_one_line(result: subprocess.CompletedProcess[str]) -> str:
    """The line of an error of the input, and nothing else."""
    assert result.returncode == 2, (result.returncode, result.stderr)
    assert "Traceback" not in result.stderr
    assert result.stdout == ""
    assert len(result.stderr.strip().splitlines()) == 1, result.stderr
    return result.stderr


def waited_for(there: Callable[[], object]) -> None:
    """Wait until something is there, five minutes at most."""
    until = time.monotonic() + 300
    while not there() and time.monotonic() < until:
        time.sleep(0.05)
