"""Tables with very many columns, reduced to as many as they need."""

from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin

WIDE = 1000
"""Tables with more columns than this, such as flattened layers, are rotated."""


class PrincipalAxes(TransformerMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn is not typed
    """Rotates a table of more than `WIDE` columns, and fewer rows, onto the axes along which its rows differ.

    A rotation keeps all distances. Without it, each step of a network moves thousands of weights at once, and together
    they undo what one of them has learnt: on the 8,500 weights of a last layer the loss only grew. The axes are scaled
    by one number, to a mean variance of one, which is what a network's initial weights and steps are made for.

    Attributes:
        axes_: One axis per column, scaled; None if the table is left as it is.
    """

    def fit(self, X: np.ndarray, _: Any = None) -> "PrincipalAxes":  # noqa: N803 - scikit-learn's name, here and below
        """Find the axes of a table whose columns have mean zero."""
        self.axes_ = None
        if X.shape[1] > max(WIDE, X.shape[0]):
            _, lengths, axes = np.linalg.svd(X, full_matrices=False)
            kept = lengths > lengths[0] * X.shape[1] * np.finfo(np.float64).eps
            if kept.any():
                lengths, axes = lengths[kept], axes[kept].T
                largest = axes[np.abs(axes).argmax(axis=0), np.arange(len(lengths))]  # an axis has no direction: one is
                scale = np.sqrt(X.shape[0] * len(lengths) / np.square(lengths).sum())  # chosen, on any machine
                self.axes_ = scale * np.sign(largest) * axes
        return self

    def transform(self, X: np.ndarray) -> np.ndarray:  # noqa: N803
        """The coordinates of each row."""
        return X if self.axes_ is None else X @ self.axes_
