"""Weights in proportion to Spearman's rho with reference quality, where that is positive.

Each dimension by itself: two that say the same both count. A dimension of a rho that is negative or
undefined weighs nothing; if no rho is positive, all weights are 0.
"""

from __future__ import annotations

import numpy as np

from poq.calibration.composite import Floats, normalized
from poq.calibration.sample import Sample
from poq.metrics.correlation import weighted_spearman


def fit(sample: Sample) -> Floats:
    """Return weights, shape (d,)."""
    return normalized(np.array([_rho(column, sample.quality) for column in sample.values.T]))


def _rho(values: Floats, quality: Floats) -> float:
    has = np.isfinite(values)
    if has.sum() < 2:
        return 0.0
    rho = weighted_spearman(values[has], quality[has], np.ones((1, has.sum())))[0]
    return max(0.0, float(np.nan_to_num(rho)))
