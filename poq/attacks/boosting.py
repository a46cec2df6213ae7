"""Boosting: s <- min(10, s + shift).

Source: robust PoQ (arXiv 2601.21189), eq. 18; the shift is configuration.
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
    """Scores too high."""

    kind: Literal["boosting"]
    shift: float = Field(3.0, ge=0, le=10, description="Points added.")


def params(settings: Settings) -> tuple[float, ...]:
    """Return the shift."""
    return (settings.shift,)


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
    shift: float = params[0]
    return min(score + shift, 10.0)
