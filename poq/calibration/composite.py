"""A composite: one quality of an output, the weighted mean of its dimensions.

Source: multi-dimensional scoring (arXiv 2603.04028). Weights are re-normalised over the dimensions
that an output has, so a dimension that is undefined for it counts neither for nor against it.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def normalized(weights: Floats) -> Floats:
    """Return weights, shape (d,), not negative, that add up to 1; all 0 if they all are."""
    total = weights.sum()
    return np.asarray(weights / total) if total > 0 else np.zeros_like(weights)


def composite(values: Floats, weights: Floats) -> Floats:
    """Return the weighted mean of each output's dimensions, in [0, 1].

    Args:
        values: shape (n, d), in [0, 1], NaN where an output lacks a dimension.
        weights: shape (d,), not negative.

    Returns:
        Shape (n,); NaN for an output that has no dimension of positive weight.
    """
    has = np.isfinite(values)
    total = has @ weights
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = (np.where(has, values, 0.0) @ weights) / total
    # Rounding can pass the bounds by one unit in the last place.
    return np.where(total > 0, np.clip(mean, 0, 1), np.nan)


def given(default: Mapping[str, float]) -> dict[str, Floats]:
    """Return the weights that nothing is fitted for, each of shape (d,).

    ``default``, those of the configuration; and for its ablation ``without-<dimension>``, the same
    less one dimension. All 0 where no dimension of positive weight is left.
    """
    weights = np.array(list(default.values()), dtype=np.float64)
    ablations = {
        f"without-{name}": np.where(np.arange(len(weights)) == i, 0.0, weights)
        for i, name in enumerate(default)
    }
    return {name: normalized(found) for name, found in {"default": weights, **ablations}.items()}
