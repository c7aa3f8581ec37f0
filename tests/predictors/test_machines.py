"""The penalty of a support vector machine, beside the one that scikit-learn's search finds."""

import numpy as np
import pytest
from sklearn.model_selection import GridSearchCV, KFold, StratifiedKFold
from sklearn.svm import SVC, SVR

from epochgraph.predictors.machines import PENALTIES, tuned


@pytest.mark.parametrize("noise", [0.0, 0.5, 3.0])
@pytest.mark.parametrize("columns", [1, 5, 60])
@pytest.mark.parametrize("kind", [SVC, SVR])
def test_the_penalty_is_the_one_that_a_grid_search_finds(kind, columns, noise):
    """With many columns no penalty binds and all are the same; with noise they bind."""
    generator = np.random.default_rng(columns)
    table = generator.normal(size=(40, columns))
    y = table[:, 0] + noise * generator.normal(size=40)
    y, folds, scoring = (y, KFold, "neg_mean_squared_error") if kind is SVR else (y > 0, StratifiedKFold, "accuracy")
    folds = folds(5, shuffle=True, random_state=0)
    search = GridSearchCV(kind(), {"C": PENALTIES}, cv=folds, scoring=scoring, refit=False).fit(table, y)
    assert search.best_params_["C"] == tuned(kind, table, y, folds).C
