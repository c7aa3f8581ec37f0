"""Populations through the command line: killed, failing, on a full disk."""

import json
import os
import resource
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import command_line
from command_line import waited_for
from epochgraph.runs import read_about, read_stored_run, read_stored_runs, write_runs

TEXT = """
name = "small"
scale = "reduced"
architecture = "DigitsNet"
threshold = 0.5
about = "For a test."
[data]
name = "digits"
[grid]
learning_rate = [0.001, 0.1]
dropout = [0.0, 0.5]
[training]
epochs = 3
batch_size = 64
crop_padding = 1
flip = false
"""

COMMAND = (*command_line.COMMAND, "zoo")


def succeeded(*arguments: object) -> str:
    return command_line.succeeded("zoo", *arguments)


def refused(*arguments: object, cwd: Path | None = None) -> str:
    return the_one_line(command_line.epochgraph("zoo", *arguments, cwd=cwd))


def the_one_line(result: subprocess.CompletedProcess[str]) -> str:
    """The one line of an error, beside what is told of the work."""
    assert result.returncode == 2, (result.returncode, result.stdout, result.stderr)
    assert "Traceback" not in result.stderr
    lines = [line for line in result.stderr.splitlines() if line.startswith("epochgraph: ")]
    assert len(lines) == 1, result.stderr
    return lines[0]


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    path = tmp_path / "small.toml"
    path.write_text(TEXT)
    return path


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A population of four runs, trained without disturbance."""
    folder = tmp_path_factory.mktemp("finished")
    (folder / "small.toml").write_text(TEXT)
    succeeded("train", folder / "small.toml", "-d", "digits", "-o", folder / "zoo", "--workers", 1)
    return folder / "zoo"


def same(first: Path, second: Path) -> None:
    """Two populations have the same numbers, but for the time they took."""
    for one, other in zip(read_stored_runs(first / "runs"), read_stored_runs(second / "runs"), strict=True):
        assert one.name == other.name
        timed = [name for name in one.metrics if name.startswith("seconds")]
        pd.testing.assert_frame_equal(one.metrics.drop(columns=timed), other.metrics.drop(columns=timed))
        np.testing.assert_array_equal(one.signature.values, other.signature.values)


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_killed_at_any_moment_it_goes_on_where_it_was(tmp_path, recipe, finished, how):
    out = tmp_path / "zoo"
    arguments = ["train", str(recipe), "-d", "digits", "-o", str(out), "--workers", "2"]
    with subprocess.Popen([*COMMAND, *arguments], stderr=subprocess.PIPE, text=True) as process:
        waited_for(lambda: list(out.glob("runs/[!.]*.parquet")) or process.poll() is not None)
        process.send_signal(how)
        _, errors = process.communicate(timeout=60)
    assert "Traceback" not in errors
    kept = {path.name: path.stat().st_mtime_ns for path in out.glob("runs/[!.]*.parquet")}
    assert kept
    assert all(read_stored_run(out / "runs" / name).name for name in kept)
    succeeded(*arguments)
    assert {name: (out / "runs" / name).stat().st_mtime_ns for name in kept} == kept, "finished runs are left alone"
    same(out, finished)


def test_networks_side_by_side_that_were_killed_stay_together(tmp_path, recipe):
    """They end as if undisturbed, dropout included, for which the company of each network matters."""
    whole, out = tmp_path / "whole", tmp_path / "zoo"
    arguments = ["train", str(recipe), "-d", "digits", "--workers", "1", "--together", "2"]
    succeeded(*arguments, "-o", whole)
    with subprocess.Popen([*COMMAND, *arguments, "-o", str(out)], stderr=subprocess.DEVNULL) as process:
        waited_for(lambda: list(out.glob("runs/[!.]*.parquet")) or process.poll() is not None)
        process.kill()
    kept = len(list(out.glob("runs/[!.]*.parquet")))
    assert 0 < kept < 4
    succeeded(*arguments, "-o", out)
    same(out, whole)
    succeeded("export", out, "-o", tmp_path / "small.parquet")
    assert "workers 1, threads 1, together 2" in (tmp_path / "small.md").read_text()


def test_a_device_that_is_not_there_is_one_line(tmp_path, recipe):
    line = refused("train", recipe, "-d", "digits", "-o", tmp_path / "zoo", "--device", "cuda:99")
    assert "device is 'cuda:99', but must be one that this machine has: auto, cpu" in line
    assert not (tmp_path / "zoo").exists()


def test_workers_end_with_a_parent_that_is_killed(tmp_path, recipe):
    out = tmp_path / "zoo"
    text = recipe.read_text().replace("epochs = 3", "epochs = 100000")
    recipe.write_text(text)
    command = [*COMMAND, "train", str(recipe), "-d", "digits", "-o", str(out), "--workers", "2"]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL, start_new_session=True) as process:
        waited_for(lambda: len(workers(process.pid)) >= 2)
        process.kill()
    waited_for(lambda: not workers(process.pid))
    if workers(process.pid):
        os.killpg(process.pid, signal.SIGKILL)
        pytest.fail("workers go on without their parent")


def test_a_worker_that_is_killed_is_told_and_finished_runs_are_kept(tmp_path, recipe):
    """As the system does it when the memory is full."""
    out = tmp_path / "zoo"
    recipe.write_text(TEXT.replace("epochs = 3", "epochs = 100000"))
    command = [*COMMAND, "train", str(recipe), "-d", "digits", "-o", str(out), "--workers", "1"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, start_new_session=True) as process:
        waited_for(lambda: workers(process.pid))
        os.kill(workers(process.pid)[0], signal.SIGKILL)
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 2, errors
    assert "Traceback" not in errors
    assert "a worker process was killed. Finished runs are kept." in errors


def workers(session: int) -> list[int]:
    """Processes of a session, but for its first and the one that Python keeps track of resources with."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            number = int((folder / "stat").read_text().rpartition(")")[2].split()[3])
            line = (folder / "cmdline").read_text()
        except (OSError, IndexError):
            continue
        if number == session and "spawn_main" in line:
            found.append(int(folder.name))
    return found


def test_a_run_that_fails_is_recorded_and_the_others_go_on(tmp_path, recipe):
    """A network a million times as wide does not fit into any memory."""
    recipe.write_text(TEXT.replace("dropout = [0.0, 0.5]", "width = [1.0, 1e7]"))
    out = tmp_path / "zoo"
    result = command_line.epochgraph("zoo", "train", recipe, "-d", "digits", "-o", out, "--workers", 2)
    assert result.returncode == 0, result.stderr
    document = json.loads(succeeded("status", out, "--json"))
    assert (document["runs"], document["finished"], len(document["failed"])) == (4, 2, 2)
    for name, error in document["failed"].items():
        assert "width1e+07" in name
        assert "memory" in error
        assert name in result.stderr
        assert "traceback" in json.loads((out / "failed" / f"{name}.json").read_text())


def limited(size: int):
    """Let a process write no file longer than `size` bytes: the system refuses what is beyond, as on a full disk."""
    return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


def test_a_full_disk_is_one_line_and_loses_no_finished_run(tmp_path, recipe, finished):
    out = tmp_path / "zoo"
    arguments = ["train", recipe, "-d", "digits", "-o", out, "--workers", 1]
    succeeded(*arguments, "--limit", 2)
    kept = {path.name: path.read_bytes() for path in out.glob("runs/*.parquet")}
    assert len(kept) == 2
    command = [*COMMAND, *map(str, arguments)]
    result = subprocess.run(command, check=False, capture_output=True, text=True, preexec_fn=limited(20_000))
    line = the_one_line(result)
    assert "cannot be written " in line
    assert "File too large" in line
    assert str(out) in line
    assert {path.name: path.read_bytes() for path in out.glob("runs/*")} == kept, "and no half file"
    succeeded(*arguments)
    same(out, finished)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_an_unwritable_folder_is_one_line(tmp_path, recipe):
    (tmp_path / "zoo").mkdir(mode=0o500)
    assert "cannot be written" in refused("train", recipe, "-d", "digits", "-o", tmp_path / "zoo")


def test_a_file_in_place_of_the_folder_is_one_line(tmp_path, recipe):
    (tmp_path / "zoo").write_text("a file")
    assert "cannot be written" in refused("train", recipe, "-d", "digits", "-o", tmp_path / "zoo")


def test_a_folder_has_one_recipe_and_one_trainer(recipe, finished):
    recipe.write_text(TEXT.replace("epochs = 3", "epochs = 4"))
    assert "runs of another recipe" in refused("train", recipe, "-d", "digits", "-o", finished)
    recipe.write_text(TEXT)
    script = (
        "import sys, time; from filelock import FileLock; lock = FileLock(sys.argv[1]); "
        "lock.acquire(); print('locked', flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", script, str(finished / ".lock")], stdout=subprocess.PIPE) as holder:
        holder.stdout.readline()
        line = refused("train", recipe, "-d", "digits", "-o", finished)
        holder.kill()
    assert "another process is training into it" in line


def test_status_and_export_tell_what_there_is(tmp_path, finished):
    document = json.loads(succeeded("status", finished, "--json"))
    runs = read_stored_runs(finished / "runs")
    assert document["finished"] == document["runs"] == len(runs) == 4
    assert document["accuracies"] == sorted(run.final_accuracy() for run in runs)
    assert document["good"] == sum(run.final_accuracy() >= 0.5 for run in runs)
    assert "4 of 4" in succeeded("status", finished)
    assert "4 runs" in succeeded("export", finished, "-o", tmp_path / "small.parquet", "--vectors-until", 1)
    for one, other in zip(read_stored_runs(tmp_path / "small.parquet"), runs, strict=True):
        assert (one.name, one.settings) == (other.name, other.settings)
        pd.testing.assert_frame_equal(one.metrics, other.metrics)
        np.testing.assert_array_equal(one.signature.values, other.signature.values.astype(np.float32))
        assert max(one.recordings["last_layer"].times) == 1
    few = ("export", finished, "-o", tmp_path / "few.parquet", "--vectors-until", 1, "--last-layer-at")
    assert "4 runs" in succeeded(*few, 0, "--last-layer-at", 1)
    assert "at these epochs only: 0, 1." in (tmp_path / "few.md").read_text()
    assert read_stored_runs(tmp_path / "few.parquet")[0].recordings["last_layer"].times.tolist() == [0, 1]
    assert "4 runs" in succeeded(*few, 1)
    for one, other in zip(read_stored_runs(tmp_path / "few.parquet"), runs, strict=True):
        assert one.recordings["last_layer"].times.tolist() == [1]
        first = other.recordings["last_layer"]
        np.testing.assert_array_equal(one.recordings["last_layer"].values, first.values[first.times == 1])
        assert len(one.recordings["degree"].times) > 1
    assert "last_layer_at is 7.0, but must be one of the epochs of run" in refused(*few, 7)
    sheet = (tmp_path / "small.md").read_text()
    for text in ("4 of the 4 runs of `small`", "DigitsNet on digits", "scale reduced", "torch", 'name = "small"'):
        assert text in sheet


def test_a_published_population_can_be_trained_on(tmp_path, recipe, finished):
    """A file of the first two runs; the other two are trained, and all are as if nothing had been in between."""
    first = tmp_path / "first"
    (first / "runs").mkdir(parents=True)
    runs = [f"runs/{path.name}" for path in sorted(finished.glob("runs/*"))]
    for name in ("recipe.toml", "sittings.jsonl", *runs[:2]):
        (first / name).write_bytes((finished / name).read_bytes())
    succeeded("export", first, "-o", tmp_path / "two.parquet")
    assert "2 runs written" in succeeded("import", tmp_path / "two.parquet", "-o", tmp_path / "zoo")
    succeeded("train", recipe, "-d", "digits", "-o", tmp_path / "zoo", "--workers", 1)
    succeeded("export", tmp_path / "zoo", "-o", tmp_path / "all.parquet")
    succeeded("export", finished, "-o", tmp_path / "expected.parquet")
    pairs = (read_stored_runs(tmp_path / name) for name in ("all.parquet", "expected.parquet"))
    for found, expected in zip(*pairs, strict=True):
        np.testing.assert_array_equal(found.signature.values, expected.signature.values)
    assert "does not tell its recipe" in refused("import", finished / runs[0], "-o", tmp_path / "other")


def test_runs_of_other_images_are_refused_wherever_they_come_from(tmp_path, recipe, finished):
    population = tmp_path / "zoo"
    shutil.copytree(finished, population)
    next(population.glob("runs/*")).unlink()
    record = population / "sittings.jsonl"
    sitting = json.loads(record.read_text())
    assert len(sitting["images"]) == 16
    succeeded("export", population, "-o", tmp_path / "three.parquet")
    record.write_text(json.dumps(sitting | {"images": 16 * "f"}) + "\n")
    assert "of other images" in refused("train", recipe, "-d", "digits", "-o", population)
    assert "of other images" in refused("import", tmp_path / "three.parquet", "-o", population)
    assert len([*population.glob("runs/*")]) == 3
    record.write_text("[1]\n")
    assert "is damaged" in refused("export", population, "-o", tmp_path / "three.parquet")


def test_a_file_cannot_say_where_its_runs_are_written(tmp_path, finished):
    path = tmp_path / "small.parquet"
    succeeded("export", finished, "-o", path)
    first, *others = read_stored_runs(path)
    write_runs([replace(first, name="../../outside"), *others], path, about=read_about(path))
    assert "its run '../../outside' is none of its recipe" in refused("import", path, "-o", tmp_path / "zoo")
    assert not (tmp_path / "zoo").exists()


def test_a_population_is_evaluated_as_a_folder_of_runs_is(tmp_path, finished):
    """Four runs are too few, and that is what is said: the file was understood."""
    succeeded("export", finished, "-o", tmp_path / "small.parquet")
    command_line.succeeded("fit", tmp_path / "small.parquet", "-o", tmp_path / "p.skops", "--up-to", 1)
    told = command_line.succeeded("predict", finished / "runs", "-p", tmp_path / "p.skops", "--json")
    assert len(json.loads(told)) == 4


@pytest.mark.parametrize(
    ("arguments", "found"),
    [
        (["train", "lenet-mnist", "-d", "digits", "-o", "zoo"], "lenet-mnist"),
        (["status", "nowhere"], "holds no population"),
        (["export", "nowhere", "-o", "x.parquet"], "holds no population"),
        (["recipes", "lenet-mnist"], "lenet-mnist"),
    ],
)
def test_what_is_not_there_is_one_line(tmp_path, arguments, found):
    assert found in refused(*arguments, cwd=tmp_path)


def test_recipes_are_listed_and_printed(tmp_path):
    assert "lenet-cifar10-reduced" in succeeded("recipes")
    text = succeeded("recipes", "lenet-cifar10-reduced")
    assert text.startswith('name = "lenet-cifar10-reduced"')


def test_images_that_are_damaged_are_named(tmp_path, recipe):
    folder = tmp_path / "images" / "train" / "cat"
    folder.mkdir(parents=True)
    for name in ("a.png", "b.png"):
        (folder / name).write_bytes(b"no image")
    (tmp_path / "images" / "test" / "cat").mkdir(parents=True)
    for name in ("c.png", "d.png"):
        (tmp_path / "images" / "test" / "cat" / name).write_bytes(b"no image")
    line = refused("train", recipe, "-d", tmp_path / "images", "-o", tmp_path / "zoo")
    assert "cat/c.png: is no image" in line
