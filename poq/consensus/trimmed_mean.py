"""Trimmed mean consensus: the mean of what is left without the g lowest and g highest scores.

g = floor(trim * K), so that a small K may trim nothing: with trim = 0.2, K = 4 gives the mean; at
most (K - 1) / 2, so that a score is left however close trim is to 0.5.
Source: robust PoQ (arXiv 2601.21189) names the rule; the share that it trims is not at hand, so
it is configuration. Breakdown point g / K: up to g manipulated scores leave the consensus among
the others. Trust is ignored.
"""

from __future__ import annotations

from math import floor
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike
from pydantic import Field

from poq.consensus.base import Floats, checked
from poq.settings import Settings as BaseSettings

SORTED = True


class Settings(BaseSettings):
    """The mean without the extremes."""

    kind: Literal["trimmed_mean"]
    trim: float = Field(
        0.2, ge=0, lt=0.5, description="Share of the scores that is left out at each end."
    )


def consensus(scores: ArrayLike, settings: Settings, weights: ArrayLike | None = None) -> Floats:
    """Return the consensus of K scores, shape (..., K) -> (...), in [0, 10].

    Raises:
        ValueError: K is 0.
    """
    given, _ = checked(scores, weights)
    k = given.shape[-1]
    left_out = tolerated(k, settings)
    return np.asarray(np.sort(given, axis=-1)[..., left_out : k - left_out].mean(axis=-1))


def tolerated(k: int, settings: Settings) -> int:
    """Return g, the number of scores that is left out at each end."""
    return min(floor(settings.trim * k + 1e-9), (k - 1) // 2)


def params(settings: Settings) -> tuple[float, ...]:
    """Return the share that is left out at each end."""
    return (settings.trim,)


def core(scores: Floats, weights: Floats, params: tuple[float, ...]) -> float:
    """Return the consensus of one round; scores ascend."""
    (trim,) = params
    k = len(scores)
    left_out = min(int(trim * k + 1e-9), (k - 1) // 2)  # 0.3 * 10 is just under 3
    total = 0.0
    for i in range(left_out, k - left_out):
        total += scores[i]
    return total / (k - 2 * left_out)
