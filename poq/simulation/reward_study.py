"""Reward study: the same rounds under other alpha and beta, and where the order of nodes flips.

The normalised reward depends on the ratio of the weights alone: with b = beta / (alpha + beta) it
is (1 - b) * quality + b * (1 - cost). Two nodes earn the same where
alpha * (q_i - q_j) = beta * (c_i - c_j), that is at beta / alpha = (q_i - q_j) / (c_i - c_j).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import combinations
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from poq import rewards
from poq.metrics.bootstrap import interval
from poq.rewards import RewardSettings
from poq.simulation.earnings import PoolMeans, earnings, mean_earnings

EQUAL_COSTS = 1e-9
"""Mean costs that differ by no more are equal: sums of equal costs differ by their rounding."""


def study_rewards(
    rounds: pl.DataFrame,
    ratings: pl.DataFrame,
    costs: pl.DataFrame,
    *,
    own: RewardSettings,
    points: Iterable[RewardSettings],
    resamples: int,
    confidence: float,
    seed: int,
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return what nodes earn at every point, and where pairs of them swap places.

    All points and all pairs share the resamples that ``rewards`` has, so that at the run's own
    weights the study repeats that table.

    Args:
        rounds: table ``rounds``.
        ratings: table ``ratings``.
        costs: table ``costs``.
        own: the weights that the run pays by.
        points: the weights to study.
        resamples: bootstrap resamples over prompts.
        confidence: coverage of the intervals.
        seed: the run's seed.

    Returns:
        Tables ``reward_study`` and ``reward_flips``.
    """
    earned = earnings(rounds, ratings, costs)
    pools = mean_earnings(earned, resamples=resamples, seed=seed)
    study = [
        row
        for pool in pools
        for settings in points
        for row in _point(pool, settings, own, confidence)
    ]
    flips = [row for pool in pools for row in _flips(pool, confidence)]
    return pl.DataFrame(study, infer_schema_length=None), pl.DataFrame(flips, schema=_FLIPS)


# Pools of one node have no pair: the columns are there all the same.
_FLIPS = {
    **dict.fromkeys(("kind", "task", "dearer", "cheaper"), pl.String),
    **dict.fromkeys(("rounds", "n_prompts"), pl.Int64),
    **dict.fromkeys(("ratio", "ratio_low", "ratio_high", "flip_share"), pl.Float64),
}


def _point(
    pool: PoolMeans, settings: RewardSettings, own: RewardSettings, confidence: float
) -> Iterator[dict[str, Any]]:
    """Yield the rows of one kind, task and point."""
    paid = rewards.reward(pool.quality, pool.cost, settings)
    normal = rewards.normalized(paid, settings)
    gain = normal - rewards.normalized(rewards.reward(pool.quality, pool.cost, own), own)
    leads = paid >= paid.max(axis=1, keepdims=True)
    for i, node in enumerate(pool.nodes):
        known = np.isfinite(paid[1:]).all(axis=1)
        quantities = {"reward": paid, "normalized_reward": normal, "gain": gain}
        estimates = {
            name: interval(float(values[0, i]), values[1:, i], confidence)
            for name, values in quantities.items()
        }
        yield {
            "node": node,
            "kind": pool.kind,
            "task": pool.task,
            "alpha": settings.alpha,
            "beta": settings.beta,
            "own": settings == own,
            "rounds": int(pool.rounds[:, i].sum()),
            "n_prompts": int((pool.rounds[:, i] > 0).sum()),
            **{k: v for name, e in estimates.items() for k, v in e.columns(name).items()},
            "rank": 1 + int((paid[0] > paid[0, i]).sum()),
            "lead_share": float(leads[1:][known, i].mean()) if known.any() else None,
        }


def _flips(pool: PoolMeans, confidence: float) -> Iterator[dict[str, Any]]:
    """Yield the rows of one kind and task."""
    for i, j in combinations(range(len(pool.nodes)), 2):
        dearer, cheaper = (j, i) if pool.cost[0, j] - pool.cost[0, i] > EQUAL_COSTS else (i, j)
        ratio = flip_ratio(
            pool.quality[:, dearer] - pool.quality[:, cheaper],
            pool.cost[:, dearer] - pool.cost[:, cheaper],
        )
        both = pool.rounds[:, i] + pool.rounds[:, j]
        known = np.isfinite(pool.quality[1:, [i, j]]).all(axis=1)
        yield {
            "kind": pool.kind,
            "task": pool.task,
            "dearer": pool.nodes[dearer],
            "cheaper": pool.nodes[cheaper],
            "rounds": int(both.sum()),
            "n_prompts": int((both > 0).sum()),
            **interval(float(ratio[0]), ratio[1:], confidence).columns("ratio"),
            "flip_share": float((ratio[1:][known] > 0).mean()) if known.any() else None,
        }


def flip_ratio(quality: NDArray[np.float64], cost: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return beta / alpha at which two nodes earn the same, of any shape.

    Args:
        quality: quality of one node less that of the other.
        cost: cost of the same node less that of the other.

    Returns:
        The ratio; not positive where one node is no worse at both, so that no weights swap them;
        NaN for equal costs (:data:`EQUAL_COSTS`), which no weight of cost can tell apart.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(np.abs(cost) > EQUAL_COSTS, quality / cost, np.nan)
