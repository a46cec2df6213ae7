"""Collusion: boosts the coalition's own inference node, sabotages its rivals.

Source: ours. The coalition's inference node is the cell's ``beneficiary``; without one every node
is a rival. Its rewards count in the coalition's profit.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from poq.attacks.base import Draws, Floats
from poq.attacks.base import full_effort as effort
from poq.attacks.base import never as renews_below
from poq.attacks.base import no_fee as fee
from poq.settings import Settings as BaseSettings

__all__ = ["DRAWS", "Settings", "effort", "fee", "manipulate", "params", "renews_below"]

DRAWS: Draws = "nothing"


class Settings(BaseSettings):
    """Scores too high for one's own, too low for all others."""

    kind: Literal["collusion"]
    boost: float = Field(3.0, ge=0, le=10, description="Points added to one's own node.")
    cut: float = Field(3.0, ge=0, le=10, description="Points taken from its rivals.")


def params(settings: Settings) -> tuple[float, ...]:
    """Return both shifts."""
    return (settings.boost, settings.cut)


def manipulate(
    score: float,
    own: bool,
    standing: float,
    peer: float,
    revealed: float,
    average: float,
    draw: float,
    params: Floats,
) -> float:
    """Return the score that an attacker reports."""
    boost: float = params[0]
    cut: float = params[1]
    return min(score + boost, 10.0) if own else max(score - cut, 0.0)
