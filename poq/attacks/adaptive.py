"""Adaptive: boosts while its trust is at the cap, honest until it is there again.

The attacker watches its own trust and manipulates only as far as that stays in good standing: at
least the share ``standing`` of the cap (for the update with a fixed sum: of the fair share).
Source: ours.
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
    """Scores too high while one can afford it."""

    kind: Literal["adaptive"]
    shift: float = Field(3.0, ge=0, le=10, description="Points added.")
    standing: float = Field(
        0.99, gt=0, le=1, description="Share of the cap below which the node is honest."
    )


def params(settings: Settings) -> tuple[float, ...]:
    """Return shift and standing."""
    return (settings.shift, settings.standing)


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
    shift, needed = params[0], params[1]
    return min(score + shift, 10.0) if standing >= needed else score
