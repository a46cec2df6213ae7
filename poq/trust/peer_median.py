"""Trust by comparison with peers: w <- clip(w * (1 + rate * (median(d) - d)), minimum, maximum).

The published update with the fixed 0.5 replaced by the median deviation of the round's K nodes: who
deviates more than its peers loses, who deviates less gains, and where all agree nothing moves, so
there is no common drift to the cap. Source: ours. With K = 1 nothing ever moves; with K = 2 the
median is the mean of both. A majority of attackers in a round is the yardstick.
"""

from __future__ import annotations

from typing import Literal

from poq.trust.base import ComparesWith, Floats, RatedTrustSettings

COMPARES_WITH: ComparesWith = "consensus"
USES_TYPICAL = True


class Settings(RatedTrustSettings):
    """Deviation against the peers' median deviation."""

    kind: Literal["peer_median"]


def cap(settings: Settings) -> float:
    """Return the trust of a node in good standing."""
    return settings.maximum


def params(settings: Settings) -> tuple[float, ...]:
    """Return rate and bounds."""
    return (settings.rate, settings.minimum, settings.maximum)


def update(weights: Floats, deviations: Floats, typical: float, params: tuple[float, ...]) -> None:
    """Change the weights of one round."""
    rate, minimum, maximum = params
    for i in range(len(weights)):
        moved = weights[i] * (1 + rate * (typical - deviations[i]))
        weights[i] = min(max(moved, minimum), maximum)
