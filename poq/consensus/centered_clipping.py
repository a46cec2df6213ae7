"""Centered clipping: the centre plus the mean of what is left of the deviations after clipping.

From the median v_0, v <- v + sum(clip(s - v, -t, t)) / K, a fixed number of times. The fixed point
is Huber's M-estimate of location with threshold t: it solves sum(clip(s - c, -t, t)) = 0, the mean
of near scores, in which far ones pull with the constant force t.

Source: centered clipping (Karimireddy, He and Jaggi, ICML 2021); Huber (1964). Breakdown point
floor((K - 1) / 2) / K: fewer than half of the scores can move the consensus only a bounded way,
at most t beyond the others. A threshold of 10 or more clips nothing: the mean. Two scores give
their mean. Trust is ignored.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike
from pydantic import Field

from poq.consensus.base import Floats, checked
from poq.settings import Settings as BaseSettings

SORTED = True


class Settings(BaseSettings):
    """The mean of clipped deviations from the centre."""

    kind: Literal["centered_clipping"]
    threshold: float = Field(
        1.0, gt=0, description="Largest deviation that counts in full, on the scale [0, 10]."
    )
    steps: int = Field(3, ge=1, description="Steps from the median towards the fixed point.")


def consensus(scores: ArrayLike, settings: Settings, weights: ArrayLike | None = None) -> Floats:
    """Return the consensus of K scores, shape (..., K) -> (...), in [0, 10].

    Raises:
        ValueError: K is 0.
    """
    given, _ = checked(scores, weights)
    centre = np.median(given, axis=-1, keepdims=True)
    for _ in range(settings.steps):
        clipped = np.clip(given - centre, -settings.threshold, settings.threshold)
        centre = centre + clipped.mean(axis=-1, keepdims=True)
    return np.asarray(centre[..., 0])


def tolerated(k: int, settings: Settings) -> int:
    """Return the largest number of scores that is less than half of K."""
    return (k - 1) // 2


def params(settings: Settings) -> tuple[float, ...]:
    """Return threshold and number of steps."""
    return (settings.threshold, float(settings.steps))


def core(scores: Floats, weights: Floats, params: tuple[float, ...]) -> float:
    """Return the consensus of one round; scores ascend."""
    threshold, steps = params
    k = len(scores)
    centre = float(scores[(k - 1) // 2] + scores[k // 2]) / 2
    for _ in range(int(steps)):
        total = 0.0
        for i in range(k):
            total += min(max(scores[i] - centre, -threshold), threshold)
        centre += total / k
    return centre
