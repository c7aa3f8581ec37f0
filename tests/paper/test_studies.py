"""Studies with each pruner, on a scale on which nothing is found out."""

import json

import pytest

from paper.studies import NONE, PRUNERS, SAMPLERS, study, write_page

pytestmark = pytest.mark.filterwarnings("ignore")  # Optuna's own, of what is experimental


def test_studies_that_are_done_are_kept_and_the_page_has_a_row_a_pruner(tmp_path, monkeypatch):
    page, data, picture = write_page(tmp_path, trials=3, epochs=2, seeds=(0,))
    found = json.loads(data.read_text())
    assert {(one["sampler"], one["pruner"]) for one in found} == {(s, p) for s in SAMPLERS for p in PRUNERS}
    assert all(one["epochs"] == 1 and one["finished"] == 3 for one in found if one["pruner"] == NONE)
    assert picture.stat().st_size > 1000
    text = page.read_text()
    assert [text.count(f"\n| {pruner} |") for pruner in PRUNERS] == [len(SAMPLERS)] * len(PRUNERS)
    monkeypatch.setattr("paper.studies.study", None)  # nothing is run again
    assert write_page(tmp_path, trials=3, epochs=2, seeds=(0,))[0].read_text() == text


def test_a_study_is_the_same_each_time():
    first, again = (study("random", "median", 1, trials=4, epochs=2) for _ in range(2))
    assert first == again
