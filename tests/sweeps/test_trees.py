"""Trees that learn from the sweep itself: they wait for finished runs, and never stop what looks like the best."""

import numpy as np

from epochgraph.sweeps import Sweep
from epochgraph.sweeps.rules import STARTUP
from epochgraph.sweeps.trees import trees_on_curve

RUNS, STEPS = 24, 6


def straight(ends: np.ndarray) -> Sweep:
    """Runs whose curves rise evenly to their ends."""
    curves = ends[:, None] * np.arange(1, STEPS + 1) / STEPS
    return Sweep(curves, curves[:, 0], 1.0, ends, {}, {})


def test_bad_runs_are_stopped_once_enough_have_finished_and_good_ones_go_on():
    ends = np.random.default_rng(0).permutation(np.linspace(0.1, 0.9, RUNS))
    trained = trees_on_curve(straight(ends), np.zeros((RUNS, 1)), best=3)
    assert (trained[:STARTUP] == STEPS).all()
    assert (trained[ends >= np.sort(ends)[-3]] == STEPS).all()
    assert (trained[2 * STARTUP :][ends[2 * STARTUP :] < 0.3] < STEPS).all()


def test_settings_tell_where_curves_do_not():
    ends = np.random.default_rng(1).permutation(np.linspace(0.1, 0.9, RUNS))
    flat = Sweep(np.full((RUNS, STEPS), 0.5), np.full(RUNS, 0.5), 1.0, ends, {}, {})
    told = trees_on_curve(flat, ends[:, None], best=3)
    untold = trees_on_curve(flat, np.zeros((RUNS, 1)), best=3)
    assert told.sum() < 0.8 * untold.sum()


def test_no_run_is_stopped_while_fewer_have_finished_than_count_as_good():
    ends = np.linspace(0.9, 0.1, RUNS)
    assert (trees_on_curve(straight(ends), np.zeros((RUNS, 1)), best=RUNS) == STEPS).all()
