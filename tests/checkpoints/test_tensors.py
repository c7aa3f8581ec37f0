"""Tensors of .pt files that are described in a circle, or written anew after they were described."""

import os
import zipfile

import pytest
import torch

from epochgraph.checkpoints import load_checkpoint
from epochgraph.errors import UnreadableFileError

PARAMETER = b"ctorch._utils\n_rebuild_parameter\n"
SUBCLASS = b"ctorch._tensor\n_rebuild_from_type_v2\n"


@pytest.mark.parametrize(
    "instructions",
    [
        pytest.param(PARAMETER + b"(lp0\nRp1\n0g0\n(g1\ne", id="parameter"),
        pytest.param(SUBCLASS + b"p1\n(lp0\nRp2\n0g0\n(g1\nNg0\nNe", id="subclass"),
    ],
)
def test_a_tensor_that_is_made_of_itself_is_refused(tmp_path, instructions):
    described = b"g2\n" if b"p2\n" in instructions else b"g1\n"
    with zipfile.ZipFile(tmp_path / "w.pt", "w") as archive:
        archive.writestr("archive/byteorder", b"little")
        archive.writestr("archive/version", b"3\n")
        archive.writestr("archive/data.pkl", b"(dVw\n" + instructions + b"0" + described + b"s.")
    with pytest.raises(UnreadableFileError, match="the tensor 'w' is sparse, or of another special kind"):
        load_checkpoint(tmp_path / "w.pt")


@pytest.mark.parametrize("zipped", [True, False])
def test_a_tensor_is_not_read_from_a_file_that_was_written_anew(tmp_path, zipped):
    path = tmp_path / "last.pt"
    state = {"a": torch.zeros(4), "b": torch.ones(4)}
    torch.save(state, path, _use_new_zipfile_serialization=zipped)
    checkpoint, before = load_checkpoint(path), path.stat()
    assert checkpoint["a"].tolist() == [0] * 4
    torch.save(dict(reversed(state.items())), path, _use_new_zipfile_serialization=zipped)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns + 1_000_000))
    assert path.stat().st_size == before.st_size
    with pytest.raises(UnreadableFileError, match="it has changed since it was opened"):
        checkpoint["a"]
