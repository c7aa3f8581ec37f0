"""What no layer reads closes no file and no run: odd tensors, and objects that are no weights."""

import enum
import functools
import http
import os.path
import pickle
import sys
import types
import warnings
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from epochgraph import chain, degree, rolled_graph, trace
from epochgraph.checkpoints import load_checkpoint, read_run
from epochgraph.errors import EpochgraphError, UnreadableFileError, UnsafeCheckpointError, WeightDtypeError

X = torch.zeros(1, 4)


def net() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3))


def total(source, topology) -> float:
    return float(degree(rolled_graph(source, topology)).sum())


def quantised(values: torch.Tensor) -> torch.Tensor:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return torch.quantize_per_tensor(values, 0.1, 0, torch.quint8)


ODD = {
    "sparse": lambda: torch.eye(4).to_sparse(),
    "csr": lambda: torch.eye(4).to_sparse_csr(),
    "quantised": lambda: quantised(torch.ones(3, 3)),
    "conjugated": lambda: torch.ones(3, 3, dtype=torch.complex64).conj(),
    "meta": lambda: torch.empty(3, 3, device="meta"),
    "jagged": lambda: torch.nested.nested_tensor([torch.ones(2), torch.ones(3)], layout=torch.jagged),
    "expanded": lambda: torch.ones(1).expand(9, 9),
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", ODD)
@pytest.mark.parametrize("zipped", [True, False])
def test_an_odd_buffer_closes_no_file(tmp_path, kind, zipped):
    model = net()
    state = {**model.state_dict(), "buffer": ODD[kind]()}
    try:
        torch.save(state, tmp_path / "m.pt", _use_new_zipfile_serialization=zipped)
    except RuntimeError:
        pytest.skip("torch does not write it in this format")
    checkpoint = load_checkpoint(tmp_path / "m.pt")
    topology = trace(model, X)
    assert total(checkpoint, topology) == total(model, topology)
    assert total(checkpoint, chain(checkpoint)) == total(model, topology)
    if "buffer" in checkpoint:
        with pytest.raises(EpochgraphError):
            checkpoint["buffer"]
    pickle.loads(pickle.dumps(checkpoint))  # noqa: S301 - our own


@pytest.mark.filterwarnings("ignore")
def test_an_odd_tensor_in_place_of_a_weight_is_refused_when_it_is_asked_for(tmp_path):
    model = net()
    torch.save({**model.state_dict(), "2.weight": torch.eye(3).to_sparse()}, tmp_path / "m.pt")
    checkpoint = load_checkpoint(tmp_path / "m.pt")
    for asked in (lambda: total(checkpoint, trace(model, X)), lambda: chain(checkpoint)):
        with pytest.raises(UnreadableFileError, match=r"m.pt: the tensor '2.weight' is sparse"):
            asked()
    with pytest.raises(WeightDtypeError):
        chain({"a.weight": quantised(torch.ones(3, 3)), "b.weight": torch.ones(3, 3)})


@pytest.mark.filterwarnings("ignore")
def test_live_buffers_are_passed_over_too():
    state = {
        **net().state_dict(),
        **{f"{kind}.buffer": ODD[kind]() for kind in ("sparse", "csr", "quantised", "jagged")},
    }
    assert total(state, chain(state)) == total(net(), chain(net()))


def test_packed_values_that_no_layer_reads_close_no_file(tmp_path):
    import json
    import struct

    header = {"a.weight": {"dtype": "F32", "shape": [2, 2], "data_offsets": [0, 16]}}
    header["packed"] = {"dtype": "F4", "shape": [4], "data_offsets": [16, 18]}
    text = json.dumps(header).encode()
    (tmp_path / "m.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + bytes(18))
    checkpoint = load_checkpoint(tmp_path / "m.safetensors")
    assert checkpoint["a.weight"].tolist() == [[0, 0], [0, 0]]
    with pytest.raises(WeightDtypeError):
        checkpoint["packed"]


@pytest.mark.parametrize(
    "changed",
    [
        {"bank": torch.ones(9, 4)},
        {"memory.queue": torch.ones(5, 2), "memory.count": torch.tensor(3)},
        {"0.weight_fake_quant.scale": torch.ones(1), "0.activation_post_process.min_val": torch.ones(2)},
        {"mask": torch.ones(2, 2), "positions": torch.arange(6)},
        {"loss.weight": torch.ones(7)},
    ],
)
def test_buffers_may_come_go_and_grow_within_a_run(tmp_path, changed):
    state = net().state_dict()
    grown = {name: torch.cat([tensor.reshape(-1), tensor.reshape(-1)]) for name, tensor in changed.items()}
    for epoch, more in enumerate([changed, grown, {}, changed]):
        torch.save({**state, **more}, tmp_path / f"epoch_{epoch}.pt")
    assert [total(checkpoint, trace(net(), X)) for checkpoint in read_run(tmp_path)] == [total(net(), chain(net()))] * 4


class Outer:
    class Mode(enum.Enum):
        FAST = 1

    class Inner:
        class Deep:
            value = 3

        def method(self) -> None: ...

    @classmethod
    def make(cls) -> None: ...


class Configured:
    """An object of a class in a package of any name."""


def of_package(name: str, monkeypatch) -> object:
    """An object whose class says that it lives in a package of this name."""
    package = types.ModuleType(name)
    for end in range(name.count(".") + 1):
        parent = ".".join(name.split(".")[: end + 1])
        monkeypatch.setitem(sys.modules, parent, package)
    class_ = type("Config", (), {"__module__": name, "__qualname__": "Config"})
    package.Config = class_
    return class_()


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
@pytest.mark.parametrize("zipped", [True, False])
def test_objects_that_are_passed_over_are_no_attack(tmp_path, protocol, zipped):
    content = {
        "nested enum": Outer.Mode.FAST,
        "nested class": Outer.Inner.Deep,
        "object of a nested class": Outer.Inner.Deep(),
        "function": nn.functional.relu,
        "builtins": [max, len, sorted, print, int, range],
        "partial": functools.partial(max, key=len),
        "join": os.path.join,
        "bound": Outer.Inner().method,
        "of a class": Outer.make,
        "status": http.HTTPStatus.OK,
    }
    torch.save(
        {"state_dict": net().state_dict(), **content},
        tmp_path / "m.pt",
        pickle_protocol=protocol,
        _use_new_zipfile_serialization=zipped,
    )
    assert list(load_checkpoint(tmp_path / "m.pt")) == list(net().state_dict())


@pytest.mark.parametrize(
    "package", ["code", "code.models", "trace", "trace.training.config", "profile", "commands", "timeit.utils"]
)
def test_packages_may_be_called_like_modules_of_the_standard_library(tmp_path, package, monkeypatch):
    with monkeypatch.context() as patched:
        torch.save({"model": net().state_dict(), "config": of_package(package, patched)}, tmp_path / "m.pt")
    assert list(load_checkpoint(tmp_path / "m.pt")) == list(net().state_dict())


@pytest.mark.parametrize(
    "instructions",
    [
        b"cbuiltins\ngetattr\n(cos.path\njoin\nV__globals__\ntR",
        b"cbuiltins\ngetattr\n(cbuiltins\ngetattr\n(ctorch\nserialization\nVos\ntRVsystem\ntR",
        b"cbuiltins\ngetattr\n(Vx\nVy\ntR",
        b"(ibuiltins\ngetattr\n",
        b"(cbuiltins\ngetattr\nVx\no",
        b"ctrace\nTrace\n",
        b"ccode\nInteractiveConsole.push\n",
    ],
)
def test_what_only_looks_like_it_stays_refused(tmp_path, instructions):
    import zipfile

    path = tmp_path / "m.pt"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", b"(dVa\n" + instructions + b"s.")
        archive.writestr("archive/byteorder", b"little")
    with pytest.raises(UnsafeCheckpointError, match="nothing was executed"):
        load_checkpoint(path)


@pytest.mark.parametrize(
    ("suffix", "dtype"),
    [(".pt", torch.complex64), (".pt", torch.complex128), (".safetensors", torch.complex64)],
)
def test_of_complex_weights_the_modulus(tmp_path, suffix, dtype):
    state = {
        "a.weight": torch.tensor([[3 + 4j, 0], [1j, -2]], dtype=dtype),
        "b.weight": torch.tensor([[5, 12j]], dtype=dtype),
    }
    path = tmp_path / f"m{suffix}"
    (torch.save if suffix == ".pt" else save_file)(state, path)
    for source in (state, load_checkpoint(path)):
        topology = chain(source)
        assert topology.coverage.share == 1
        for memory in (None, 0) if source is not state else (None,):
            graph = rolled_graph(source, topology, memory=memory)
            assert degree(graph).tolist() == pytest.approx([5 + 1, 2, 5 + 5, 3 + 12, 5 + 12])


def test_weights_that_are_computed_of_complex_ones_are_computed_as_such():
    """The real part is taken of the weight, not of its modulus."""

    class Real(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.tensor([[3 + 4j, 1j], [2, -5j]], dtype=torch.complex64))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return nn.functional.linear(x, torch.view_as_real(self.weight)[..., 0])

    model = Real()
    assert total(model, trace(model, torch.zeros(1, 2))) == pytest.approx(2 * (3 + 0 + 2 + 0))


def test_the_reason_of_a_refusal_names_the_file(tmp_path):
    (tmp_path / "m.pt").write_bytes(b"x")
    with pytest.raises(UnreadableFileError, match=str(Path("m.pt"))):
        load_checkpoint(tmp_path / "m.pt")
