"""What all consensus rules share.

A rule is defined twice, and tests hold the two equal: ``consensus`` over arrays (..., K) for
every use outside of the simulation, and ``core`` over one round, in plain loops that
:mod:`poq.simulation.kernel` compiles.

``core(scores, weights, params)`` gets K scores in ascending order if the module's ``SORTED`` is
true, in any order otherwise; their weights in the same order; and what ``params(settings)``
returned. Its weights are positive.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


def checked(scores: ArrayLike, weights: ArrayLike | None = None) -> tuple[Floats, Floats]:
    """Return scores and weights as arrays of one shape (..., K).

    Without weights, and where all K weights are 0, every score weighs the same.

    Raises:
        ValueError: K is 0, or a weight is negative or not finite.
    """
    given = np.asarray(scores, dtype=np.float64)
    if given.ndim == 0 or given.shape[-1] == 0:
        raise ValueError("a consensus needs at least one score")
    if weights is None:
        return given, np.ones_like(given)
    trust = np.broadcast_to(np.asarray(weights, dtype=np.float64), given.shape)
    if not (np.isfinite(trust).all() and (trust >= 0).all()):
        raise ValueError("weights of a consensus must be finite and not negative")
    return given, np.where(trust.sum(axis=-1, keepdims=True) > 0, trust, 1.0)


def ascending(scores: Floats, weights: Floats) -> tuple[Floats, Floats]:
    """Return scores and weights, shape (..., K), in ascending order of the scores."""
    order = np.argsort(scores, axis=-1, kind="stable")
    return np.take_along_axis(scores, order, -1), np.take_along_axis(weights, order, -1)
