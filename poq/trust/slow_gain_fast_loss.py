"""Trust that is gained slowly and lost fast: additive increase, multiplicative decrease.

A node that deviates by at most ``margin`` more than the median of the round's K nodes gains
``gain``; any other keeps only the share 1 - ``loss`` of its trust; both within the bounds.

Source: ours, after the congestion control of TCP (Chiu and Jain, 1989). An attacker that
manipulates rarely has to earn back what one manipulation costs, loss * w / gain rounds of honesty.
With K = 1 there is no comparison: everybody gains. Honest nodes may all stand at the cap, which
does no harm: attackers that deviate by more than the margin do not.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from poq.trust.base import BoundedTrustSettings, ComparesWith, Floats

COMPARES_WITH: ComparesWith = "consensus"
USES_TYPICAL = True


class Settings(BoundedTrustSettings):
    """Slow gain, fast loss."""

    kind: Literal["slow_gain_fast_loss"]
    gain: float = Field(0.02, gt=0, description="Trust gained in a round.")
    loss: float = Field(0.3, gt=0, le=1, description="Share of trust lost in a round.")
    margin: float = Field(
        0.1, ge=0, le=1, description="Deviation beyond the peers' median that costs trust."
    )


def cap(settings: Settings) -> float:
    """Return the trust of a node in good standing."""
    return settings.maximum


def params(settings: Settings) -> tuple[float, ...]:
    """Return gain, loss, margin and bounds."""
    return (settings.gain, settings.loss, settings.margin, settings.minimum, settings.maximum)


def update(weights: Floats, deviations: Floats, typical: float, params: tuple[float, ...]) -> None:
    """Change the weights of one round."""
    gain, loss, margin, minimum, maximum = params
    for i in range(len(weights)):
        if deviations[i] <= typical + margin:
            weights[i] = min(weights[i] + gain, maximum)
        else:
            weights[i] = max(weights[i] * (1 - loss), minimum)
