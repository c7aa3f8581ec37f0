"""What is a file of torch is read whatever it is called; of the rest, the way out is named."""

import io
import json
import re
import tarfile
import warnings
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.distributed.checkpoint as dcp
from safetensors.torch import save_file
from torch import nn

from epochgraph.checkpoints import load_checkpoint, read_run
from epochgraph.errors import UnreadableFileError

STATE = {"fc.weight": torch.ones(3, 2), "fc.bias": torch.ones(3)}
HDF5 = b"\x89HDF\r\n\x1a\n" + bytes(99)


def saved(path: Path, content: object = STATE, **options: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save(content, path, **options)
    return path


def refused(path: Path) -> str:
    with pytest.raises(UnreadableFileError) as caught:
        read_run(path)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize(
    "name", ["m_1.pth.tar", "m_1.tar", "m_1.pkl", "m_1.model", "m_1.weights", "m_1", "m_1.pt.bak", "m_1.safetensors"]
)
def test_a_torch_file_is_read_whatever_it_is_called(tmp_path, name, zipped):
    saved(tmp_path / name, {"state_dict": STATE}, _use_new_zipfile_serialization=zipped)
    assert list(load_checkpoint(tmp_path / name)) == ["fc.weight", "fc.bias"]
    run = read_run(tmp_path)
    assert (run.files, run.epochs) == ((tmp_path / name,), (1.0,))


@pytest.mark.parametrize("name", ["m_2.pt", "m_2.bin", "m_2.st"])
def test_safetensors_are_read_whatever_they_are_called(tmp_path, name):
    save_file(STATE, tmp_path / name)
    assert read_run(tmp_path)[0]["fc.weight"].tolist() == STATE["fc.weight"].tolist()


def test_companions_are_known_by_whole_words(tmp_path):
    for name in ("optimal_epoch_1.pt", "optimistic_epoch_2.pt", "scaled_epoch_3.pt"):
        saved(tmp_path / name)
    for name in ("optimizer.pt", "optim_epoch_1.pt", "epoch_1_optimizer.pt", "scheduler_1.pt", "lr_scheduler.pt"):
        saved(tmp_path / name)
    (tmp_path / "events.out.tfevents.1.host").write_bytes(bytes(50))
    assert [path.name for path in read_run(tmp_path).files] == [
        "optimal_epoch_1.pt",
        "optimistic_epoch_2.pt",
        "scaled_epoch_3.pt",
    ]


@pytest.mark.parametrize("inner", ["checkpoint.pt", "adapter_model.safetensors", "diffusion_pytorch_model.safetensors"])
def test_folders_with_one_checkpoint_each_are_a_run(tmp_path, inner):
    for number in (0, 1, 2):
        path = tmp_path / f"checkpoint_{number:06}" / inner
        path.parent.mkdir()
        (torch.save if inner.endswith(".pt") else save_file)(STATE, path)
        (path.parent / "optimizer.pt").write_bytes(b"not read")
    run = read_run(tmp_path)
    assert run.epochs == (0.0, 1.0, 2.0)
    assert list(run[2]) == ["fc.bias", "fc.weight"] or list(run[2]) == ["fc.weight", "fc.bias"]


def test_checkpoints_in_a_folder_of_the_run(tmp_path):
    saved(tmp_path / "version_0" / "checkpoints" / "epoch=0.ckpt")
    run = read_run(tmp_path / "version_0")
    assert run.path == tmp_path / "version_0" / "checkpoints"
    assert run.epochs == (1.0,)
    message = refused(tmp_path)
    assert "folders in it do. Name these, one a run: " in message
    assert str(tmp_path / "version_0" / "checkpoints") in message


def test_deepspeed_without_parts_is_read(tmp_path):
    saved(tmp_path / "global_step10" / "mp_rank_00_model_states.pt", {"module": STATE, "ds_version": "1"})
    saved(tmp_path / "global_step10" / "zero_pp_rank_0_mp_rank_00_optim_states.pt", {"a": 1})
    assert read_run(tmp_path).epochs == (10.0,)
    assert list(load_checkpoint(tmp_path / "global_step10")) == ["fc.weight", "fc.bias"]


def test_placeholders_of_deepspeed_name_the_script(tmp_path):
    for rank in (0, 1):
        path = tmp_path / "global_step10" / f"zero_pp_rank_{rank}_mp_rank_00_model_states.pt"
        saved(path, {"module": {name: torch.empty(0) for name in STATE}})
    for path in (tmp_path, tmp_path / "global_step10"):
        assert "all of its 2 tensors are empty" in refused(path)
        assert "python zero_to_fp32.py . pytorch_model.bin" in refused(path)


def test_flat_parameters_of_fsdp_name_the_full_state_dict(tmp_path):
    saved(tmp_path / "m.pt", {"_fsdp_wrapped_module._flat_param": torch.ones(9), "b": torch.ones(1)})
    assert "FULL_STATE_DICT" in refused(tmp_path / "m.pt")


@pytest.mark.filterwarnings("ignore")
def test_a_distributed_checkpoint_names_the_converter(tmp_path):
    dcp.save({"model": dict(STATE)}, checkpoint_id=tmp_path / "run" / "epoch_1", no_dist=True)
    for path in (tmp_path / "run", tmp_path / "run" / "epoch_1", tmp_path / "run" / "epoch_1" / "__0_0.distcp"):
        folder = tmp_path / "run" / "epoch_1"
        assert f"format_utils dcp_to_torch {folder} {folder}.pt" in refused(path)


def npz(path: Path) -> None:
    with path.open("wb") as file:
        np.savez(file, a=np.ones(2))


def archive(path: Path) -> None:
    content = io.BytesIO()
    torch.save(STATE, content)
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("policy.pth", content.getvalue())


def tarball(path: Path) -> None:
    with tarfile.open(path, "w") as file:
        file.addfile(tarfile.TarInfo("a"))


def script(path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.script(nn.Linear(2, 2)).save(path)


def exported(path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.export.save(torch.export.export(nn.Linear(2, 2), (torch.zeros(1, 2),)), path)


def keras(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("config.json", json.dumps({}))
        file.writestr("model.weights.h5", HDF5)


@pytest.mark.parametrize(
    ("name", "build", "advice"),
    [
        ("epoch_1.weights.h5", lambda path: path.write_bytes(HDF5), "Keras is not PyTorch"),
        ("m.pt", lambda path: path.write_bytes(HDF5), "Keras is not PyTorch"),
        ("m.keras", keras, "Keras is not PyTorch"),
        ("m.onnx", lambda path: path.write_bytes(b"\x08\x07"), "onnx2torch.convert"),
        ("m.gguf", lambda path: path.write_bytes(b"GGUF" + bytes(20)), "transformers (gguf_file=...)"),
        ("m.npz", npz, "safetensors.numpy.save_file"),
        ("m.ckpt.index", lambda path: path.write_bytes(bytes(20)), "tf.train.load_checkpoint"),
        ("m.msgpack", lambda path: path.write_bytes(b"\x81"), "JAX is not PyTorch"),
        ("m.zip", archive, "Unpack it, and name that file"),
        ("m.tar", tarball, "tar -xf"),
        ("m.pt.gz", lambda path: path.write_bytes(b"\x1f\x8b" + bytes(20)), "gunzip"),
        ("m.pt", script, "torch.jit.load('script.pt').state_dict()"),
        ("m.pt2", exported, "torch.export.load('model.pt2').state_dict"),
    ],
)
def test_other_formats_name_the_tool_that_converts(tmp_path, name, build, advice):
    build(tmp_path / name)
    assert advice in refused(tmp_path / name)


@pytest.mark.parametrize(
    ("files", "advice"),
    [
        (["epoch_1.weights.h5", "epoch_2.weights.h5"], "Keras is not PyTorch"),
        (["1/default/a", "1/_CHECKPOINT_METADATA"], "JAX is not PyTorch"),
        (["model.ckpt-1.data-00000-of-00001", "model.ckpt-1.index"], "tf.train.load_checkpoint"),
        (["iter_0001000/mp_rank_00/model_optim_rng.pt", "iter_0001000/mp_rank_01/model_optim_rng.pt"], "Megatron"),
        (["m.onnx"], "onnx2torch"),
        (["notes.txt"], "Name the folder that has files of torch.save"),
    ],
)
def test_folders_of_other_tools_name_the_way_out(tmp_path, files, advice):
    for name in files:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"\x08")
    assert advice in refused(tmp_path)


def test_what_is_no_checkpoint_by_its_name_and_may_not_be_read_is_passed_over(tmp_path, monkeypatch):
    from epochgraph.checkpoints import folder

    saved(tmp_path / "epoch_1.pt")
    (tmp_path / "secret").write_bytes(b"x")

    def head_of(path: Path) -> bytes:
        raise PermissionError(path)

    monkeypatch.setattr(folder, "head_of", head_of)
    assert read_run(tmp_path).epochs == (1.0,)


PAGE = Path(__file__).parents[2] / "docs" / "reading.md"


def test_the_page_tells_the_epochs_that_are_read():
    from epochgraph.checkpoints.times import time_of

    rows = dict(re.findall(r"^\| (`[^|]*) \| ([^|]*) \|$", PAGE.read_text(encoding="utf-8"), re.MULTILINE))
    checked = 0
    for names, epochs in rows.items():
        files = re.findall("`([^`]*)`", names)
        said = re.findall(r"none|[0-9]+(?=[,:]|$)", epochs.partition(": ")[0])
        if not said or "_7.pt" in names or "_1_0.41" in names or "1-91%" in names:
            continue  # of these, only all names together tell
        told = said * len(files) if len(said) == 1 else said
        assert [time_of(Path(name)) for name in files] == [None if one == "none" else float(one) for one in told], names
        checked += len(files)
    assert checked > 15
