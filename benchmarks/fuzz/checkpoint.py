"""Checkpoints: archives of torch, old and new, and safetensors; what is read is summarised, and measured as a chain."""

import io
import json
import pickletools
import warnings
import zipfile
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from random import Random

import torch
from safetensors.torch import save
from torch import nn

from benchmarks.fuzz.form import Kind
from benchmarks.fuzz.mutations import changed_bytes, changed_document
from epochgraph.checkpoints import Checkpoint, load_checkpoint
from epochgraph.errors import EpochgraphError
from epochgraph.graph import rolled_graph
from epochgraph.measures import degree
from epochgraph.topology import chain

WORDS = ("F32", "F64", "BF16", "I8", "F8_E4M3", "BOOL", "0.weight", "__metadata__", "data_offsets", "shape", "dtype")
"""What means something in the header of safetensors."""

LENGTH = 8
"""Bytes of the number with which a file of safetensors begins: the length of its header."""

PIECES = (
    *(opcode.code.encode("latin-1") for opcode in pickletools.opcodes),
    *(b"ctorch._utils\n_rebuild_tensor_v2\n", b"ctorch._utils\n_rebuild_tensor_v3\n", b"ctorch\nFloatStorage\n"),
    *(b"ctorch._utils\n_rebuild_parameter\n", b"ctorch._tensor\n_rebuild_from_type_v2\n", b"ctorch\nHalfStorage\n"),
    *(b"ctorch._utils\n_rebuild_sparse_tensor\n", b"ctorch._utils\n_rebuild_qtensor\n", b"cos\nsystem\n"),
    *(b"ccollections\nOrderedDict\n", b"X\x07\x00\x00\x00storage", b"X\x01\x00\x00\x000", b"K\x01", b"\x8c\x01a"),
    *(b"I99999999999\n", b"J\xff\xff\xff\x7f", b"\x8a\x08" + b"\xff" * 8, b"h\x00", b"j\xff\xff\xff\xff", b"."),
)
"""Of pickles: operations, and what torch's own name."""


@cache
def _contents() -> tuple[object, ...]:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 2))
    halves = {name: tensor.half() for name, tensor in model.state_dict().items() if tensor.is_floating_point()}
    trained = {"state_dict": model.state_dict(), "optimizer": torch.optim.Adam(model.parameters()).state_dict()}
    views = {"0.weight": torch.arange(12.0)[::2].reshape(2, 3).t(), "1.weight": torch.ones(4, 1).expand(4, 3)}
    return trained, {"model": halves, "epoch": 3}, views


def _samples(folder: Path) -> list[bytes]:
    del folder
    found = []
    for content in _contents():
        for zipped in (True, False):
            buffer = io.BytesIO()
            torch.save(content, buffer, _use_new_zipfile_serialization=zipped)
            found.append(buffer.getvalue())
    return [*found, save({"0.weight": torch.ones(4, 3), "2.weight": torch.zeros(2, 4, dtype=torch.bfloat16)})]


def _mutated(content: bytes, random: Random) -> bytes:
    if random.random() < 0.25:
        return changed_bytes(content, random)
    if content.startswith(b"PK"):
        return _changed_archive(content, random)
    if content.startswith(b"\x80"):
        return _changed_pickle(content, random)
    return _changed_header(content, random)


def _changed_archive(content: bytes, random: Random) -> bytes:
    """An archive with members left out, twice, renamed, or with other contents."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(buffer, "w") as new, warnings.catch_warnings():
        members = [(info.filename, old.read(info)) for info in old.infolist()]
        place = random.randrange(len(members))
        name, inner = members[place]
        match random.randrange(6):
            case 0:
                del members[place]
            case 1:
                members.append((name, random.choice(members)[1]))
            case 2:
                members[place] = random.choice((f"../{name}", name.upper(), name + "0", "archive/data.pkl")), inner
            case 3:
                members[place] = name, changed_bytes(inner, random)
            case _:
                pickles = [n for n, (member, _) in enumerate(members) if member.endswith("data.pkl")]
                members[pickles[0]] = members[pickles[0]][0], _changed_pickle(members[pickles[0]][1], random)
        compressed = random.choice((zipfile.ZIP_STORED, zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED))
        warnings.simplefilter("ignore")  # of names that come twice
        for member, inside in members:
            new.writestr(zipfile.ZipInfo(member), inside, compressed)
    return buffer.getvalue()


def _changed_pickle(content: bytes, random: Random) -> bytes:
    """A pickle with some of its operations replaced, left out, repeated, or followed by others."""
    places = [place for _, _, place in _operations(content)] or [0]
    for _ in range(random.randint(1, 3)):
        place = random.choice(places)
        end = min((other for other in places if other > place), default=len(content))
        other = b"".join(random.choices(PIECES, k=random.randint(0, 3)))
        match random.randrange(4):
            case 0:
                content = content[:place] + content[end:]
            case 1:
                content = content[:place] + content[place:end] * 2 + content[end:]
            case 2:
                content = content[:place] + other + content[place:]
            case _:
                content = content[:place] + other + content[end:]
    return content


def _operations(content: bytes) -> list[tuple[object, object, int]]:
    """The operations of a pickle, as far as they can be read."""
    found: list[tuple[object, object, int]] = []
    try:
        for operation, argument, place in pickletools.genops(content):
            found.append((operation, argument, place or 0))
    except (ValueError, UnicodeDecodeError):
        pass
    return found


def _changed_header(content: bytes, random: Random) -> bytes:
    """A file of safetensors with another header; its length mostly right."""
    size = int.from_bytes(content[:LENGTH], "little")
    try:
        document = changed_document(json.loads(content[LENGTH : LENGTH + size]), random, WORDS)
    except ValueError:
        return changed_bytes(content, random)
    header = json.dumps(document).encode()
    length = len(header) if random.random() < 0.9 else random.choice((0, 1, len(header) - 1, 1 << 40, (1 << 64) - 1))
    return length.to_bytes(LENGTH, "little") + header + content[LENGTH + size :]


def _use(path: Path) -> None:
    checkpoint = load_checkpoint(path)
    repr(checkpoint)
    for name, shape in checkpoint.shapes.items():
        _one_line(partial(_read, checkpoint, name, shape))
    _one_line(lambda: degree(rolled_graph(checkpoint, chain(checkpoint))))


def _read(checkpoint: Checkpoint, name: str, shape: tuple[int, ...]) -> None:
    if checkpoint[name].shape != shape:
        raise ValueError("a tensor has another shape than was said")


def _one_line(way: Callable[[], object]) -> None:
    try:
        way()
    except EpochgraphError as error:
        if "\n" in str(error):
            raise ValueError("an error has several lines") from error


KIND = Kind(".pt", _samples, _mutated, _use)
