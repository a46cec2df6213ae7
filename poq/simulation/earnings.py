"""What the nodes of a PoQ run are paid for: quality and cost, round by round and on average.

Rounds, and with them quality and cost, do not depend on alpha and beta; and a mean reward is
linear in the mean quality and the mean cost. So the resamples of these two means give the
interval of any reward: nothing has to be simulated or resampled again for other weights.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from poq import rewards
from poq.errors import PoqError
from poq.metrics.bootstrap import prompt_counts
from poq.streams import stream


class PoolMeans(NamedTuple):
    """Mean quality and cost of m nodes of one kind and task, as played and under b resamples.

    ``quality`` and ``cost`` have shape (1 + b, m) and lie in [0, 1]: row 0 is the rounds as they
    were played, each further row a resample of their prompts that all nodes share. NaN where a
    resample holds no round of a node, and in all resamples of a single prompt.
    """

    kind: str
    task: str
    nodes: list[str]
    rounds: NDArray[np.int64]
    """Rounds of each node on each prompt, shape (prompts, m)."""
    quality: NDArray[np.float64]
    cost: NDArray[np.float64]


def earnings(rounds: pl.DataFrame, ratings: pl.DataFrame, costs: pl.DataFrame) -> pl.DataFrame:
    """Return quality and cost of each node in each of its rounds.

    Args:
        rounds: table ``rounds``.
        ratings: table ``ratings``.
        costs: table ``costs``.

    Returns:
        One row a round and node: ``prompt_id``, ``task``, ``node``, ``kind``, ``quality`` (c/10,
        or 1 - |s - c|/10) and normalised ``cost``, both in [0, 1].

    Raises:
        PoqError: a node has no cost.
    """
    inference = rounds.select(
        "prompt_id",
        "task",
        node="model",
        kind=pl.lit("inference"),
        quality=pl.Series(rewards.inference_quality(rounds["consensus"])),
    )
    evaluators = ratings.join(rounds, on="round", validate="m:1", maintain_order="left").select(
        "prompt_id",
        "task",
        node="evaluator",
        kind=pl.lit("evaluator"),
        quality=pl.Series(rewards.evaluator_quality(ratings["deviation"])),
    )
    earned = pl.concat([inference, evaluators]).join(
        costs.select("node", "kind", "task", "cost"),
        on=["node", "kind", "task"],
        how="left",
        validate="m:1",
        maintain_order="left",
    )
    if missing := earned.filter(pl.col("cost").is_null())["node"].unique().sort().to_list():
        raise PoqError(f"costs: nodes {missing} have no cost")
    return earned


def mean_earnings(earned: pl.DataFrame, *, resamples: int, seed: int) -> list[PoolMeans]:
    """Return mean quality and cost per kind and task, and pooled over tasks (task "pooled").

    Args:
        earned: the frame of :func:`earnings`.
        resamples: bootstrap resamples over prompts.
        seed: the run's seed.
    """
    by_task = pl.concat([earned, earned.with_columns(task=pl.lit("pooled"))])
    found = []
    for (kind, task), group in by_task.group_by("kind", "task", maintain_order=True):
        prompts, row = np.unique(group["prompt_id"].to_numpy(), return_inverse=True)
        nodes, column = np.unique(group["node"].to_numpy(), return_inverse=True)
        place, shape = row * len(nodes) + column, (len(prompts), len(nodes))
        drawn = prompt_counts(
            len(prompts), resamples, stream(seed, "rewards", str(kind), str(task))
        )
        if len(prompts) < 2:
            drawn[:] = np.nan
        counts = np.vstack([np.ones(len(prompts)), drawn])
        sizes = np.bincount(place, minlength=len(prompts) * len(nodes)).reshape(shape)
        means = []
        for name in ("quality", "cost"):
            sums = np.bincount(place, group[name].to_numpy(), len(prompts) * len(nodes))
            with np.errstate(invalid="ignore"):
                means.append((counts @ sums.reshape(shape)) / (counts @ sizes))
        found.append(PoolMeans(str(kind), str(task), nodes.tolist(), sizes, *means))
    return found
