"""Names of features and columns are read back as they were written."""

import re
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from epochgraph.errors import SettingError
from epochgraph.signature.names import CHANGES, LEVELS, Column, FeatureChoice, FeatureName, columns, positions

ZOOS = Path(__file__).parents[2] / "zoos"
PREFIX = "feature:"

pieces = st.one_of(
    st.text("/_abfs:@.", max_size=6), st.sampled_from(["folded", "since", "_since_", "", "parameter:a.b"])
)
texts = st.one_of(st.text(max_size=30), st.lists(pieces, min_size=1, max_size=5).map("/".join))


def published() -> list[str]:
    """The names of all features in all published populations."""
    paths = sorted(ZOOS.rglob("*.parquet"))
    found = {name for path in paths for name in pq.read_schema(path).names if name.startswith(PREFIX)}
    return sorted(name.removeprefix(PREFIX) for name in found)


def test_all_published_names_are_read_and_written_back():
    names = published()
    assert len(names) > 5000
    assert [str(FeatureName.parse(name)) for name in names] == names
    assert {FeatureName.parse(name).since for name in names} == {"", *CHANGES}
    assert {FeatureName.parse(name).scoping for name in names} == {"", "graph", "part", "depth", "all"}
    assert not [name for name in names if FeatureName.parse(name).summary is None]


@given(texts)
def test_any_text_is_written_as_it_was_read(text):
    name = FeatureName.parse(text)
    assert str(name) == text
    assert FeatureName.parse(str(name)) == name


@given(pieces, st.none() | pieces, st.none() | pieces, pieces, st.booleans())
def test_a_name_is_read_back_or_refused(measure, scope, summary, since, folded):
    try:
        name = FeatureName(measure, scope, summary, since, folded)
    except SettingError:
        return
    assert FeatureName.parse(str(name)) == name


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("degree", ("degree", None, None, "", False)),
        ("angle_since_initial", ("angle", None, None, "initial", False)),
        ("degree/graph/mean", ("degree", "graph", "mean", "", False)),
        ("degree/part:a/b/angle_since_initial", ("degree", "part:a/b", "angle", "initial", False)),
        ("folded/weights/depth:late/norm_since_previous", ("weights", "depth:late", "norm", "previous", True)),
        ("parameter:conv1.weight/norm", ("parameter:conv1.weight", None, "norm", "", False)),
        ("last_layer/percentile_50", ("last_layer", None, "percentile_50", "", False)),
    ],
)
def test_names_by_hand(text, expected):
    name = FeatureName.parse(text)
    assert (name.measure, name.scope, name.summary, name.since, name.folded) == expected
    assert FeatureName(*expected) == name


@pytest.mark.parametrize(
    "fields",
    [
        {"measure": "a/b"},
        {"measure": "a", "scope": "graph"},
        {"measure": "a_since_b"},
        {"measure": "a", "since": "a/b"},
        {"measure": "a", "scope": "graph", "summary": "mean/std"},
        {"measure": "a", "scope": "graph", "summary": "mean_since_initial"},
        {"measure": "folded", "scope": "graph", "summary": "mean"},
    ],
)
def test_names_that_would_be_read_as_others_are_refused(fields):
    with pytest.raises(SettingError, match=r"the name of a feature is .* read back as the same name"):
        FeatureName(**fields)


EPOCHS = st.floats(0, 1e6)


@given(st.text(min_size=1), EPOCHS)
def test_a_column_is_read_back(name, epoch):
    column = Column(name, epoch)
    assert Column.parse(str(column)) == column
    assert column.epoch == pytest.approx(epoch, rel=1e-5)
    assert str(column) == f"{name}@{epoch:g}"


@given(st.text(min_size=1), st.one_of(st.integers(0, 999_999), st.sampled_from([0.25, 0.5, 0.125])))
def test_epochs_of_six_digits_are_kept(name, epoch):
    assert Column.parse(str(Column(name, epoch))).epoch == epoch


@pytest.mark.parametrize("text", ["", "degree", "@1", "degree@", "degree@x", "degree@-1", "degree@nan", "degree@inf"])
def test_what_is_no_column_is_refused(text):
    with pytest.raises(SettingError, match=r"a column is .*<feature>@<epoch>"):
        Column.parse(text)


def test_the_columns_of_a_run():
    assert columns(["a/graph/mean", "b"], [0.0, 0.25, 3.0]) == (
        *("a/graph/mean@0", "b@0"),
        *("a/graph/mean@0.25", "b@0.25"),
        *("a/graph/mean@3", "b@3"),
    )
    assert Column("degree/graph/angle_since_initial", 2).since == "initial"
    assert Column("train_loss", 2).since == ""
    assert Column("angle_since_initial", 2).since == "initial"


@pytest.mark.parametrize(
    ("choice", "pattern"),
    [
        (FeatureChoice(scopes=("graph", "depth"), since=CHANGES), r"(?!folded/)[^/]*/(graph|depth:[^/]*)/.*_since_.*"),
        (FeatureChoice(("degree",), ("graph",), ("mean", "std"), LEVELS), "degree/graph/(mean|std)"),
        (FeatureChoice(("degree", "weights"), ("part",), since=CHANGES), "(degree|weights)/part:.*_since_.*"),
        (FeatureChoice(("parameter",), summaries=("variance",)), "parameter:.*/variance"),
        (FeatureChoice(("last_layer",)), "last_layer/.*"),
        (FeatureChoice(folded=True), "folded/.*"),
        (FeatureChoice(), "(?!folded/).*"),
    ],
)
def test_a_choice_takes_what_a_pattern_of_the_text_takes(choice, pattern):
    names = tuple(published())
    taken = [names[place] for place in positions(names, choice)]
    assert taken == [name for name in names if re.fullmatch(pattern, name)]
    assert taken


def test_a_choice_says_what_it_takes():
    assert str(FeatureChoice()) == "any name"
    assert str(FeatureChoice(("a", "b"), folded=True)) == "measure 'a' or 'b', with batch norms folded"
