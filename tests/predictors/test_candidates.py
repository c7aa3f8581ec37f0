import numpy as np
import pandas as pd
import pytest

from epochgraph.predictors import standard_candidates
from epochgraph.runs import Run
from populations import population


@pytest.mark.parametrize("task", ["classification", "regression"])
def test_no_candidate_sees_what_comes_after_the_epoch(task):
    runs = population(6, epochs=4)
    cut = [Run(r.name, r.signature.up_to(2), r.metrics.loc[:2], r.settings) for r in runs]
    for candidate in standard_candidates(task):
        pd.testing.assert_frame_equal(candidate.inputs(runs, 2), candidate.inputs(cut, 2))
        assert len(candidate.inputs(runs, 2)) == 6


@pytest.mark.parametrize("task", ["classification", "regression"])
def test_every_candidate_fits_and_predicts(task):
    runs = population(12)
    y = np.arange(12) % 2 if task == "classification" else np.arange(12.0)
    for candidate in standard_candidates(task):
        inputs = candidate.inputs(runs, 2)
        assert candidate.estimator(7).fit(inputs, y).predict(inputs).shape == (12,)
