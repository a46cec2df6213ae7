"""Agreement among evaluators: how near their scores of one output are to each other.

1 - sd / 5, with the population standard deviation of the named evaluators' scores; 5 is the
largest that scores in [0, 10] can have. The kind (agreement, uncertainty) is that of
arXiv 2603.04028, the formula is ours.

It sees how sure a consensus would be; it cannot see what the evaluators agree on: an output that
all call bad (an empty one above all) has full agreement. Evaluators that run one model agree more.

Range [0, 1]. Null for fewer than two scores.
"""

from __future__ import annotations

from typing import ClassVar, Literal

import polars as pl
from pydantic import Field

from poq.dimensions.base import OUTPUT, Inputs, ScoredSettings

LARGEST_SD = 5.0


class Settings(ScoredSettings):
    """Closeness of the evaluators' scores; reference based if one of them is."""

    kind: Literal["evaluator_agreement"]
    evaluators: tuple[str, ...] = Field(
        min_length=2, description="Names of two or more evaluators, keys of `evaluators`."
    )
    mixed: ClassVar[bool] = True


def measure(settings: Settings, inputs: Inputs) -> pl.DataFrame:
    """Return the agreement on each output that was scored."""
    agreement = 1 - pl.col("score").std(ddof=0) / LARGEST_SD
    return inputs.scores_of(settings.evaluators).group_by(OUTPUT, maintain_order=True).agg(
        value=pl.when(pl.len() > 1).then(agreement)
    )  # fmt: skip
