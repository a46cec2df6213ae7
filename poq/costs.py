"""Costs: what the measured seconds of a node are worth in the reward.

The reward's cost ``C`` comes from measured seconds, never from nominal model size (cost-aware
PoQ, arXiv 2512.16317), min-max normalised over the nodes of one kind and task.
"""

from __future__ import annotations

import polars as pl


def normalize_costs(profiles: pl.DataFrame) -> pl.DataFrame:
    """Summarise profiles and normalise their cost (table ``costs``).

    ``cost`` is the median seconds of single requests, min-max normalised over the nodes of one
    kind and task: 0 the cheapest, 1 the dearest; 0 for all where there is one node or all agree.

    Args:
        profiles: table ``profile`` of all nodes.
    """
    pool = ["kind", "task"]
    cost = pl.col("seconds")
    low, high = cost.min().over(pool), cost.max().over(pool)
    single = pl.col("batch") == 1
    seconds, tokens, memory = (
        pl.col(name).filter(single) for name in ("seconds", "output_tokens", "peak_memory")
    )
    batch, batch_seconds, batch_tokens = (
        pl.col(name).filter(~single) for name in ("batch", "seconds", "output_tokens")
    )
    return (
        profiles.group_by("node", *pool, maintain_order=True)
        .agg(
            single.sum().alias("n"),
            seconds.median(),
            seconds.quantile(0.25, "linear").alias("seconds_q1"),
            seconds.quantile(0.75, "linear").alias("seconds_q3"),
            _speed(tokens, seconds).alias("tokens_per_second"),
            batch.max(),
            _speed(batch, batch_seconds).alias("batch_requests_per_second"),
            _speed(batch_tokens, batch_seconds).alias("batch_tokens_per_second"),
            memory.max(),
            pl.col("parameters", "model_bytes", "hardware").first(),
        )
        .with_columns(
            pl.when(high > low).then((cost - low) / (high - low)).otherwise(0.0).alias("cost")
        )
    )


def _speed(amount: pl.Expr, seconds: pl.Expr) -> pl.Expr:
    """Return all of an amount over all seconds; null where there is none or a part is unknown."""
    known = (amount.len() > 0) & (amount.null_count() == 0)
    return pl.when(known).then(amount.sum() / seconds.sum())
