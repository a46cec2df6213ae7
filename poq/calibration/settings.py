"""Settings of the audit and of what is chosen by it."""

from __future__ import annotations

from pydantic import Field

from poq.settings import Settings


class CalibrationSettings(Settings):
    """What a dimension must be worth."""

    minimum: float = Field(
        0.1, ge=0, le=1, description="Least Pearson's r with reference quality of a dimension that "
        "counts as reliable; its interval must lie above 0 too."
    )  # fmt: skip
