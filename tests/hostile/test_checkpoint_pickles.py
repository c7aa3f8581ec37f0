"""Pickles made to run code, or to exhaust the machine: nothing of them happens."""

import io
import json
import os
import pickle
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from epochgraph.checkpoints import load_checkpoint
from epochgraph.errors import EpochgraphError, UnreadableFileError, UnsafeCheckpointError

FUNCTIONS = """
os.system posix.system nt.system os.popen subprocess.Popen subprocess.check_output sys.exit sys.modules
builtins.eval builtins.exec builtins.compile builtins.__import__ builtins.getattr builtins.setattr builtins.open
builtins.input builtins.breakpoint __builtin__.eval __builtin__.apply __builtin__.execfile __builtin__.getattr
importlib.import_module runpy.run_path runpy._run_code shutil.rmtree socket.socket socket.create_connection
ctypes.CDLL pty.spawn webbrowser.open pickle.loads _pickle.loads marshal.loads cloudpickle.cloudpickle._make_function
torch.load torch.serialization.load torch.hub.load torch.jit.load numpy.load types.FunctionType types.CodeType
operator.attrgetter multiprocessing.Process asyncio.run code.interact pdb.run timeit.timeit io.open codecs.open
urllib.request.urlopen requests.get tempfile.mktemp pip.main torch.utils.cpp_extension.load_inline
""".split()  # noqa: SIM905 - as in danger.py


class Attack:
    """Runs a shell command wherever it is unpickled."""

    def __init__(self, sentinel: Path) -> None:
        self.sentinel = sentinel

    def __reduce__(self) -> tuple[Callable[[str], int], tuple[str]]:
        return os.system, (f"touch {self.sentinel}",)


@pytest.fixture
def sentinel(tmp_path):
    """A file that exists only if an attack succeeded."""
    path = tmp_path / "attacked"
    yield path
    assert not path.exists()


def refusal(path: Path) -> str:
    """The message with which a file is refused as unsafe."""
    with pytest.raises(UnsafeCheckpointError) as caught:
        load_checkpoint(path)
    message = str(caught.value)
    assert "\n" not in message
    assert message.startswith(f"{path}: the pickle asks for ")
    return message


def archive_of(path: Path, content: bytes, **more: bytes) -> Path:
    """A zip archive like that of torch.save, with a pickle of one's own."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in {"data.pkl": content, "byteorder": b"little", "version": b"3\n", **more}.items():
            archive.writestr(f"archive/{name}", data)
    return path


def call(function: str, argument: str) -> bytes:
    """The instructions that call a function with a text."""
    module, _, name = function.rpartition(".")
    return f"c{module}\n{name}\n(V{argument}\ntR".encode()


@pytest.mark.parametrize("protocol", [0, 1, 2, 4, 5])
@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("place", ["root", "beside", "inside"])
def test_an_attack_anywhere_is_refused(tmp_path, sentinel, protocol, zipped, place):
    weights = {"fc.weight": torch.ones(2, 2)}
    attack = Attack(sentinel)
    content = {
        "root": attack,
        "beside": {"state_dict": weights, "optimizer": {"state": [{"step": attack}]}},
        "inside": {**weights, "fc.bias": attack},
    }[place]
    if zipped and protocol in (0, 1):
        path = archive_of(tmp_path / "w.pt", pickle.dumps({"a": 1, "b": attack}, protocol=protocol))
    else:
        options = {"_use_new_zipfile_serialization": zipped, "pickle_protocol": max(protocol, 2)}
        torch.save(content, tmp_path / "w.pt", **options)
        path = tmp_path / "w.pt"
    assert "system" in refusal(path)


@pytest.mark.parametrize("function", FUNCTIONS)
def test_functions_that_could_run_code_are_refused(tmp_path, function):
    path = archive_of(tmp_path / "w.pt", b"\x80\x02}(X\x01\x00\x00\x00a" + call(function, "x") + b"u.")
    assert f"asks for {function}, which can run code; nothing was executed" in refusal(path)


def test_a_plain_pickle_is_refused_too(tmp_path, sentinel):
    for suffix in (".pt", ".bin", ".ckpt"):
        path = tmp_path / f"w{suffix}"
        path.write_bytes(pickle.dumps(Attack(sentinel)))
        assert "system" in refusal(path)


@pytest.mark.parametrize(
    ("instructions", "name"),
    [
        pytest.param(b"\x80\x04\x8c\x02os\x8c\x06system\x93\x8c\x01x\x85R.", "os.system", id="name-from-stack"),
        pytest.param(b"\x80\x04\x8c\x02os\x94\x8c\x06system\x94h\x00h\x01\x93.", "os.system", id="name-from-memo"),
        pytest.param(b"(Vx\nios\nsystem\n.", "os.system", id="INST"),
        pytest.param(b"(cos\nsystem\nVx\no.", "os.system", id="OBJ"),
        pytest.param(b"\x80\x02cos\nsystem\n)\x81.", "os.system", id="NEWOBJ"),
        pytest.param(b"\x80\x04\x8c\x13torch.serialization\x8c\x09os.system\x93.", "os.system", id="dotted"),
        pytest.param(
            b"\x80\x04\x8c\x08builtins\x8c\x1aobject.__subclasses__.real\x93.", "builtins.object", id="dunder"
        ),
        pytest.param(b"\x80\x02cos\nsystem\n\xff\xff", "os.system", id="broken-behind"),
        pytest.param(b"\x80\x04\x8c\x02os\x8c\x07sys\ntem\x93.", r"os.sys\\ntem", id="line-break"),
        pytest.param(b"\x80\x02cos\n" + b"x" * 10_000 + b"\n.", "os.xxx", id="long"),
    ],
)
def test_unusual_ways_to_name_a_function(tmp_path, instructions, name):
    message = refusal(archive_of(tmp_path / "w.pt", instructions))
    assert name.replace("\\\\", "\\") in message
    assert len(message) < 500


def test_what_a_stranger_wrote_for_a_class_does_not_run(tmp_path, sentinel, monkeypatch):
    """A class of an installed package is neither imported nor asked to set a state."""
    module = tmp_path / "trap.py"
    module.write_text(f"import pathlib; pathlib.Path({str(sentinel)!r}).touch()\ndef run(*_): raise SystemExit\n")
    monkeypatch.syspath_prepend(tmp_path)
    torch.save({"w": torch.ones(2)}, tmp_path / "w.pt")
    with zipfile.ZipFile(tmp_path / "w.pt") as archive:
        entries = {info.filename.partition("/")[2]: archive.read(info) for info in archive.infolist()}
    content = entries.pop("data.pkl").removesuffix(b".") + b"X\x01\x00\x00\x00x" + call("trap.run", "x") + b"}bs."
    path = archive_of(tmp_path / "trapped.pt", content, **entries)
    assert list(load_checkpoint(path)) == ["w"]
    assert "trap" not in sys.modules


def nested(depth: int) -> bytes:
    return b"\x80\x02" + b"(" * depth + b"t" * depth + b"."


@pytest.mark.parametrize(
    "instructions",
    [
        pytest.param(nested(50_000), id="deep-tuples"),
        pytest.param(b"\x80\x02N" + b"cx\ny\n\x8c\x00\x85R" * 5_000 + b".", id="many-objects"),
        pytest.param(b"\x80\x02}(" + b")" + b"2\x86" * 60 + b"Nu.", id="key-that-takes-for-ever-to-hash"),
        pytest.param(b"\x80\x02Nr\xff\xff\xff\x7f.", id="memo-of-two-billion"),
        pytest.param(b"\x80\x02X\xff\xff\xff\xffabc.", id="text-of-four-gigabytes"),
        pytest.param(b"\x80\x04\x8e\xff\xff\xff\xff\xff\xff\xff\x7fabc.", id="bytes-of-eight-exabytes"),
        pytest.param(b"\x80\x05\x96\xff\xff\xff\xff\xff\xff\xff\x7fabc.", id="array-of-eight-exabytes"),
        pytest.param(b"\x80\x02\x8b\xff\xff\xff\x7f.", id="number-of-two-gigabytes"),
        pytest.param(b"L" + b"9" * 100_000 + b"L\n.", id="number-of-many-digits"),
        pytest.param(b"\x80\x02]q\x00h\x00a.", id="list-in-itself"),
        pytest.param(b"\x80\x02}q\x00X\x05\x00\x00\x00modelh\x00s.", id="model-in-itself"),
        pytest.param(b"\x80\x02\x82\x01.", id="extension-registry"),
        pytest.param(b"\x80\x05\x97.", id="buffer-from-outside"),
        pytest.param(b"\x80\x02}(K\x01u.", id="key-without-value"),
        pytest.param(b"\x80\x02K\x01K\x02\x93.", id="name-that-is-no-text"),
        pytest.param(b"\x80\x02K\x01K\x02K\x03s.", id="item-of-a-number"),
        pytest.param(b"0.", id="empty-stack"),
        pytest.param(b"tu.", id="no-mark"),
        pytest.param(b"\x80\x02}", id="no-end"),
        pytest.param(b"\x80\x02.", id="no-value"),
        pytest.param(b"", id="nothing"),
    ],
)
@pytest.mark.parametrize("zipped", [True, False])
def test_pickles_that_would_exhaust_or_confuse_a_reader(tmp_path, instructions, zipped):
    path = tmp_path / "w.pt"
    if zipped:
        archive_of(path, instructions)
    else:
        start = io.BytesIO()
        torch.save(1, start, _use_new_zipfile_serialization=False)
        header = start.getvalue()[: start.getvalue().index(b"K\x01.")]
        path.write_bytes(header + instructions)
    with pytest.raises(UnreadableFileError, match=r"its pickle|it holds no tensors|list of storages") as caught:
        load_checkpoint(path)
    assert "\n" not in str(caught.value)


def tensor_pickle(storage: str = "FloatStorage", count: int = 4, **changes: object) -> bytes:
    """The pickle {"w": tensor}, in protocol 0 notation, of a tensor of any claims."""
    claims = {"offset": 0, "size": (2, 2), "stride": (2, 1), "maker": "_rebuild_tensor_v2", "key": "0", **changes}
    numbers = {key: "(" + "".join(f"L{n}L\n" for n in claims[key]) + "t" for key in ("size", "stride")}
    outside = f"(Vstorage\nctorch\n{storage}\nV{claims['key']}\nVcpu\nL{count}L\ntQ"
    arguments = f"({outside}L{claims['offset']}L\n{numbers['size']}{numbers['stride']}I00\nNt"
    return f"(dVw\nctorch._utils\n{claims['maker']}\n{arguments}Rs.".encode()


def test_the_tensor_pickle_is_right(tmp_path):
    data = torch.arange(4.0).numpy().tobytes()
    path = archive_of(tmp_path / "w.pt", tensor_pickle(), **{"data/0": data})
    assert load_checkpoint(path)["w"].tolist() == [[0, 1], [2, 3]]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        pytest.param({"size": (10**6, 10**6), "stride": (0, 0)}, "needs 1000000000000 values", id="stride-0-bomb"),
        pytest.param({"size": (5,), "stride": (1,)}, "needs 5 values, but its storage has 4", id="too-large"),
        pytest.param({"offset": 1}, "needs 5 values, but its storage has 4", id="offset"),
        pytest.param({"stride": (2, 2)}, "needs 5 values, but its storage has 4", id="stride"),
        pytest.param({"size": (2,), "stride": (2**62,)}, "needs 4611686018427387905 values", id="overflow"),
        pytest.param({"size": (-1, -4)}, "of another special kind", id="negative-size"),
        pytest.param({"stride": (-1, 1)}, "of another special kind", id="negative-stride"),
        pytest.param({"size": (2**70, 0)}, "of another special kind", id="huge-number"),
        pytest.param({"size": (2**62, 2**62, 0), "stride": (1, 1, 1)}, "no tensor can have", id="huge-empty"),
        pytest.param({"size": (1,) * 100, "stride": (1,) * 100}, "no tensor can have", id="100-axes"),
        pytest.param({"size": (2,)}, "of another special kind", id="axes-disagree"),
        pytest.param({"count": 5}, "lies in a storage of 20 bytes, of which the file has 16", id="storage-too-short"),
        pytest.param({"count": -1}, "described in an unknown way", id="negative-storage"),
        pytest.param({"key": "1"}, "lies in a storage that the file does not contain", id="no-storage"),
        pytest.param({"key": "../data.pkl"}, "lies in a storage that the file does not contain", id="elsewhere"),
        pytest.param({"storage": "OddStorage"}, "described in an unknown way", id="unknown-storage"),
        pytest.param({"maker": "_rebuild_sparse_tensor"}, "is sparse, or of another special kind", id="sparse"),
        pytest.param({"maker": "_rebuild_tensor_v3"}, "is sparse, or of another special kind", id="no-dtype"),
        pytest.param({"storage": "QInt8Storage"}, "'w' holds qint8 values", id="quantised"),
    ],
)
def test_tensors_that_do_not_fit_into_their_storage(tmp_path, changes, message):
    path = archive_of(tmp_path / "w.pt", tensor_pickle(**changes), **{"data/0": bytes(16)})
    with pytest.raises(EpochgraphError) as caught:
        load_checkpoint(path)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_names_of_tensors_are_shown_on_one_line(tmp_path):
    torch.save({"a\nb": torch.ones(1).expand(9)}, tmp_path / "w.pt")
    with pytest.raises(UnreadableFileError, match=r"the tensor 'a\\nb' needs 9 values"):
        load_checkpoint(tmp_path / "w.pt")


def test_the_shards_of_an_index_are_as_untrusted(tmp_path, sentinel):
    torch.save({"w": Attack(sentinel)}, tmp_path / "a.bin")
    index = tmp_path / "pytorch_model.bin.index.json"
    index.write_text(json.dumps({"weight_map": {"w": "a.bin"}}))
    with pytest.raises(UnsafeCheckpointError, match="system"):
        load_checkpoint(index)
