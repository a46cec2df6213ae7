"""Trust by the consensus of the others: d = |s - c without s| / 10, against the median of all d.

Under the plain deviation a score pulls the consensus towards itself and so hides part of its
deviation, the more the smaller K. Here each score is compared with what the other K - 1 agree on
under the same consensus rule; then w <- clip(w * (1 + rate * (median(d) - d)), minimum, maximum).
Source: ours, after cross-validation. With K = 1 there are no others: nothing moves.
"""

from __future__ import annotations

from typing import Literal

from poq.trust.base import ComparesWith, RatedTrustSettings
from poq.trust.peer_median import cap, params, update

__all__ = ["COMPARES_WITH", "USES_TYPICAL", "Settings", "cap", "params", "update"]

COMPARES_WITH: ComparesWith = "others"
USES_TYPICAL = True


class Settings(RatedTrustSettings):
    """Deviation from the consensus of the others."""

    kind: Literal["leave_one_out"]
