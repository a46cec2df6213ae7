"""Costs: what the measured seconds of a node are worth in the reward.

The reward's cost ``C`` comes from measured seconds, never from nominal model size (cost-aware
PoQ, arXiv 2512.16317), min-max normalised over the nodes of one kind and task.
"""

from __future__ import annotations

import polars as pl


def normalize_costs(profiles: pl.DataFrame) -> pl.DataFrame:
    """Summarise profiles and normalise their cost (table ``costs``).

    ``cost`` is the median seconds, min-max normalised over the nodes of one kind and task: 0
    the cheapest, 1 the dearest; 0 for all where there is one node or all agree.

    Args:
        profiles: table ``profile`` of all nodes.
    """
    seconds, tokens = pl.col("seconds"), pl.col("output_tokens")
    pool = ["kind", "task"]
    low, high = seconds.min().over(pool), seconds.max().over(pool)
    return (
        profiles.group_by("node", *pool, maintain_order=True)
        .agg(
            pl.len().alias("n"),
            seconds.median(),
            seconds.quantile(0.25, "linear").alias("seconds_q1"),
            seconds.quantile(0.75, "linear").alias("seconds_q3"),
            pl.when(tokens.null_count() == 0)
            .then(tokens.sum() / seconds.sum())
            .alias("tokens_per_second"),
            pl.col("peak_memory").max(),
            pl.col("parameters", "model_bytes").first(),
            pl.col("hardware").first(),
        )
        .with_columns(
            pl.when(high > low).then((seconds - low) / (high - low)).otherwise(0.0).alias("cost")
        )
    )
