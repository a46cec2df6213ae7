"""Trust-weighted mean consensus: c = sum(w * s) / sum(w).

Source: robust PoQ (arXiv 2601.21189). Breakdown point 0: it helps only as far as the trust
update has already taken weight from the attackers; with equal weights it is the mean. Where all
weights are 0, every score weighs the same.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from poq.consensus.base import Floats, checked
from poq.settings import Settings as BaseSettings

SORTED = False


class Settings(BaseSettings):
    """The average by trust; nothing to set."""

    kind: Literal["trust_weighted_mean"]


def consensus(scores: ArrayLike, settings: Settings, weights: ArrayLike | None = None) -> Floats:
    """Return the consensus of K scores, shape (..., K) -> (...), in [0, 10].

    Raises:
        ValueError: K is 0, or a weight is negative or not finite.
    """
    given, trust = checked(scores, weights)
    return np.asarray((trust * given).sum(axis=-1) / trust.sum(axis=-1))


def tolerated(k: int, settings: Settings) -> int:
    """Return 0: among equally trusted scores every one counts in full."""
    return 0


def params(settings: Settings) -> tuple[float, ...]:
    """Return nothing of use: the compiled rule has no parameters."""
    return (0.0,)


def core(scores: Floats, weights: Floats, params: tuple[float, ...]) -> float:
    """Return the consensus of one round."""
    total = 0.0
    trust = 0.0
    for i in range(len(scores)):
        total += weights[i] * scores[i]
        trust += weights[i]
    return total / trust
