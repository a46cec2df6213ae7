"""Maps the raw values of one evaluator to scores in [0, 10]; needs no evaluator."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from pydantic import TypeAdapter

from poq.evaluators.scale import FittedScale, FixedScale, Scale
from poq.schema import RAW
from poq.tables import with_prompts

MIDPOINT = 5.0


def scale_scores(
    evaluator: str, values: Mapping[str, Any], prompts: pl.DataFrame, raw: pl.DataFrame
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return an evaluator's scores of all outputs and the scales that they are on.

    The score of an empty output, whose raw value is null for no reason, is 0, since a network pays
    nothing for nothing. A raw value that is missing for a reason has no score.

    Args:
        evaluator: name of the evaluator.
        values: its settings: ``scale``, and what it ``compares_with``.
        prompts: table ``prompts``.
        raw: table ``raw_scores`` of all shards.

    Returns:
        Tables ``scores`` and ``scales``.
    """
    scale: FixedScale | FittedScale = TypeAdapter(Scale).validate_python(values["scale"])
    keys = ["prompt_id", "model", "evaluator"]
    scored = (
        with_prompts(raw, prompts)
        .sort("prompt_id", "model")
        .select(*keys, "task", "split", *(column.name for column in RAW))
    )
    scales = pl.DataFrame(
        [
            {
                "evaluator": evaluator,
                "task": task,
                "compares_with": values["compares_with"],
                "method": scale.method,
                **fit_scale(group, scale),
            }
            for (task,), group in scored.group_by("task", maintain_order=True)
        ]
    )
    joined = scored.join(
        scales.select("task", "low", "high"), on="task", validate="m:1", maintain_order="left"
    )
    score = to_scores(*(joined[name].to_numpy() for name in ("raw", "low", "high")))
    given = pl.when(pl.col("missing").is_null()).then(pl.Series("score", score))
    return scored.with_columns(score=given), scales


def fit_scale(scored: pl.DataFrame, scale: Scale) -> dict[str, float | int]:
    """Return ``low``, ``high`` and ``n`` of a scale for the outputs of one task.

    A fitted scale takes quantiles of the raw values of the calibration split. Without any, or if
    they all agree, ``low`` equals ``high`` and :func:`to_scores` gives the midpoint.
    """
    if isinstance(scale, FixedScale):
        return {"low": scale.low, "high": scale.high, "n": 0}
    raw = scored.filter(pl.col("split") == "calibration")["raw"].drop_nulls().to_numpy()
    if not len(raw):
        return {"low": 0.0, "high": 0.0, "n": 0}
    low, high = np.quantile(raw, [scale.low_quantile, scale.high_quantile])
    return {"low": float(low), "high": float(high), "n": len(raw)}


def to_scores(
    raw: NDArray[np.float64], low: NDArray[np.float64], high: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return scores in [0, 10]: linear from low to high, clipped; shapes (n,).

    NaN (an empty output) gives 0; a scale of no width gives 5, which favours nobody.
    """
    width = high - low
    with np.errstate(divide="ignore", invalid="ignore"):
        score = np.where(width > 0, 10 * np.clip((raw - low) / width, 0, 1), MIDPOINT)
    return np.where(np.isnan(raw), 0.0, score)
