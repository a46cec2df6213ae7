"""Reliability: how far an evaluator's scores agree with the reference quality and the judge."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from poq.metrics.correlation import correlations
from poq.pooled import POOLED, references_of
from poq.reference_quality import references
from poq.schema import JUDGE
from poq.streams import stream
from poq.tables import cut


def reliability(
    scores: pl.DataFrame,
    scales: pl.DataFrame,
    quality: pl.DataFrame,
    *,
    architectures: Mapping[str, str],
    judge: str | None,
    resamples: int,
    confidence: float,
    seed: int,
) -> pl.DataFrame:
    """Return correlations of scores with each reference quality (table ``reliability``).

    On the test split only, per task and pooled over tasks; constant scores or qualities give
    null, never 0. An output without a score is left out, and n says so; a reference quality that
    no output of a task has (see :func:`poq.reference_quality.references`) has no row there.

    Args:
        scores: table ``scores`` of all evaluators.
        scales: table ``scales`` of all evaluators.
        quality: table ``reference_quality``.
        architectures: evaluator -> how it is built.
        judge: the evaluator whose scores are one more reference for all others; None without one.
        resamples: bootstrap resamples over prompts.
        confidence: coverage of the intervals.
        seed: the run's seed.
    """
    judged = scores.filter(pl.col("evaluator") == pl.lit(judge, pl.String)).select(
        "prompt_id", "model", pl.col("score").alias(JUDGE)
    )
    test = scores.filter(pl.col("split") == "test")
    for reference_columns in (quality.drop("task", "split"), judged):
        test = test.join(
            reference_columns,
            on=["prompt_id", "model"],
            how="left",
            validate="m:1",
            maintain_order="left",
        )
    by_task = pl.concat([test, test.with_columns(task=pl.lit(POOLED))])
    known = {str(task): references(rows) for (task,), rows in quality.group_by("task")}
    known[POOLED] = references(quality)
    compared = dict(scales.select("evaluator", "compares_with").unique().iter_rows())
    rows = []
    for (evaluator, task), group in by_task.group_by("evaluator", "task", maintain_order=True):
        judges = () if judge in (None, evaluator) else (JUDGE,)
        for reference in (*references_of(str(task), known[str(task)]), *judges):
            scored = group.drop_nulls(["score", reference])
            found = correlations(
                scored["score"],
                scored[reference],
                scored["prompt_id"],
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
                    "architecture": architectures[str(evaluator)],
                    "compares_with": compared[str(evaluator)],
                    "n": len(scored),
                    "n_prompts": scored["prompt_id"].n_unique(),
                    "cut_share": scored.select(cut("target", "output").mean()).item(),
                    **{key: value for column in columns for key, value in column.items()},
                }
            )
    return pl.DataFrame(rows, infer_schema_length=None)
