"""Trust-weighted median consensus: half of the trust lies on either side.

With the scores in ascending order and W the sum of all weights, c is the first score at which the
cumulative weight passes W / 2; where it equals W / 2 at a score, c is the mean of that score and
the next, so that equal weights give the median.

Source: ours for PoQ; the weighted median minimises sum(w * |s - c|) (Edgeworth, 1888). Breakdown
point: manipulated scores with less than half of the sampled trust leave the consensus among the
others; with equal trust floor((K - 1) / 2) / K. A score with more than half of the trust is the
consensus. Where all weights are 0, every score weighs the same.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from poq.consensus.base import Floats, ascending, checked
from poq.settings import Settings as BaseSettings

SORTED = True


class Settings(BaseSettings):
    """The middle of the trust; nothing to set."""

    kind: Literal["trust_weighted_median"]


def consensus(scores: ArrayLike, settings: Settings, weights: ArrayLike | None = None) -> Floats:
    """Return the consensus of K scores, shape (..., K) -> (...), in [0, 10].

    Raises:
        ValueError: K is 0, or a weight is negative or not finite.
    """
    given, trust = ascending(*checked(scores, weights))
    below = np.cumsum(trust, axis=-1)
    half = below[..., -1:] / 2
    # Sums of equal weights may miss the half by rounding.
    slack = 1e-12 * below[..., -1:]
    lower = np.argmax(below >= half - slack, axis=-1, keepdims=True)
    upper = np.argmax(below > half + slack, axis=-1, keepdims=True)
    ends = np.take_along_axis(given, lower, -1) + np.take_along_axis(given, upper, -1)
    return np.asarray(ends[..., 0] / 2)


def tolerated(k: int, settings: Settings) -> int:
    """Return the largest number of scores that is less than half of K."""
    return (k - 1) // 2


def params(settings: Settings) -> tuple[float, ...]:
    """Return nothing of use: the compiled rule has no parameters."""
    return (0.0,)


def core(scores: Floats, weights: Floats, params: tuple[float, ...]) -> float:
    """Return the consensus of one round; scores ascend."""
    total = 0.0
    for i in range(len(scores)):
        total += weights[i]
    low = total / 2 - 1e-12 * total
    high = total / 2 + 1e-12 * total
    # The cumulative weight only grows: the ends are the scores after all that it has not reached.
    below = 0.0
    lower = scores[0]
    upper = scores[0]
    for i in range(len(scores) - 1):
        below += weights[i]
        lower = scores[i + 1] if below < low else lower
        upper = scores[i + 1] if below <= high else upper
    return float((lower + upper) / 2)
