"""Trust by the previous consensus: d = |s - previous consensus| / 10, against the median of all d.

The previous consensus is that of the last round with the same inference node: the scores of a round
cannot move what they are compared with, however many of its nodes collude. It is about another
output, but that part of the deviation is common to the round and leaves with the median:
w <- clip(w * (1 + rate * (median(d) - d)), minimum, maximum). Source: ours. In the first round of
an inference node, and with K = 1, nothing moves.
"""

from __future__ import annotations

from typing import Literal

from poq.trust.base import ComparesWith, RatedTrustSettings
from poq.trust.peer_median import cap, params, update

__all__ = ["COMPARES_WITH", "USES_TYPICAL", "Settings", "cap", "params", "update"]

COMPARES_WITH: ComparesWith = "previous"
USES_TYPICAL = True


class Settings(RatedTrustSettings):
    """Deviation from the previous consensus."""

    kind: Literal["previous_round"]
