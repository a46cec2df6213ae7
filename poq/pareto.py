"""Pareto front: which inference nodes no other one beats on both quality and seconds."""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import ArrayLike, NDArray

from poq.metrics.bootstrap import prompt_counts
from poq.reference_quality import references
from poq.streams import stream


def front(quality: ArrayLike, seconds: ArrayLike) -> NDArray[np.bool_]:
    """Return which of n points are on the front of high quality and few seconds.

    A point is beaten by another that is at least as good in both and better in one. Equal points
    do not beat each other: they are on the front together, or beaten together. A point whose
    quality is NaN is not on the front and beats nobody.

    Args:
        quality: shape (..., n), more is better.
        seconds: shape (n,), less is better.

    Returns:
        Shape (..., n).
    """
    q, s = np.asarray(quality, dtype=np.float64), np.asarray(seconds, dtype=np.float64)
    mine, other = q[..., :, None], q[..., None, :]
    as_good = (other >= mine) & (s[None, :] <= s[:, None])
    better = (other > mine) | (s[None, :] < s[:, None])
    return np.asarray(~(as_good & better).any(axis=-1) & np.isfinite(q))


def find_front(
    quality: pl.DataFrame, costs: pl.DataFrame, *, resamples: int, seed: int
) -> pl.DataFrame:
    """Return the front of every task and reference quality (table ``pareto``).

    On the test split. All nodes share a resample of prompts, since a hard prompt is hard for all;
    the median seconds stay as they were measured. Of logged models whose seconds are not known
    nobody can say who is on the front: it is null for all nodes of such a task.

    Args:
        quality: table ``reference_quality``.
        costs: table ``costs``.
        resamples: bootstrap resamples over prompts.
        seed: the run's seed.
    """
    timed = costs.filter(pl.col("kind") == "inference").select("node", "task", "seconds")
    rows = (
        quality.filter(pl.col("split") == "test")
        .rename({"model": "node"})
        .join(timed, on=["node", "task"], validate="m:1")
        .sort("prompt_id", "node")
    )
    found = []
    for (task,), group in rows.group_by("task", maintain_order=True):
        nodes = group.group_by("node").agg(
            pl.len().alias("n"), pl.col("prompt_id").n_unique().alias("n_prompts"),
            pl.col("seconds").first(),
        ).sort("node")  # fmt: skip
        prompts, row = np.unique(group["prompt_id"].to_numpy(), return_inverse=True)
        _, column = np.unique(group["node"].to_numpy(), return_inverse=True)
        counts = np.vstack(
            [
                np.ones(len(prompts)),
                prompt_counts(len(prompts), resamples, stream(seed, "pareto", str(task))),
            ]
        )
        shape = len(prompts), len(nodes)
        sizes = np.zeros(shape)
        np.add.at(sizes, (row, column), 1.0)
        timed_all = nodes["seconds"].null_count() == 0
        for reference in references(quality.filter(pl.col("task") == task)):
            sums = np.zeros(shape)
            np.add.at(sums, (row, column), group[reference].to_numpy())
            with np.errstate(invalid="ignore"):
                means = (counts @ sums) / (counts @ sizes)
            on_front: list[bool | None] = [None] * len(nodes)
            share = np.full(len(nodes), np.nan)
            if timed_all:
                fronts = front(means, nodes["seconds"].to_numpy())
                on_front = fronts[0].tolist()
                share = fronts[1:].mean(axis=0) if len(prompts) > 1 else share
            found.append(
                nodes.with_columns(
                    pl.Series("quality", means[0]),
                    pl.Series("front", on_front, pl.Boolean),
                    pl.Series("front_share", share, nan_to_null=True),
                    task=pl.lit(task),
                    reference=pl.lit(reference),
                )
            )
    return pl.concat(found)
