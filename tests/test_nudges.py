"""The harness that nudges real architectures: it finds faults that are put in, and none in some architectures."""

import warnings
from dataclasses import replace
from importlib.util import find_spec

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from benchmarks.coverage.examples import Example
from benchmarks.coverage.truth import nudges, page, preparing, rows
from benchmarks.coverage.truth.__main__ import main, nudged
from benchmarks.coverage.truth.frozen import Frozen
from benchmarks.coverage.truth.models import SUBJECTS
from benchmarks.coverage.truth.reach import Reach
from benchmarks.coverage.truth.rows import Count, Row, Violation
from epochgraph.topology import Join, Part, Topology, trace
from epochgraph.topology.spans import Span

SAMPLE = (
    ("torch", "LSTM, both directions"),
    ("torch", "MultiheadAttention, other keys"),
    ("torchvision", "squeezenet1_1"),
    ("timm", "test_efficientnet"),
    ("transformers", "llama"),
    ("transformers", "mixtral"),
)


@pytest.mark.parametrize(("library", "name"), SAMPLE, ids=[f"{library} {name}" for library, name in SAMPLE])
def test_what_a_nudge_changes_in_a_real_architecture_is_what_is_joined(library, name):
    if find_spec(library) is None:
        pytest.skip(f"{library} is not installed; see benchmarks/coverage/requirements.txt")
    subject = next(subject for subject in SUBJECTS if (subject.library, subject.name) == (library, name))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = nudges.verdict(subject.make(), layers=3, units=2)
    assert found.violations == ()
    assert found.following.soundness == found.following.tightness == 1.0
    assert found.following.nudges > 0


def grouped() -> tuple[Topology, list[Example]]:
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Tanh(), nn.Conv2d(4, 6, 1, groups=2), nn.Tanh(), nn.Conv2d(6, 2, 1))
    model = preparing.prepared(model, 0)
    example = Example(model, (torch.zeros(1, 3, 6, 6),))
    examples = [preparing.varied(example, seed) for seed in range(len(nudges.STRENGTHS))]
    return trace(model, *examples[0].inputs), examples


def test_the_topology_of_a_grouped_convolution_is_true():
    found = nudges.held_against(*grouped(), layers=3, units=9)
    assert found.violations == ()
    assert found.following == Count(36, 36, 36, 36, found.following.apart, 15)  # 3 x 4 + 4 x 3 + 6 x 2
    assert found.following.apart > 0


def test_a_join_that_is_missing_is_found():
    topology, examples = grouped()
    found = nudges.held_against(
        replace(topology, joins=topology.joins[:1] + topology.joins[2:]), examples, layers=3, units=2
    )
    assert found.following.soundness < 1.0
    assert {(v.source, v.target, v.unsound) for v in found.violations if v.mode == "next"} == {("0", "2", True)}


def test_a_join_too_many_is_found():
    topology, examples = grouped()
    dense = replace(topology.joins[1], groups=1)
    found = nudges.held_against(
        replace(topology, joins=(topology.joins[0], dense, topology.joins[2])), examples, layers=3, units=2
    )
    assert found.following.soundness == 1.0
    assert {(v.source, v.target, v.count, v.unsound) for v in found.violations if v.mode == "next"} == {
        ("0", "2", 3, False)
    }


def test_what_a_unit_reaches_worked_out_by_hand():
    parts = (Part("input", 4), Part("a", 4), Part("b", 2))
    heads = Join(0, 1, "a.weight", (Span(0, 2, 2, 2),), groups=2)  # units 0 and 1 stand at 0 and 1, 2 and 3 at 2 and 3
    padded = Join(1, 2, "b.weight", (Span(-1, 1, 1), Span(1, 3, 1)))  # unit 0 is read by none
    reach = Reach(Topology(parts, (heads, padded)))
    np.testing.assert_array_equal(reach.beyond(0, 1)[1], [True, True, False, False])
    np.testing.assert_array_equal(reach.beyond(0, 1)[2], [True, True])
    assert not reach.beyond(0, 1, held={1})[2].any()
    assert not reach.beyond(1, 0)[2].any()


@pytest.mark.parametrize(
    "operation",
    [
        lambda x: functional.layer_norm(x, x.shape[-1:]),
        lambda x: functional.group_norm(x.transpose(1, 2), 2).transpose(1, 2),
        lambda x: functional.normalize(x, dim=-1),
        lambda x: x.softmax(-1),
        lambda x: x.topk(3, -1).values,
    ],
)
def test_a_statistic_that_is_held_lets_each_channel_change_itself_alone(operation):
    x = torch.randn(1, 3, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    with Frozen() as first:
        before = operation(x)
    torch.testing.assert_close(before, operation(x))
    nudged_x = x.clone()
    largest = int(x[0, 0].argmax())
    nudged_x[0, 0, largest] += 0.5
    with Frozen(first.recorded):
        after = operation(nudged_x)
    assert int((before != after).sum()) == 1
    assert int((operation(x) != operation(nudged_x)).sum()) >= 1


def test_attention_scores_are_not_held():
    q, k = (torch.randn(1, 3, 4, generator=torch.Generator().manual_seed(n)) for n in range(2))
    with Frozen() as first:
        before = (q @ k.transpose(1, 2)).softmax(-1)
    with Frozen(first.recorded):
        after = ((q + 1) @ k.transpose(1, 2)).softmax(-1)
    assert first.recorded == []
    torch.testing.assert_close(after, ((q + 1) @ k.transpose(1, 2)).softmax(-1))
    assert not torch.equal(before, after)


def test_a_library_that_is_missing_is_told():
    missing = replace(SUBJECTS[0], library="no_such_library")
    assert "not installed" in nudged(missing, 1, 1, 60).error


def test_rows_come_back_and_a_second_start_does_nothing(tmp_path):
    path = tmp_path / "rows.jsonl"
    main(out=path, only="GRUCell", layers=2, units=2)
    (row,) = rows.read(path)
    assert row.error == ""
    assert row.following.changed == row.following.sound > 0
    before = path.read_bytes()
    main(out=path, only="GRUCell", layers=2, units=2)
    assert path.read_bytes() == before


def test_the_page_tells_what_differs():
    wrong = Violation("next", "a", 0, "b", "Linear", 2, 5, [0, 1], unsound=True)
    good = Row("torch", "good", "chain", following=Count(4, 4, 4, 4, 2, 1), sites=2)
    bad = Row("torch", "bad", "chain", following=Count(4, 2, 4, 4, 2, 1), sites=2, violations=(wrong,))
    text = page.page([good, bad, Row("torch", "none", "chain", error="ValueError: no")])
    assert "**2 architectures.** Next: 2 nudges, 8 units changed, of which 75.0000% are joined" in text
    assert "| bad | a | 0 | b | 2 of 5 | changed, not joined (next) |" in text
    assert "none could not be nudged: ValueError: no" in text
