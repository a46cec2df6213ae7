"""No attack: nodes that are called malicious report as the others do.

The twin of every attack: what the same nodes earn with the same random numbers if they are honest.
"""

from __future__ import annotations

from typing import Literal

from poq.attacks.base import Draws, Floats
from poq.attacks.base import full_effort as effort
from poq.attacks.base import never as renews_below
from poq.attacks.base import no_fee as fee
from poq.settings import Settings as BaseSettings

__all__ = ["DRAWS", "Settings", "effort", "fee", "manipulate", "params", "renews_below"]

DRAWS: Draws = "nothing"


class Settings(BaseSettings):
    """Malicious nodes that do nothing."""

    kind: Literal["honest"]


def params(settings: Settings) -> tuple[float, ...]:
    """Return nothing of use."""
    return ()


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
    return score
