"""Weights of least squared error that are not negative, re-normalised.

Non-negative least squares (Lawson and Hanson, 1974, ch. 23; ``scipy.optimize.nnls``) of reference
quality on the dimensions, with a free constant, which no correlation sees: of all weights that are
not negative these give the greatest Pearson's r on the outputs that they are fitted on, as long as
no output lacks a dimension. Where one does, it is fitted as if it had the mean of the others. A
constant dimension weighs nothing; if none goes with reference quality, all weights are 0.
"""

from __future__ import annotations

import numpy as np

from poq.calibration.composite import Floats, normalized
from poq.calibration.sample import Sample


def fit(sample: Sample) -> Floats:
    """Return weights, shape (d,)."""
    return normalized(coefficients(sample.values, sample.quality))


def coefficients(values: Floats, quality: Floats) -> Floats:
    """Return coefficients, shape (d,), at least 0, of dimensions (n, d) for quality (n,)."""
    from scipy.optimize import nnls

    if not values.size:
        return np.zeros(values.shape[1])
    has = np.isfinite(values)
    means = np.where(has, values, 0.0).sum(axis=0) / np.maximum(has.sum(axis=0), 1)
    centred = np.where(has, values - means, 0.0)
    # What rounding leaves of a constant would be scaled up at will.
    centred[:, np.abs(centred).max(axis=0) < 1e-12] = 0.0
    found, _ = nnls(centred, quality - quality.mean())
    return np.asarray(found)
