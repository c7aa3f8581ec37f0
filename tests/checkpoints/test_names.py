"""Weights are found under the usual keys, and wrappers leave no trace in their names."""

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from epochgraph.checkpoints import load_checkpoint

W = torch.ones(2, 2)


def names(path, content) -> list[str]:
    torch.save(content, path / "w.pt")
    return list(load_checkpoint(path / "w.pt"))


@pytest.mark.parametrize("key", ["state_dict", "model", "model_state_dict", "module", "net", "network"])
def test_weights_under_the_usual_keys(tmp_path, key):
    assert names(tmp_path, {key: {"fc.weight": W}, "epoch": 3, "best": W}) == ["fc.weight"]
    assert names(tmp_path, {"model": {key: {"fc.weight": W}}, "ema": {"fc.weight": W}}) == ["fc.weight"]


def test_a_usual_key_without_weights_is_passed_over(tmp_path):
    content = {"state_dict": {"text": "resnet"}, "model": "resnet", "net": {"fc.weight": W}}
    assert names(tmp_path, content) == ["fc.weight"]


def test_a_layer_may_be_called_like_a_usual_key(tmp_path):
    assert names(tmp_path, {"model": W, "net.weight": W}) == ["model", "net.weight"]


def test_what_is_no_tensor_in_a_state_dict_is_left_out(tmp_path):
    assert names(tmp_path, {"fc.weight": W, "fc._extra_state": {"a": 1}, "fc.scale": 2.0}) == ["fc.weight"]


def test_data_parallel(tmp_path):
    state = nn.DataParallel(nn.Linear(2, 2)).state_dict()
    assert list(state) == ["module.weight", "module.bias"]
    assert names(tmp_path, state) == ["weight", "bias"]
    assert names(tmp_path, {"module.a": W, "b": W}) == ["module.a", "b"]
    assert names(tmp_path, {"module.module.a": W}) == ["module.a"]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # torch's own, on import of its compiler
def test_compiled_models(tmp_path):
    state = nn.Sequential(torch.compile(nn.Linear(2, 2))).state_dict()
    assert list(state) == ["0._orig_mod.weight", "0._orig_mod.bias"]
    assert names(tmp_path, state) == ["0.weight", "0.bias"]
    assert names(tmp_path, {"_orig_mod.module.a": W, "_orig_mod.module.b": W}) == ["a", "b"]


def test_fsdp_and_activation_checkpointing(tmp_path):
    wrapped = "_fsdp_wrapped_module.block._checkpoint_wrapped_module.fc.weight"
    assert names(tmp_path, {wrapped: W, "fsdp_wrapped_module.x": W}) == ["block.fc.weight", "fsdp_wrapped_module.x"]


def test_names_that_would_collide_stay_as_they_are(tmp_path):
    assert names(tmp_path, {"a._orig_mod.w": W, "a.w": W}) == ["a._orig_mod.w", "a.w"]


def test_a_lightning_module_loses_the_attribute_that_holds_the_network(tmp_path):
    lightning = {"pytorch-lightning_version": "2.4.0", "callbacks": {}, "hyper_parameters": {"lr": 0.1}}
    assert names(tmp_path, {**lightning, "state_dict": {"model.0.weight": W, "model.0.bias": W}}) == [
        "0.weight",
        "0.bias",
    ]
    assert names(tmp_path, {**lightning, "state_dict": {"net.a": W, "loss.b": W}}) == ["net.a", "loss.b"]
    assert names(tmp_path, {**lightning, "state_dict": {"model": W}}) == ["model"]
    assert names(tmp_path, {"state_dict": {"model.0.weight": W, "model.0.bias": W}}) == [
        "model.0.weight",
        "model.0.bias",
    ]


def test_safetensors_lose_their_prefixes_too(tmp_path):
    save_file({"module._orig_mod.a": W, "module._orig_mod.b": W + 1}, tmp_path / "w.safetensors")
    assert list(load_checkpoint(tmp_path / "w.safetensors")) == ["a", "b"]
