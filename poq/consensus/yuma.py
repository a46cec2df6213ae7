"""Yuma consensus: the stake-weighted mean of scores clipped at what enough stake supports.

With trust w as stake, the benchmark b is the largest score level that scores of at least the
share kappa of the stake reach, b = max{x : sum(w * [s >= x]) >= kappa * sum(w)}; then
c = sum(w * min(s, b)) / sum(w).

Source: Yuma consensus of Bittensor (subtensor, docs/consensus.md; developer docs, "Yuma
Consensus", default kappa = 0.5), where validators' weights of one miner take the place of scores
and shares of emission, bonds and penalties follow; we take the clipping and the ranking alone. It
is made against over-rating: manipulated scores with less than kappa of the sampled stake cannot
lift the consensus above the highest of the others. Downwards nothing is clipped: breakdown point
0, a single low score moves it by its share of the stake. kappa towards 0 clips nothing and gives
the trust-weighted mean; kappa = 1 gives the lowest score. Where all weights are 0, every score
weighs the same.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike
from pydantic import Field

from poq.consensus.base import Floats, ascending, checked
from poq.settings import Settings as BaseSettings

SORTED = True


class Settings(BaseSettings):
    """The mean by trust of scores clipped from above."""

    kind: Literal["yuma"]
    kappa: float = Field(
        0.5, gt=0, le=1, description="Share of the sampled trust that has to support a score."
    )


def consensus(scores: ArrayLike, settings: Settings, weights: ArrayLike | None = None) -> Floats:
    """Return the consensus of K scores, shape (..., K) -> (...), in [0, 10].

    Raises:
        ValueError: K is 0, or a weight is negative or not finite.
    """
    given, trust = ascending(*checked(scores, weights))
    total = trust.sum(axis=-1, keepdims=True)
    support = np.cumsum(trust[..., ::-1], axis=-1)[..., ::-1]
    # The last score, in ascending order, that has the support; sums may miss kappa by rounding.
    enough = support >= (settings.kappa - 1e-12) * total
    last = enough.sum(axis=-1, keepdims=True) - 1
    benchmark = np.take_along_axis(given, last, -1)
    return np.asarray((trust * np.minimum(given, benchmark)).sum(axis=-1) / total[..., 0])


def tolerated(k: int, settings: Settings) -> int:
    """Return 0: a low score counts in full."""
    return 0


def params(settings: Settings) -> tuple[float, ...]:
    """Return kappa."""
    return (settings.kappa,)


def core(scores: Floats, weights: Floats, params: tuple[float, ...]) -> float:
    """Return the consensus of one round; scores ascend."""
    (kappa,) = params
    total = 0.0
    for i in range(len(scores)):
        total += weights[i]
    needed = (kappa - 1e-12) * total
    support = 0.0
    benchmark = scores[len(scores) - 1]
    for i in range(len(scores)):
        j = len(scores) - 1 - i
        # As long as the support is too small, the benchmark lies at this score or below.
        benchmark = scores[j] if support < needed else benchmark
        support += weights[j]
    ranked = 0.0
    for i in range(len(scores)):
        ranked += weights[i] * min(scores[i], benchmark)
    return ranked / total
