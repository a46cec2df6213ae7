"""How an evaluator's raw values map to scores: a range known beforehand, or a fitted one."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from poq.settings import Settings


class FixedScale(Settings):
    """Maps raw values linearly from a range known beforehand onto [0, 10]."""

    method: Literal["fixed"] = "fixed"
    low: float = Field(description="Raw value that becomes score 0.")
    high: float = Field(description="Raw value that becomes score 10.")

    @model_validator(mode="after")
    def _ordered(self) -> FixedScale:
        if self.low >= self.high:
            raise ValueError("expected low below high")
        return self


class FittedScale(Settings):
    """Maps raw values linearly from quantiles of the calibration split, per task, onto [0, 10]."""

    method: Literal["fitted"] = "fitted"
    low_quantile: float = Field(0.05, ge=0, lt=0.5, description="Quantile that becomes score 0.")
    high_quantile: float = Field(0.95, gt=0.5, le=1, description="Quantile that becomes score 10.")


Scale = Annotated[FixedScale | FittedScale, Field(discriminator="method")]
