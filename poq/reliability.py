"""Reliability: how far an evaluator's scores agree with the reference quality."""

from __future__ import annotations

import polars as pl

from poq.metrics.correlation import correlations
from poq.schema import REFERENCE_METRICS
from poq.streams import stream


def reliability(
    scores: pl.DataFrame,
    scales: pl.DataFrame,
    quality: pl.DataFrame,
    *,
    resamples: int,
    confidence: float,
    seed: int,
) -> pl.DataFrame:
    """Return correlations of scores with each reference quality (table ``reliability``).

    On the test split only, per task and pooled over tasks; constant scores or qualities give
    null, never 0. Outputs without a score are left out, and count in no n.

    Args:
        scores: table ``scores`` of all evaluators.
        scales: table ``scales`` of all evaluators.
        quality: table ``reference_quality``.
        resamples: bootstrap resamples over prompts.
        confidence: coverage of the intervals.
        seed: the run's seed.
    """
    test = scores.filter(pl.col("split") == "test").join(
        quality.drop("task", "split"),
        on=["prompt_id", "model"],
        validate="m:1",
        maintain_order="left",
    )
    by_task = pl.concat([test, test.with_columns(task=pl.lit("pooled"))])
    compared = dict(scales.select("evaluator", "compares_with").unique().iter_rows())
    rows = []
    for (evaluator, task), outputs in by_task.group_by("evaluator", "task", maintain_order=True):
        group = outputs.filter(pl.col("score").is_not_null())
        for reference in REFERENCE_METRICS:
            found = correlations(
                group["score"],
                group[reference],
                group["prompt_id"],
                resamples=resamples,
                confidence=confidence,
                rng=stream(seed, "reliability", str(evaluator), str(task), reference),
            )
            columns = [estimate.columns(name) for name, estimate in found.items()]
            rows.append(
                {
                    "evaluator": evaluator,
                    "task": task,
                    "reference": reference,
                    "compares_with": compared[str(evaluator)],
                    "n": len(group),
                    "n_prompts": group["prompt_id"].n_unique(),
                    **{key: value for column in columns for key, value in column.items()},
                }
            )
    return pl.DataFrame(rows, infer_schema_length=None)
