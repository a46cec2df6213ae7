"""Mean consensus: the average of the sampled scores, c = sum(s) / K.

Source: the baseline rule of robust PoQ (arXiv 2601.21189). Breakdown point 0: a single evaluator
moves it by up to 10 / K. One score is its own consensus. Trust is ignored.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from poq.consensus.base import Floats, checked
from poq.settings import Settings as BaseSettings

SORTED = False


class Settings(BaseSettings):
    """The plain average; nothing to set."""

    kind: Literal["mean"]


def consensus(scores: ArrayLike, settings: Settings, weights: ArrayLike | None = None) -> Floats:
    """Return the consensus of K scores, shape (..., K) -> (...), in [0, 10].

    Raises:
        ValueError: K is 0.
    """
    given, _ = checked(scores, weights)
    return np.asarray(given.mean(axis=-1))


def tolerated(k: int, settings: Settings) -> int:
    """Return 0: every score counts in full."""
    return 0


def params(settings: Settings) -> tuple[float, ...]:
    """Return nothing of use: the compiled rule has no parameters."""
    return (0.0,)


def core(scores: Floats, weights: Floats, params: tuple[float, ...]) -> float:
    """Return the consensus of one round."""
    total = 0.0
    for i in range(len(scores)):
        total += scores[i]
    return total / len(scores)
