"""The published trust update: w <- clip(w * (1 + rate * (0.5 - d)), minimum, maximum).

d is the deviation from the consensus, in [0, 1]. Source: robust PoQ (arXiv 2601.21189), eq. 21;
rate, bounds and initial trust are ours. Known weakness: scores that deviate by less than half of
the scale gain trust, so that in the end nearly everybody, attackers too, stands at the cap
(:func:`updates_to_cap`), and weights are equal again.
"""

from __future__ import annotations

from math import inf, log, log1p
from typing import Literal

from poq.trust.base import ComparesWith, Floats, RatedTrustSettings

COMPARES_WITH: ComparesWith = "consensus"
USES_TYPICAL = False


class Settings(RatedTrustSettings):
    """The update of robust PoQ."""

    kind: Literal["published"]


def updates_to_cap(settings: Settings, deviation: float) -> float:
    """Return after how many updates a node of a given mean deviation stands at the cap.

    ln(maximum / initial) / ln(1 + rate * (0.5 - d)); infinite for a deviation of 0.5 or more.
    """
    growth = settings.rate * (0.5 - deviation)
    return log(settings.maximum / settings.initial) / log1p(growth) if growth > 0 else inf


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
        moved = weights[i] * (1 + rate * (0.5 - deviations[i]))
        weights[i] = min(max(moved, minimum), maximum)
