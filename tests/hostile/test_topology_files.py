"""A topology's file from a stranger: a topology, or one line; what it names is looked up in a table and never run."""

import json
from pathlib import Path

import pytest
import torch

from epochgraph.errors import EpochgraphError, TracingError, UnreadableFileError
from epochgraph.graph import rolled_graph, unrolled_graph
from epochgraph.topology import read_topology
from epochgraph.topology.computing import COMPUTABLE
from epochgraph.topology.table import RUN, is_listed, operator

WEIGHTS = {"fc.weight": torch.arange(6.0).reshape(2, 3) + 1}
SOURCE = {"name": "p", "kind": "parameter", "target": "fc.weight", "shape": [2, 3], "integer": False, "values": None}
REF = {"ref": "p"}


def computing(*steps: list, **changes: object) -> dict:
    """A topology of one layer whose weight is computed by some steps."""
    made = [[f"s{n}", name, arguments, options, [2, 3], ""] for n, (name, arguments, options) in enumerate(steps)]
    return {
        "format": "epochgraph topology",
        "version": 2,
        "parts": [{"name": "input", "size": 3, "bias": None}, {"name": "fc", "size": 2, "bias": None}],
        "joins": [{"source": 0, "target": 1, "parameter": "w", "inputs": [[0, 3, 1, 1]], "groups": 1}],
        "folds": [],
        "coverage": [],
        "tied": [],
        "program": None,
        "computed": {"w": {"sources": [SOURCE], "steps": made}},
        "rung": "",
        **changes,
    }


def graph_of(folder: Path, document: object) -> object:
    path = folder / "topology.json"
    path.write_text(json.dumps(document))
    return rolled_graph(WEIGHTS, read_topology(path))


def test_a_weight_may_be_computed_with_what_the_table_has(tmp_path):
    graph = graph_of(tmp_path, computing(["aten.mul.Tensor", [REF, 2.0], {}]))
    assert graph.row_sums.tolist() == [10, 14, 18, 12, 30]  # sums of rows and columns of twice 1..6


@pytest.mark.parametrize(
    "operation",
    [
        "aten.add.__getattribute__",
        "aten.mul.__setattr__",
        "aten.mul.__getattr__",
        "aten.sub.__call__",
        "aten.sub.__class__",
        "aten.sub.op",
        "aten.sub._qualified_op_name",
        "aten.add.out",
        "aten.add_.out",
        "aten.add",
        "aten.add.Tensor.Tensor",
        "aten..Tensor",
        "aten.add_.",
        "Aten.add.Tensor",
        "aten.from_file.default",
        "aten.set_.source_Tensor",
        "aten.resize_.default",
        "aten.as_strided.default",
        "aten.__dict__.get",
        "aten.add.str",
        "prim.device.default",
        "builtins.eval.default",
        "os.system.default",
        "<built-in function eval>",
        "<built-in function getattr>",
        "",
        "add",
    ],
)
def test_a_file_may_name_nothing_else(tmp_path, operation):
    with pytest.raises(UnreadableFileError, match="a weight is not computed with"):
        graph_of(tmp_path, computing([operation, [REF, REF], {}]))
    assert not is_listed(operation)
    with pytest.raises(ValueError, match="not among the operations"):
        operator(operation)


def test_the_table_holds_functions_of_their_operands_alone():
    for name in sorted(RUN):
        packet = getattr(torch.ops.aten, name, None)
        for overload in packet.overloads() if packet is not None else ():
            if is_listed(f"aten.{name}.{overload}"):
                schema = operator(f"aten.{name}.{overload}")._schema
                assert not schema.is_mutable, schema
                assert not any(argument.is_out for argument in schema.arguments), schema
    assert COMPUTABLE <= RUN
    assert operator("aten.add_.Tensor") is torch.ops.aten.add.Tensor


@pytest.mark.parametrize(
    "arguments",
    [[REF, "__globals__"], [REF, {"ref": "p", "more": 1}], [REF, {"call": "eval"}], [REF, [REF, "x"]], ["p", "p"]],
)
def test_arguments_are_plain_and_words_stand_where_words_belong(tmp_path, arguments):
    with pytest.raises(UnreadableFileError, match="damaged"):
        graph_of(tmp_path, computing(["aten.add.Tensor", arguments, {}]))


def test_results_are_picked_from_results_alone(tmp_path):
    with pytest.raises(EpochgraphError, match="one result, not several"):
        graph_of(tmp_path, computing(["<built-in function getitem>", [REF, 0], {}]))


@pytest.mark.parametrize(
    ("operation", "arguments"),
    [
        ("aten.zeros.default", [[10**12]]),
        ("aten.zeros.default", [[10**6, 10**6, 10**6]]),
        ("aten.repeat.default", [REF, [10**6, 10**6]]),
        ("aten.expand.default", [REF, [10**12, 2, 3]]),
        ("aten.arange.default", [10**13]),
        ("aten.linspace.default", [0.0, 1.0, 10**13]),
        ("aten.constant_pad_nd.default", [REF, [0, 10**12], 0.0]),
        ("aten.tensor_split.sections", [REF, 10**12]),
        ("aten.one_hot.default", [REF, 10**12]),
        ("aten.bincount.default", [REF]),
        ("aten.mvlgamma.default", [REF, 10**12]),
        ("aten._reshape_alias.default", [REF, [10**6], [1]]),  # it would read what lies behind the tensor
        ("aten.upsample_nearest1d.default", [REF, [4], 1e-320]),  # likewise
        ("aten.index.Tensor", [REF, [{"ref": "q"}]]),
    ],
)
def test_sizes_that_no_weight_has_are_one_line(tmp_path, operation, arguments):
    with pytest.raises(EpochgraphError) as raised:
        graph_of(tmp_path, computing([operation, arguments, {}]))
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("operation", "arguments", "options"),
    [
        ("aten.new_zeros.default", [REF, [2, 3]], {"dtype": 999}),
        ("aten.new_zeros.default", [REF, [2, 3]], {"layout": -1}),
        ("aten.zeros.default", [[2, 3], 0], {}),
        ("aten.sum.default", [REF], {"dtype": -1}),
    ],
)
def test_a_dtype_is_no_number(tmp_path, operation, arguments, options):
    with pytest.raises(EpochgraphError, match="a number for a dtype, layout or memory format"):
        graph_of(tmp_path, computing([operation, arguments, options]))


def test_what_does_not_fit_is_not_logged(tmp_path, capfd):
    with pytest.raises(EpochgraphError, match="1D tensors expected"):
        graph_of(tmp_path, computing(["aten.vdot.default", [REF, REF], {}]))
    assert capfd.readouterr().err == ""


def test_running_statistics_are_not_written_to(tmp_path):
    """A norm in training would change the tensors that are measured."""
    source = {**SOURCE, "name": "q", "target": "mean", "shape": [3]}
    document = computing(
        ["aten.batch_norm.default", [REF, None, None, {"ref": "q"}, {"ref": "q"}, True, 1.0, 0.0, False], {}]
    )
    document["computed"]["w"]["sources"].append(source)
    with pytest.raises(UnreadableFileError, match="a weight is not computed with"):
        graph_of(tmp_path, document)


@pytest.mark.parametrize(
    "change",
    [
        {"parts": [{"name": "input", "size": 10**12, "bias": None}, {"name": "fc", "size": 2, "bias": None}]},
        {
            "parts": [{"name": "input", "size": 10**12, "bias": None}, {"name": "fc", "size": 2, "bias": None}],
            "joins": [{"source": 0, "target": 1, "parameter": "w", "inputs": [[0, 1, 3, 10**12]], "groups": 1}],
        },
        {"joins": [{"source": 0, "target": 1, "parameter": "w", "inputs": [[0, 3, 10**12, 1]], "groups": 1}]},
        {"joins": [{"source": 0, "target": 1, "parameter": "w", "inputs": [[0, 3, 1, 1]], "groups": -1}]},
        {"parts": [{"name": "\ud800", "size": 3, "bias": None}, {"name": "fc", "size": 2, "bias": None}]},
        {"parts": [{"name": "input", "size": True, "bias": None}, {"name": "fc", "size": 2, "bias": None}]},
        {"parts": [{"name": ["input"], "size": 3, "bias": None}, {"name": "fc", "size": 2, "bias": None}]},
        {"rung": None},
        {"rung": "a\nb"},
        {"tied": ["fc.weight"]},
        {"computed": {"w": {"sources": [], "steps": []}}},
        {"computed": {"w": {"sources": [SOURCE], "steps": []}}},
        {"computed": {"w": {"sources": [{**SOURCE, "values": [1]}], "steps": []}}},
        {"computed": {"w": {"sources": [{**SOURCE, "kind": "file"}], "steps": []}}},
        {"computed": {"w": {"sources": [SOURCE], "steps": [["p", "aten.neg.default", [REF], {}, [2, 3], ""]]}}},
        {"computed": {"w": {"sources": [], "steps": [["s", "aten.neg.default", [{"ref": "s"}], {}, [2], ""]]}}},
        {"computed": {"w": {"sources": [SOURCE], "steps": [["s", "aten.neg.default", [REF], [], [2, 3], ""]]}}},
        {"program": {"sources": [SOURCE], "steps": [["s", "aten.neg.default", [{"ref": "t"}], {}, [2], ""]]}},
    ],
)
def test_what_contradicts_itself_is_one_line(tmp_path, change):
    with pytest.raises(EpochgraphError) as raised:
        graph_of(tmp_path, computing(["aten.mul.Tensor", [REF, 2.0], {}], **change))
    assert "\n" not in str(raised.value)
    str(raised.value).encode()


def test_a_forward_pass_of_endless_size_is_one_line(tmp_path):
    image = {"name": "x", "kind": "input", "target": "x", "shape": [1, 1, 4, 4], "integer": False, "values": None}
    kernel = {**SOURCE, "target": "fc.weight", "shape": [1, 1, 3, 3]}
    steps = [
        ["s", "aten.repeat.default", [{"ref": "x"}, [1, 1, 10**6, 10**6]], {}, [1, 1, 4, 4], ""],
        ["t", "aten.conv2d.default", [{"ref": "s"}, REF], {}, [1, 1, 2, 2], ""],
    ]
    path = tmp_path / "topology.json"
    path.write_text(json.dumps(computing(program={"sources": [image, kernel], "steps": steps}, computed={}, joins=[])))
    with pytest.raises(EpochgraphError, match="more than can be followed"):
        unrolled_graph({"fc.weight": torch.ones(1, 1, 3, 3)}, read_topology(path), (1, 4, 4))


@pytest.mark.parametrize(
    "steps",
    [
        [
            ["s", "aten.unsqueeze.default", [{"ref": "x"}, 1], {}, [1, 1, 1, 4, 4], ""],
            ["t", "aten.conv2d.default", [{"ref": "s"}, REF], {}, [1, 1, 1, 2, 2], ""],
        ],
        [["t", "aten.conv2d.default", [{"ref": "x"}, REF, None, [2, 2]], {}, [1, 1, 4, 4], ""]],
        [["t", "aten.conv2d.default", [{"ref": "x"}, REF, None, [0, 0]], {}, [1, 1, 4, 4], ""]],
        [["t", "aten.conv2d.default", [{"ref": "x"}, REF, None, [1], [-1]], {}, [1, 1, 2, 2], ""]],
    ],
    ids=["dimensions", "outputs", "stride", "padding"],
)
def test_layers_that_do_not_take_what_they_read_are_one_line(tmp_path, steps):
    """Found by the fuzzer: an unrolled layer is only run when its graph is multiplied."""
    image = {"name": "x", "kind": "input", "target": "x", "shape": [1, 1, 4, 4], "integer": False, "values": None}
    kernel = {**SOURCE, "shape": [1, 1, 3, 3]}
    path = tmp_path / "topology.json"
    path.write_text(json.dumps(computing(program={"sources": [image, kernel], "steps": steps}, computed={}, joins=[])))
    with pytest.raises(TracingError, match="does not run on an input of shape") as raised:
        unrolled_graph({"fc.weight": torch.ones(1, 1, 3, 3)}, read_topology(path), (1, 4, 4))
    assert "\n" not in str(raised.value)


def test_windows_that_cannot_give_what_is_recorded_are_one_line(tmp_path):
    """Found by the fuzzer: all that lies between windows far apart would be filled with zeros."""
    image = {"name": "x", "kind": "input", "target": "x", "shape": [1, 1, 4, 4], "integer": False, "values": None}
    kernel = {**SOURCE, "shape": [1, 1, 3, 3]}
    steps = [
        ["s", "aten.conv2d.default", [{"ref": "x"}, REF], {}, [1, 1, 2, 2], ""],
        ["t", "aten.max_pool2d.default", [{"ref": "s"}, [1, 1], [10**9, 1]], {}, [1, 1, 2, 2], ""],
    ]
    path = tmp_path / "topology.json"
    path.write_text(json.dumps(computing(program={"sources": [image, kernel], "steps": steps}, computed={}, joins=[])))
    with pytest.raises(TracingError, match="does not make"):
        unrolled_graph({"fc.weight": torch.ones(1, 1, 3, 3)}, read_topology(path), (1, 4, 4))
