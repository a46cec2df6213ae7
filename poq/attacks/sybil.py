"""Sybil: boosts, and comes back under a new identity once its trust is gone.

A node whose trust falls below the share ``leave_at`` of the initial trust is replaced by a new one,
which starts at the initial trust and costs ``fee``. Source: ours.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from poq.attacks.base import Draws, Floats
from poq.attacks.base import full_effort as effort
from poq.settings import Settings as BaseSettings

__all__ = ["DRAWS", "Settings", "effort", "fee", "manipulate", "params", "renews_below"]

DRAWS: Draws = "nothing"


class Settings(BaseSettings):
    """Scores too high under ever new names."""

    kind: Literal["sybil"]
    shift: float = Field(3.0, ge=0, le=10, description="Points added.")
    leave_at: float = Field(
        0.5, gt=0, lt=1, description="Share of the initial trust below which the node is given up."
    )
    fee: float = Field(0.0, ge=0, description="Cost of an identity, in units of reward.")


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


def renews_below(settings: Settings, initial: float) -> float:
    """Return the trust below which an identity is given up."""
    return settings.leave_at * initial


def fee(settings: Settings) -> float:
    """Return the cost of an identity."""
    return settings.fee
