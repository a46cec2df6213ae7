"""Median consensus: the middle score, or the mean of the two middle scores where K is even.

Source: robust PoQ (arXiv 2601.21189). Breakdown point floor((K - 1) / 2) / K, the highest that a
translation equivariant rule can have: as long as fewer than half of the scores are manipulated,
the consensus stays among the others. One score is its own consensus; of two scores the median is
the mean. Trust is ignored.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from poq.consensus.base import Floats, checked
from poq.settings import Settings as BaseSettings

SORTED = True


class Settings(BaseSettings):
    """The middle score; nothing to set."""

    kind: Literal["median"]


def consensus(scores: ArrayLike, settings: Settings, weights: ArrayLike | None = None) -> Floats:
    """Return the consensus of K scores, shape (..., K) -> (...), in [0, 10].

    Raises:
        ValueError: K is 0.
    """
    given, _ = checked(scores, weights)
    return np.asarray(np.median(given, axis=-1))


def tolerated(k: int, settings: Settings) -> int:
    """Return the largest number of scores that is less than half of K."""
    return (k - 1) // 2


def params(settings: Settings) -> tuple[float, ...]:
    """Return nothing of use: the compiled rule has no parameters."""
    return (0.0,)


def core(scores: Floats, weights: Floats, params: tuple[float, ...]) -> float:
    """Return the consensus of one round; scores ascend."""
    k = len(scores)
    return float((scores[(k - 1) // 2] + scores[k // 2]) / 2)
