"""Lazy: always the running mean of the consensus, and no evaluation.

It bears none of the evaluation cost and is the closer to the consensus the less outputs differ:
the classic free rider of consensus rewards. Source: ours.
"""

from __future__ import annotations

from typing import Literal

from poq.attacks.base import Draws, Floats
from poq.attacks.base import never as renews_below
from poq.attacks.base import no_fee as fee
from poq.settings import Settings as BaseSettings

__all__ = ["DRAWS", "Settings", "effort", "fee", "manipulate", "params", "renews_below"]

DRAWS: Draws = "nothing"


class Settings(BaseSettings):
    """The same score for everything."""

    kind: Literal["lazy"]


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
    return average


def effort(settings: Settings) -> float:
    """Return 0: the attacker evaluates nothing."""
    return 0.0
