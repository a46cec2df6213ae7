"""Trust as a fixed sum: what one sampled node gains, the others of the round lose.

v = w * (1 + rate * (0.5 - d)), then w <- v * sum(w) / sum(v) over the K sampled nodes. The sum of
the sampled weights stays, and with it that of the whole pool, whatever its size, at a cost of
O(K); a growth that all share cancels, so only differences in deviation count.

Source: ours; multiplicative weights (Arora, Hazan and Kale, 2012) with the published factor.
There are no bounds; a floor of 1e-9 keeps weights positive. With K = 1, and where all deviate
equally, nothing moves.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from poq.trust.base import ComparesWith, Floats, TrustSettings

COMPARES_WITH: ComparesWith = "consensus"
USES_TYPICAL = False
FLOOR = 1e-9
"""Least trust before the sum is restored; without it weights would underflow in long runs."""


class Settings(TrustSettings):
    """A budget of trust that never grows."""

    kind: Literal["fixed_sum"]
    rate: float = Field(0.1, gt=0, le=1, description="Speed of the update, lambda.")


def cap(settings: Settings) -> float:
    """Return the trust of a node in good standing: its fair share."""
    return settings.initial


def params(settings: Settings) -> tuple[float, ...]:
    """Return the rate."""
    return (settings.rate,)


def update(weights: Floats, deviations: Floats, typical: float, params: tuple[float, ...]) -> None:
    """Change the weights of one round."""
    (rate,) = params
    before = 0.0
    after = 0.0
    for i in range(len(weights)):
        before += weights[i]
        weights[i] = max(weights[i] * (1 + rate * (0.5 - deviations[i])), FLOOR)
        after += weights[i]
    for i in range(len(weights)):
        weights[i] *= before / after
