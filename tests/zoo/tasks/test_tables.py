import numpy as np
import pandas as pd
import pytest

from epochgraph.errors import UnreadableFileError
from epochgraph.zoo.tasks import tables


def test_numbers_are_standardised_and_categories_one_hot_by_the_training_rows():
    train = pd.DataFrame({"sort": ["b", "a", "b"], "size": [0, 3, 6]})
    validation = pd.DataFrame({"sort": ["a"], "size": [9]})
    test = pd.DataFrame({"sort": ["new"], "size": [3]})
    arrays = tables.encoded([train, validation, test], [np.array([0, 1, 0]), np.array([1]), np.array([0])])
    one = (3 / 2) ** 0.5  # 3 over the standard deviation, the root of 6
    assert np.allclose(arrays["train"], [[-one, 0, 1], [0, 1, 0], [one, 0, 1]])
    assert np.allclose(arrays["validation"], [[2 * one, 1, 0]])
    assert np.allclose(arrays["test"], [[0, 0, 0]])
    assert arrays["columns"].tolist() == [1, 2]
    assert arrays["train targets"].tolist() == [0, 1, 0]


def person(age, income, job="Sales"):
    return (
        f"{age}, Private, 1000, HS-grad, 9, Divorced, {job}, Husband, White, Male, 0, 0, 40, United-States, {income}\n"
    )


@pytest.fixture
def people(texts, monkeypatch):
    monkeypatch.setattr(tables, "INCOME_COUNTS", (30, 10, 20))
    rows = [person(age, ">50K" if age % 3 == 0 else "<=50K", "?" if age % 2 else "Sales") for age in range(40)]
    (texts / "adult-train.csv").write_text("".join(rows + rows[:15]))
    rows = [person(age, ">50K." if age % 3 == 0 else "<=50K.") for age in range(1000, 1020)]
    (texts / "adult-test.csv").write_text("".join([person(0, ">50K."), *rows]))
    return texts


def test_incomes_keep_their_class_and_nobody_is_in_two_parts(people, cache):
    task = tables.income(people.parent)
    assert [len(part) for part in (task.train, task.validation, task.test)] == [30, 10, 20]
    assert task.form.outputs == (2,)
    assert task.form.columns[:6] == (1,) * 6
    assert sorted(task.form.columns[6:]) == [1] * 7 + [2]  # "?" is a job like others
    order = task.test.inputs[:, 0].argsort()
    assert task.test.targets[order].tolist() == [int(age % 3 == 0) for age in range(1000, 1020)]
    ages = np.concatenate([part.inputs[:, 0] for part in (task.train, task.validation)])
    assert len(np.unique(ages)) == 40


@pytest.mark.parametrize(
    ("content", "found"),
    [
        ("", "cannot be read"),
        ("a,b\n1,2\n", "is not the table of incomes"),
        (person(3, "many"), "is not the table of incomes"),
        (person(3, ">50K"), "different rows to train"),
    ],
)
def test_another_table_is_refused(people, cache, content, found):
    (people / "adult-train.csv").write_text(content)
    with pytest.raises(UnreadableFileError, match=found) as error:
        tables.income(people.parent)
    assert "\n" not in str(error.value)


def test_words_in_place_of_ages_are_refused(people, cache):
    content = (people / "adult-train.csv").read_text() + person("old", "<=50K")
    (people / "adult-train.csv").write_text(content)
    with pytest.raises(UnreadableFileError, match="is not the table of incomes"):
        tables.income(people.parent)


def test_errors_of_a_regression_are_in_the_unit_of_its_targets():
    """Diabetes: targets from 25 to 346; who says the mean is wrong by some 60."""
    task = tables.diabetes()
    assert float(task.train.targets.mean()) == pytest.approx(0, abs=1e-6)
    each = task.metric.of(task.test.targets * 0, task.test.targets)
    assert 50 < float(each.mean()) < 75
    assert task.direction == "falls"


def test_friedman_is_a_function_of_five_of_ten_numbers():
    task = tables.friedman()
    rest = np.abs(np.corrcoef(np.hstack([task.train.inputs, task.train.targets]).T)[-1, :-1])
    assert rest[[0, 1, 3, 4]].min() > 0.2
    assert rest[5:].max() < 0.06
