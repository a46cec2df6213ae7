"""Model prior: how good a node's outputs for other prompts of the task were.

The mean reference quality (the task's ``reference``) of that node and task over the calibration
split. A row of the calibration split is left out of its own mean, so a prior never holds the
quality that it is set against. Source: the historical quality of multi-dimensional scoring
(arXiv 2603.04028); the formula is ours.

It sees which node tends to be good, and needs references of the calibration prompts only, so a
live network can have it. It cannot see the output: all of a node's test outputs of one task get one
value, and a good node's bad output is overpaid. On the calibration split, leaving a row out makes
a node's better rows have slightly lower priors (by quality / (n - 1)); where nodes hardly differ
this alone gives a negative correlation, so a prior that is said to be harmful there may be merely
useless.

Range [0, 1]. Null without another calibration prompt of that node and task with a reference
quality.
"""

from __future__ import annotations

from typing import Literal

import polars as pl

from poq.dimensions.base import OUTPUT, DimensionSettings, Inputs


class Settings(DimensionSettings):
    """Historical quality of the node, per task, on the calibration split."""

    kind: Literal["model_prior"]


def measure(settings: Settings, inputs: Inputs) -> pl.DataFrame:
    """Return the prior of each output."""
    own = pl.coalesce(
        pl.when(pl.col("task") == task).then(reference)
        for task, reference in inputs.references.items()
    )
    history = (pl.col("split") == "calibration") & own.is_not_null()
    rows = inputs.quality.sort(OUTPUT).select(
        *OUTPUT, "task", counts=history, own=pl.when(history).then(own).otherwise(0.0)
    )
    group = ["model", "task"]
    others = pl.col("counts").sum().over(group) - pl.col("counts").cast(pl.Int64)
    total = pl.col("own").sum().over(group) - pl.col("own")
    return rows.select(*OUTPUT, value=pl.when(others > 0).then(total / others).clip(0, 1))
