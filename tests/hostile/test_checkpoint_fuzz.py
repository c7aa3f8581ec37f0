"""Whatever bytes a file has: a checkpoint, or an EpochgraphError on one line; never another exception."""

import io
import pickletools
import zipfile
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import save
from torch import nn

from epochgraph.checkpoints import load_checkpoint
from epochgraph.errors import EpochgraphError

SUFFIXES = [".pt", ".pth", ".th", ".ckpt", ".bin", ".safetensors", ".safetensors.index.json", ".bin.index.json"]
PIECES = [opcode.code.encode("latin-1") for opcode in pickletools.opcodes] + [
    b"ctorch._utils\n_rebuild_tensor_v2\n",
    b"ctorch._utils\n_rebuild_tensor_v3\n",
    b"ctorch._utils\n_rebuild_parameter\n",
    b"ctorch._tensor\n_rebuild_from_type_v2\n",
    b"ctorch\nFloatStorage\n",
    b"ccollections\nOrderedDict\n",
    b"X\x07\x00\x00\x00storage",
    b"X\x05\x00\x00\x00model",
    b"X\x01\x00\x00\x000",
    b"\x8c\x0b_parameters",
    b"K\x01",
    b"(",
    b"t",
    b"\x85",
]


def torch_bytes(*, zipped: bool) -> bytes:
    model = nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2))
    content = {"state_dict": model.state_dict(), "lr": torch.optim.SGD(model.parameters()).state_dict()}
    buffer = io.BytesIO()
    torch.save(content, buffer, _use_new_zipfile_serialization=zipped)
    return buffer.getvalue()


VALID = {
    "zip.pt": torch_bytes(zipped=True),
    "legacy.pt": torch_bytes(zipped=False),
    "x.safetensors": save({"a": torch.ones(2, 3), "b": torch.zeros(4, dtype=torch.bfloat16)}),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("fuzz")


def survives(path: Path, content: bytes) -> None:
    """Read everything in a file of this content."""
    path.write_bytes(content)
    try:
        checkpoint = load_checkpoint(path)
        assert all(checkpoint[name].shape == shape for name, shape in checkpoint.shapes.items())
    except EpochgraphError as error:
        assert "\n" not in str(error)  # noqa: PT017 - success is as good


@pytest.mark.parametrize("suffix", SUFFIXES)
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    content=st.binary(max_size=200),
    start=st.sampled_from([b"", b"PK\3\4", b"PK\5\6", b"\x80\x02", b"{", b"\x40" + bytes(7)]),
)
def test_random_bytes(folder, suffix, content, start):
    survives(folder / f"x{suffix}", start + content)


@pytest.mark.parametrize("name", VALID)
@settings(max_examples=300)
@given(data=st.data())
def test_random_mutations(folder, name, data):
    content = bytearray(VALID[name])
    places = data.draw(st.lists(st.integers(0, len(content) - 1), min_size=1, max_size=8))
    for place in places:
        content[place] = data.draw(st.integers(0, 255))
    survives(folder / name, bytes(content))


@pytest.mark.parametrize("name", VALID)
@settings(max_examples=100)
@given(data=st.data())
def test_random_truncations_and_insertions(folder, name, data):
    content = VALID[name]
    start, end = sorted(data.draw(st.integers(0, len(content))) for _ in range(2))
    survives(folder / name, content[:start] + data.draw(st.binary(max_size=10)) + content[end:])


@settings(max_examples=300)
@given(pieces=st.lists(st.sampled_from(PIECES) | st.binary(max_size=3), max_size=30), cut=st.integers(0, 400))
def test_random_pickles(folder, pieces, cut):
    """Inside a sound archive, behind a sound beginning."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(VALID["zip.pt"])) as valid, zipfile.ZipFile(buffer, "w") as archive:
        for info in valid.infolist():
            content = valid.read(info)
            archive.writestr(
                info.filename, content[:cut] + b"".join(pieces) + b"." if "data.pkl" in info.filename else content
            )
    survives(folder / "pickle.pt", buffer.getvalue())
