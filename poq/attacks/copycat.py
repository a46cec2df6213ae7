"""Copycat: repeats a peer's score and saves the cost of evaluating.

Without commit-reveal it repeats the first honest score of the round; if there is none, and always
with commit-reveal (scores are committed to before any is seen), the last one that was revealed,
which is about another output. It bears none of the evaluation cost. Source: ours; weight copying
and commit-reveal are known from Bittensor.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from poq.attacks.base import Draws, Floats
from poq.attacks.base import never as renews_below
from poq.attacks.base import no_fee as fee
from poq.settings import Settings as BaseSettings

__all__ = ["DRAWS", "Settings", "effort", "fee", "manipulate", "params", "renews_below"]

DRAWS: Draws = "nothing"


class Settings(BaseSettings):
    """Scores of somebody else."""

    kind: Literal["copycat"]
    commit_reveal: bool = Field(
        False, description="Whether scores are committed to before any is seen."
    )


def params(settings: Settings) -> tuple[float, ...]:
    """Return whether there is commit-reveal."""
    return (float(settings.commit_reveal),)


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
    commit_reveal: float = params[0]
    # NaN, a round without an honest node, is the one value that differs from itself.
    return revealed if commit_reveal > 0 or peer != peer else peer


def effort(settings: Settings) -> float:
    """Return 0: the attacker evaluates nothing."""
    return 0.0
