"""Costs: what the measured seconds of a node are worth in the reward.

The reward's cost ``C`` comes from measured seconds, never from nominal model size (cost-aware
PoQ, arXiv 2512.16317), min-max normalised over the nodes of one kind and task. Of logged models it
comes from what their logs tell: a cost in any unit, else the latency.
"""

from __future__ import annotations

import polars as pl

from poq.schema import TABLES

POOL = ["kind", "task"]


def normalize_costs(profiles: pl.DataFrame, logged: pl.DataFrame | None = None) -> pl.DataFrame:
    """Summarise profiles and logs, and normalise their cost (table ``costs``).

    ``cost`` is the median seconds of single requests (of logged models the median cost of their
    rows, if the log tells it, else the median latency), min-max normalised over the nodes of one
    kind and task: 0 the cheapest, 1 the dearest; 0 for all where there is one node or all agree, or
    where a log tells neither, and then ``n`` is 0 and ``seconds`` null.

    Args:
        profiles: table ``profile`` of all nodes that were timed.
        logged: table ``logged``; None without logs.
    """
    nodes = _of_profiles(profiles)
    if logged is not None:
        nodes = pl.concat([nodes, _of_logs(logged)], how="diagonal_relaxed")
    amount = pl.col("amount")
    low, high = amount.min().over(POOL), amount.max().over(POOL)
    cost = pl.when(high > low).then((amount - low) / (high - low)).otherwise(0.0)
    columns = [column.name for column in TABLES["costs"].columns]
    return nodes.with_columns(cost=cost).select(columns)


def _of_profiles(profiles: pl.DataFrame) -> pl.DataFrame:
    """Return each profiled node's costs, and the ``amount`` that is normalised."""
    single = pl.col("batch") == 1
    seconds, tokens, memory = (
        pl.col(name).filter(single) for name in ("seconds", "output_tokens", "peak_memory")
    )
    batch, batch_seconds, batch_tokens = (
        pl.col(name).filter(~single) for name in ("batch", "seconds", "output_tokens")
    )
    return profiles.group_by("node", *POOL, maintain_order=True).agg(
        single.sum().alias("n"),
        *_quartiles(seconds),
        _speed(tokens, seconds).alias("tokens_per_second"),
        batch.max(),
        _speed(batch, batch_seconds).alias("batch_requests_per_second"),
        _speed(batch_tokens, batch_seconds).alias("batch_tokens_per_second"),
        memory.max(),
        pl.col("parameters", "model_bytes", "precision", "attention", "hardware").first(),
        amount=seconds.median(),
    )


def _of_logs(logged: pl.DataFrame) -> pl.DataFrame:
    """Return each logged model's costs, as far as they are known, likewise."""
    seconds = pl.col("seconds")
    told = pl.coalesce("cost", "seconds")
    return logged.group_by(
        pl.col("model").alias("node"), pl.lit("inference").alias("kind"), "task",
        maintain_order=True,
    ).agg(
        told.count().alias("n"),
        *_quartiles(seconds),
        amount=pl.coalesce(pl.col("cost").median(), seconds.median()),
    )  # fmt: skip


def _quartiles(seconds: pl.Expr) -> list[pl.Expr]:
    return [
        seconds.median(),
        seconds.quantile(0.25, "linear").alias("seconds_q1"),
        seconds.quantile(0.75, "linear").alias("seconds_q3"),
    ]


def _speed(amount: pl.Expr, seconds: pl.Expr) -> pl.Expr:
    """Return all of an amount over all seconds; null where there is none or a part is unknown."""
    known = (amount.len() > 0) & (amount.null_count() == 0)
    return pl.when(known).then(amount.sum() / seconds.sum())
