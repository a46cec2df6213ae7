"""The linear cost-aware reward (arXiv 2512.16317).

The linear form for both kinds of node, and closeness to the consensus as an evaluator's quality,
are the paper's; the weights alpha and beta are configuration.
"""

from __future__ import annotations

from typing import Annotated

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydantic import Field

from poq.settings import Settings


class RewardSettings(Settings):
    """Weights of the reward."""

    alpha: float = Field(ge=0, description="Weight of quality.")
    beta: float = Field(ge=0, description="Weight of normalised cost.")


class RewardStudySettings(Settings):
    """Weights under which the reward study pays the same rounds again."""

    alphas: tuple[Annotated[float, Field(ge=0)], ...] = Field(
        (0.5, 1.0, 2.0), min_length=1, description="Weights of quality."
    )
    betas: tuple[Annotated[float, Field(ge=0)], ...] = Field(
        (0.0, 0.1, 0.3, 0.5, 1.0, 2.0), min_length=1, description="Weights of normalised cost."
    )

    def points(self, own: RewardSettings) -> list[RewardSettings]:
        """Return every pair of an alpha and a beta, with those that the run itself pays by."""
        alphas, betas = {*self.alphas, own.alpha}, {*self.betas, own.beta}
        return [
            RewardSettings(alpha=alpha, beta=beta)
            for alpha in sorted(alphas)
            for beta in sorted(betas)
        ]


def inference_quality(consensus: ArrayLike) -> NDArray[np.float64]:
    """Return what an inference node is paid for, c / 10, in [0, 1]."""
    return np.asarray(consensus, dtype=np.float64) / 10


def evaluator_quality(deviation: ArrayLike) -> NDArray[np.float64]:
    """Return what an evaluator node is paid for, 1 - |s - c| / 10, in [0, 1]."""
    return 1 - np.asarray(deviation, dtype=np.float64)


def reward(quality: ArrayLike, cost: ArrayLike, settings: RewardSettings) -> NDArray[np.float64]:
    """Return R = alpha * quality - beta * cost, in [-beta, alpha]; shapes broadcast."""
    q, c = np.asarray(quality, dtype=np.float64), np.asarray(cost, dtype=np.float64)
    return np.asarray(settings.alpha * q - settings.beta * c)


def normalized(rewards: ArrayLike, settings: RewardSettings) -> NDArray[np.float64]:
    """Map rewards from the range that they can have, [-beta, alpha], onto [0, 1].

    With alpha = beta = 0 there is nothing to earn and the normalised reward is NaN.
    """
    span = settings.alpha + settings.beta
    values = np.asarray(rewards, dtype=np.float64) + settings.beta
    return np.asarray(values / span if span else np.full_like(values, np.nan))
