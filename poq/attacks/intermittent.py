"""Intermittent manipulation: boosts with a probability, honest otherwise.

Source: robust PoQ (arXiv 2601.21189), which names the probability; that the manipulation is
boosting is ours. Between manipulations the node recovers its trust.
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

DRAWS: Draws = "uniform"


class Settings(BaseSettings):
    """Now and then scores too high."""

    kind: Literal["intermittent"]
    shift: float = Field(3.0, ge=0, le=10, description="Points added.")
    probability: float = Field(0.3, ge=0, le=1, description="How often.")


def params(settings: Settings) -> tuple[float, ...]:
    """Return shift and probability."""
    return (settings.shift, settings.probability)


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
    shift, probability = params[0], params[1]
    return min(score + shift, 10.0) if draw < probability else score
