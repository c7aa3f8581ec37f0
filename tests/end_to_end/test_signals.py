"""Interrupted or terminated, at any moment and more than once: one line, no traceback, nothing of Python's own."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from command_line import waited_for

PROGRAM = (sys.executable, "-c", "from epochgraph_command import main; main()")
"""What the installed command is."""

EXIT = {signal.SIGINT: 130, signal.SIGTERM: 143}

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals are those of POSIX")


def ended(arguments, there, *signals, gap=0.2, whole_group=False):
    """The exit code and what was printed as errors by a command that was sent signals once something is there."""
    command = [*PROGRAM, *map(str, arguments)]
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, "start_new_session": True}
    with subprocess.Popen(command, **options) as process:
        waited_for(lambda: there() or process.poll() is not None)
        for number in signals:
            if process.poll() is None:
                (os.killpg if whole_group else os.kill)(process.pid, number)
                time.sleep(gap)
        _, errors = process.communicate(timeout=300)
    return process.returncode, [line for line in errors.splitlines() if not line.endswith(" runs")]


@pytest.mark.parametrize("number", EXIT)
@pytest.mark.parametrize("times", [1, 2])
def test_while_it_is_starting(number, times):
    """The imports of a command take seconds: nothing is under way then that has to be put in order."""
    begun = time.monotonic()
    code, lines = ended(["inspect", "missing.pt"], lambda: time.monotonic() > begun + 0.5, *[number] * times)
    assert code == EXIT[number]
    assert len(lines) == 1, lines
    assert lines[0].endswith("while it was starting; nothing was changed.")


TRAIN = """
name = "endless"
architecture = "DigitsNet"
threshold = 0.5
about = "For a test."
scale = "reduced"
[data]
name = "digits"
[grid]
learning_rate = [0.001, 0.1]
dropout = [0.0, 0.5]
[training]
epochs = 100000
batch_size = 64
crop_padding = 1
flip = false
"""


@pytest.mark.parametrize(
    ("signals", "whole_group"),
    [
        ([signal.SIGINT], True),
        ([signal.SIGINT, signal.SIGINT], True),
        ([signal.SIGINT] * 5, True),
        ([signal.SIGTERM], False),
        ([signal.SIGTERM, signal.SIGTERM], False),
        ([signal.SIGTERM, signal.SIGINT], True),
    ],
    ids=str,
)
@pytest.mark.parametrize("moment", ["workers are starting", "networks are trained"])
def test_while_it_trains(tmp_path: Path, signals, whole_group, moment):
    """A terminal interrupts the workers, too; the helper of Python that counts locks has nothing to complain of."""
    out, recipe = tmp_path / "zoo", tmp_path / "endless.toml"
    recipe.write_text(TRAIN)
    trained = "partial/*" if moment == "networks are trained" else "recipe.toml"
    arguments = ["zoo", "train", recipe, "-d", "digits", "-o", out, "--workers", 2]
    code, lines = ended(arguments, lambda: list(out.glob(trained)), *signals, gap=0.02, whole_group=whole_group)
    assert code in {EXIT[number] for number in signals}, lines  # Python learns of two at once in the order of numbers
    assert len(lines) == 1, lines
    assert "what is written is kept" in lines[0]


def test_what_starts_in_the_background_stays_deaf(tmp_path):
    """A shell lets its background jobs ignore the keyboard's interrupt."""
    program = f"import signal, os; signal.signal(signal.SIGINT, signal.SIG_IGN); os.execv({sys.executable!r}, "
    program += f"{[*PROGRAM, '--version']!r})"
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as process:
        time.sleep(1)
        process.send_signal(signal.SIGINT)
        version, _ = process.communicate(timeout=300)
    assert process.returncode == 0
    assert version.strip()
