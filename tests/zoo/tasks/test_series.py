import numpy as np
import pytest

from epochgraph.errors import UnreadableFileError
from epochgraph.zoo.tasks import series

HEADER = "No,year,month,day,hour,pm2.5,DEWP,TEMP,PRES,cbwd,Iws,Is,Ir\n"
HOURS = 3000
TRAIN = 2100
MISSING = (*range(24), *range(100, 130), 2500)


def hour(number, dust):
    wind = ("NW", "cv")[number % 2]
    return f"{number + 1},2010,1,1,{number % 24},{dust},{number},{number % 7},1000,{wind},1.5,0,{number % 3}\n"


@pytest.fixture
def data(texts):
    """A table whose dew point is the number of the hour, and whose dust is that plus one, where it is known."""
    rows = [hour(number, "NA" if number in MISSING else number + 1) for number in range(HOURS)]
    (texts / "pollution.csv").write_text(HEADER + "".join(rows))
    return texts.parent


def numbers(channel):
    """Undo the standardisation of a column that counts the hours."""
    counted = np.arange(TRAIN)
    return np.rint(channel.numpy() * counted.std(ddof=1) + counted.mean()).astype(int)


def dusts(task, part, train_targets):
    return part.targets[:, 0].numpy() * train_targets.std(ddof=1) + train_targets.mean()


@pytest.mark.parametrize("ahead", [24, 6])
def test_dust_is_forecast_so_many_hours_after_the_last_that_is_seen(data, cache, ahead):
    task = series.pollution(data, ahead)
    assert task.form.inputs == (1 + 6 + 1 + 2, 48)
    last = numbers(task.train.inputs[:, 1, -1])
    targets = np.log1p(last + ahead + 1.0)
    assert np.allclose(dusts(task, task.train, targets), targets, atol=1e-4)
    assert (numbers(task.train.inputs[:, 1, 0]) == last - 47).all()
    tested = np.log1p(numbers(task.test.inputs[:, 1, -1]) + ahead + 1.0)
    assert np.allclose(dusts(task, task.test, targets), tested, atol=1e-4)


def test_no_hour_is_in_two_parts(data, cache):
    task = series.pollution(data, 24)
    ends = [
        (numbers(part.inputs[:, 1, 0]).min(), numbers(part.inputs[:, 1, -1]).max() + 24)
        for part in (task.train, task.validation, task.test)
    ]
    assert ends == [(0, TRAIN - 1), (TRAIN, 2549), (2550, HOURS - 1)]


def test_hours_with_an_unknown_target_are_left_out_and_unknown_dust_is_told(data, cache):
    task = series.pollution(data, 24)
    last = numbers(task.train.inputs[:, 1, -1])
    assert not set(last + 24) & set(MISSING)
    assert len(task.train) == TRAIN - 47 - 24 - len([number for number in MISSING if 71 <= number < TRAIN])
    seen = numbers(task.train.inputs[:, 1])
    assert (task.train.inputs[:, 7].numpy() == np.isin(seen, MISSING)).all()
    row = task.train.inputs[int(np.flatnonzero(last == 128)[0]), 0]  # hours 81 to 128; 100 to 128 are unknown
    assert (row[19:] == row[18]).all()
    assert row[17] < row[18]


def test_the_wind_is_one_hot(data, cache):
    task = series.pollution(data, 24)
    even = numbers(task.train.inputs[:, 1]) % 2 == 0
    assert (task.train.inputs[:, 8].numpy() == even).all()
    assert (task.train.inputs[:, 9].numpy() == ~even).all()


def test_rows_have_the_weather_of_the_hour_and_of_hours_before(data, cache):
    task = series.pollution_table(data)
    assert task.form.columns == (1,) * (6 * 5 + 4) + (2,)
    scale = task.train.inputs[1, 0] - task.train.inputs[0, 0]
    assert not task.train.inputs.isnan().any()
    first = task.train.inputs[:, 0]
    assert len(task.train) == TRAIN - 24 - len([number for number in MISSING if 24 <= number < TRAIN])
    assert scale > 0
    assert (first[1:] > first[:-1]).all()
    # the dew point counts the hours: standardised, that of hours before is the same column
    assert all((task.train.inputs[:, 6 * lag] - first).abs().max() < 1e-5 for lag in range(1, 5))


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (HEADER, "has words among its numbers|too few hours"),
        ("", "cannot be read"),
        ("a,b\n1,2\n", "has no column 'pm2.5'"),
        (HEADER + "".join(hour(number, "much") for number in range(2000)), "has words"),
        (HEADER + "".join(hour(number, 1) for number in range(2000)).replace(",1000,", ",NA,", 1), "gaps"),
        (HEADER + "".join(hour(number, "NA") for number in range(2000)), "PM2.5"),
        (HEADER + "".join(hour(number, -5) for number in range(2000)), "PM2.5"),
        (HEADER + "".join(hour(number, "inf") for number in range(2000)), "PM2.5"),
    ],
)
@pytest.mark.parametrize("task", [lambda data: series.pollution(data, 24), series.pollution_table])
def test_another_table_is_refused(texts, cache, content, found, task):
    (texts / "pollution.csv").write_text(content)
    with pytest.raises(UnreadableFileError, match=found) as error:
        task(texts.parent)
    assert "\n" not in str(error.value)


def test_generated_series_are_sums_of_sines_until_they_change():
    """Three sines satisfy a linear recurrence of order 6, so that far ahead a fit of it fails only after a change."""
    found = series.sums_of_sines(400, np.random.default_rng(1))
    assert found.shape == (400, 65)
    assert np.isfinite(found).all()
    assert 0.3 < found.var() < 3
    assert (found == series.sums_of_sines(400, np.random.default_rng(1))).all()


def test_the_target_is_the_value_after_the_last():
    task = series.generated_series()
    generator = np.random.default_rng(0)
    found = series.sums_of_sines(series.GENERATED[0], generator)
    assert np.allclose(task.train.inputs[:, 0], found[:, :-1], atol=1e-6)
    last = found[:, -1]
    assert np.allclose(task.train.targets[:, 0], (last - last.mean()) / last.std(ddof=1), atol=1e-5)
