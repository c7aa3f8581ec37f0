"""Two processes that train one model, by DDP and by `fully_shard`: one measures, both learn what it found."""

import os
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from epochgraph import Watch, chain
from epochgraph.errors import SettingError
from epochgraph.extraction import extraction
from epochgraph.predictors import Prediction
from epochgraph.runs import read_stored_run

EPOCHS = 3


def says(runs, known):
    decision = "stop" if runs[0].signature.times[-1] >= 2 else "continue"
    return [Prediction(runs[0].name, 0.3, (0.2, 0.4), 0.1, decision, "so", 0.5, ())]


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 2))


def wrapped(kind: str) -> nn.Module:
    model = network()
    if kind == "ddp":
        return DistributedDataParallel(model)
    from torch.distributed.fsdp import fully_shard

    return fully_shard(model)


def whole(model: nn.Module) -> dict[str, torch.Tensor]:
    """All weights; every process has to ask."""
    state = model.state_dict()
    found = {n: t.full_tensor() if hasattr(t, "full_tensor") else t.clone() for n, t in state.items()}
    return {name.removeprefix("module."): tensor for name, tensor in found.items()}


def train(rank: int, folder: Path, kind: str) -> None:
    """One of two processes; what it saw is written to a file of its own."""
    os.environ |= {"MASTER_ADDR": "localhost", "GLOO_SOCKET_IFNAME": "lo"}
    torch.set_num_threads(1)
    store = dist.FileStore(str(folder / "rendezvous"), 2)
    dist.init_process_group("gloo", store=store, rank=rank, world_size=2)
    model = wrapped(kind)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    watch = Watch(
        model, torch.zeros(1, 4), run="a", store=folder / f"store-{rank}", predictor=says, stop=True, budget=EPOCHS
    )
    checkpoints, answers = [whole(model)], []
    for epoch in range(1, EPOCHS + 1):
        x = torch.randn(16, 4, generator=torch.Generator().manual_seed(2 * epoch + rank))
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(x), (x.sum(1) > 0).long()).backward()
        optimizer.step()
        answers.append(watch(epoch, train_loss=float(rank)))
        checkpoints.append(whole(model))
        if answers[-1].stop:
            break
    error = ""
    try:
        watch(-1)
    except SettingError as refused:  # in both: none waits for the other
        error = str(refused)
    state = watch.state_dict()
    assert bool(state) == (rank == 0)
    watch.load_state_dict(state)
    seen = {"answers": [str(answer) for answer in answers], "checkpoints": checkpoints, "error": error}
    torch.save({**seen, "epoch": watch.epoch}, folder / f"{rank}.pt")
    dist.destroy_process_group()


@pytest.mark.parametrize("kind", ["ddp", "fsdp2"])
def test_the_first_process_measures_and_all_learn_the_decision(tmp_path, kind):
    context = mp.spawn(train, args=(tmp_path, kind), nprocs=2, join=False)
    while not context.join(timeout=240):
        pass
    first, second = (torch.load(tmp_path / f"{rank}.pt") for rank in range(2))
    assert first["answers"] == second["answers"]
    assert len(first["answers"]) == 2
    assert "which saved 1 epochs" in first["answers"][-1]
    assert (
        first["error"] == second["error"] == "epoch is -1, but must be from 0 on: the completed passes over the data."
    )
    assert first["epoch"] == second["epoch"] == 2
    assert not (tmp_path / "store-1").exists()
    run = read_stored_run(tmp_path / "store-0" / "a.parquet")
    assert run.metrics["train_loss"].tolist() == [0, 0]
    how = extraction(run.settings)
    afterwards = how.signature(first["checkpoints"], chain(network()), times=range(3))
    np.testing.assert_array_equal(run.signature.values, afterwards.values)


@pytest.mark.skipif(sys.platform == "win32", reason="gloo's file store needs a POSIX file system")
def test_a_process_that_watches_alone_asks_no_other(tmp_path):
    store = dist.FileStore(str(tmp_path / "rendezvous"), 1)
    dist.init_process_group("gloo", store=store, rank=0, world_size=1)
    try:
        assert Watch(network(), torch.zeros(1, 4), run="a", store=tmp_path, together=False)(1).decision == "abstain"
    finally:
        dist.destroy_process_group()
