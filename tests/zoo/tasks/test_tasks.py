"""What every task must keep: shapes, dtypes, splits, determinism; and one line where a file is missing."""

import pytest
import torch

from epochgraph.errors import EpochgraphError, SettingError
from epochgraph.zoo import tasks
from epochgraph.zoo.tasks import TASKS

WITHOUT_FILES = ("digits", "digits-reconstruction", "python-docs", "breast-cancer", "wine", "diabetes", "friedman")
WITHOUT_FILES += ("generated-series",)
WITH_FILES = [name for name in TASKS if name not in WITHOUT_FILES]


def rows(part):
    return {row.numpy().tobytes() for row in part.inputs}


def check(task):
    form = task.form
    for part in (task.train, task.validation, task.test):
        assert tuple(part.inputs.shape[1:]) == form.inputs
        assert part.inputs.is_contiguous()
        assert not part.inputs.is_floating_point() or part.inputs.dtype == torch.float32
        assert not part.targets.is_floating_point() or part.targets.dtype == torch.float32
    check_learning(task)
    assert (form.vocabulary > 0) == (form.kind == "tokens")
    assert sum(form.columns) == (form.inputs[0] if form.kind == "table" else 0)
    train, validation, test = (rows(part) for part in (task.train, task.validation, task.test))
    assert not train & validation
    assert not train & test
    assert not validation & test


def check_learning(task):
    """A loss that can be derived, and a metric that is worse by chance than for the right answer."""
    inputs, targets = next(task.batches(8, torch.Generator().manual_seed(0)))
    outputs = torch.randn(len(inputs), *task.form.outputs, requires_grad=True)
    loss = task.loss(outputs, targets, 0.1)
    loss.backward()
    assert loss.ndim == 0
    assert outputs.grad.isfinite().all()
    assert outputs.grad.count_nonzero()
    if task.metric is None:
        assert task.direction == "falls"
        return
    each = task.metric.of(outputs.detach(), targets)
    assert each.shape == (len(inputs),)
    right = task.metric.finished(float(task.metric.of(answers(task, targets), targets).mean()))
    assert right == pytest.approx(1.0 if task.direction == "rises" else 0.0, abs=1e-6)
    assert (task.metric.chance < right) == (task.direction == "rises")


def answers(task, targets):
    """Outputs of a network that knows the targets."""
    if targets.dtype == torch.int64:
        return torch.nn.functional.one_hot(targets, task.form.outputs[-1]).float()
    return task.prepared(targets)


@pytest.mark.parametrize("name", WITHOUT_FILES)
def test_a_task_without_files_keeps_the_contract(name):
    check(TASKS[name](None))


@pytest.mark.parametrize("name", WITH_FILES)
def test_a_task_of_real_files_keeps_the_contract(name, data_folder):
    pytest.importorskip("sentencepiece") if "pieces" in name else None
    check(TASKS[name](data_folder))


@pytest.mark.parametrize("name", WITHOUT_FILES)
def test_a_task_is_the_same_each_time_it_is_made(name):
    first = TASKS[name](None)
    tasks._read.cache_clear()
    second = TASKS[name](None)
    assert first is not second
    assert first.digest() == second.digest()


@pytest.mark.parametrize("name", WITH_FILES)
def test_a_missing_file_is_one_line_that_names_it(name, tmp_path):
    sought = {"cifar10": "cifar10-jpeg", "tiny": "tiny-imagenet-100-part1", "spoken": "free-spoken-digits"}
    file = f"{sought.get(name.split('-')[0], 'text-and-tables')}.tar.xz"
    with pytest.raises(EpochgraphError, match="no such file") as error:
        TASKS[name](tmp_path)
    assert str(tmp_path / file) in str(error.value)
    assert "\n" not in str(error.value)
    with pytest.raises(SettingError, match=file):
        TASKS[name](None)


def test_published_names_differ(data_folder):
    pytest.importorskip("sentencepiece")
    names = [TASKS[name](data_folder).name for name in TASKS]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("name", [name for name in TASKS if name.startswith("cifar10")])
def test_cifar_is_never_named_without_jpeg(name, data_folder):
    assert TASKS[name](data_folder).name.startswith("CIFAR-10 (JPEG), ")
