"""Noise injection: s <- clip(s + N(0, sigma), 0, 10).

Source: robust PoQ (arXiv 2601.21189); sigma is configuration. Near the ends of the scale clipping
turns noise into bias towards the middle.
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

DRAWS: Draws = "normal"


class Settings(BaseSettings):
    """Random errors."""

    kind: Literal["noise"]
    sigma: float = Field(2.0, ge=0, description="Standard deviation of the noise, in points.")


def params(settings: Settings) -> tuple[float, ...]:
    """Return sigma."""
    return (settings.sigma,)


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
    sigma: float = params[0]
    return min(max(score + sigma * draw, 0.0), 10.0)
