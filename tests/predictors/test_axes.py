"""Wide tables on their principal axes."""

import numpy as np
import pytest
from scipy.spatial.distance import pdist

from epochgraph.predictors.axes import PrincipalAxes


def wide() -> np.ndarray:
    table = np.random.default_rng(0).normal(size=(12, 1001))
    return table - table.mean(axis=0)


def test_all_distances_stay_but_for_one_factor():
    table = wide()
    turned = PrincipalAxes().fit_transform(table)
    assert turned.shape == (12, 11)  # 12 runs around their mean
    np.testing.assert_allclose(pdist(turned) / pdist(table), pdist(turned)[0] / pdist(table)[0])
    assert turned.var(axis=0).mean() == pytest.approx(1)
    assert (np.diff(turned.var(axis=0)) <= 1e-12).all()


def test_new_rows_are_turned_alike():
    table = wide()
    axes = PrincipalAxes().fit(table)
    np.testing.assert_allclose(axes.transform(table[3:5]), axes.transform(table)[3:5], rtol=1e-12)


def test_the_direction_of_an_axis_does_not_depend_on_how_it_was_found():
    axes = PrincipalAxes().fit(wide()).axes_
    assert (axes[np.abs(axes).argmax(axis=0), np.arange(11)] > 0).all()


@pytest.mark.parametrize(
    "table", [np.ones((1002, 1001)), wide()[:, :1000], np.zeros((3, 1001))], ids=["long", "rather wide", "constant"]
)
def test_what_is_not_wide_or_has_no_axes_is_left_alone(table):
    assert PrincipalAxes().fit_transform(table) is table
