"""What all trust updates share.

A module says what a score is compared with (``COMPARES_WITH``) and has
``update(weights, deviations, typical, params)``, which gets the K sampled nodes of one round
after their consensus, and changes their weights in place:

- ``weights``: their trust, shape (K,), positive;
- ``deviations``: |s - x| / 10 in [0, 1], x being the ``consensus`` of the round, the consensus of
  the ``others`` (leave one out), or the ``previous`` consensus on the same inference node;
- ``typical``: the median of the deviations if ``USES_TYPICAL``, else 0.

``params(settings)`` gives its numbers, ``cap(settings)`` the trust of a node in good standing. The
function is plain Python: :mod:`poq.simulation.kernel` compiles it, the reference calls it.
"""

from __future__ import annotations

from typing import Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from poq.settings import Settings

Floats = NDArray[np.float64]
ComparesWith = Literal["consensus", "others", "previous"]


MOST = 1e6
"""Most trust that can be set: only shares of trust count, and sums of it must stay finite."""


class TrustSettings(Settings):
    """Settings that all updates share."""

    initial: float = Field(
        1.0, gt=0, le=MOST, description="Trust of a node that has not been sampled yet."
    )


class BoundedTrustSettings(TrustSettings):
    """Settings of the updates that keep trust between two bounds."""

    minimum: float = Field(0.1, gt=0, description="Lower bound of trust.")
    maximum: float = Field(2.0, gt=0, le=MOST, description="Upper bound of trust, the cap.")

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if not self.minimum <= self.initial <= self.maximum:
            raise ValueError(
                f"found minimum {self.minimum}, initial {self.initial}, maximum {self.maximum}; "
                "expected minimum <= initial <= maximum"
            )
        return self


class RatedTrustSettings(BoundedTrustSettings):
    """Settings of the updates that multiply."""

    rate: float = Field(0.1, gt=0, le=1, description="Speed of the update, lambda.")
