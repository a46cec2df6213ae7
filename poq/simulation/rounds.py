"""The PoQ run: rounds over logged scores, and what every node earns in them.

A round draws a prompt, an inference node and K evaluator nodes without replacement, all
uniformly; the consensus of their logged scores pays all of them (cost-aware PoQ,
arXiv 2512.16317, which runs 5,000 rounds).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl

from poq import kinds, rewards
from poq.errors import PoqError
from poq.metrics.bootstrap import interval
from poq.simulation.earnings import earnings, mean_earnings
from poq.streams import stream


def simulate(
    scores: pl.DataFrame,
    *,
    pool: Sequence[str],
    rounds: int,
    evaluators_per_round: int,
    consensus: Mapping[str, Any],
    seed: int,
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Run PoQ rounds over the logged scores of the test split.

    Args:
        scores: table ``scores`` of all evaluators in the pool.
        pool: names of the evaluator nodes.
        rounds: number of rounds.
        evaluators_per_round: K, at most the size of the pool.
        consensus: settings of the consensus rule, with its ``kind``.
        seed: the run's seed.

    Returns:
        Tables ``rounds`` and ``ratings``.

    Raises:
        PoqError: an evaluator of the pool has no score for an output.
    """
    wide = (
        scores.filter((pl.col("split") == "test") & pl.col("evaluator").is_in(pool))
        .pivot("evaluator", index=["prompt_id", "task", "model"], values="score")
        .sort("prompt_id", "model")
    )
    prompts, models = wide["prompt_id"].unique(), wide["model"].unique()
    if wide.width < 3 + len(pool) or sum(wide.null_count().row(0)):
        raise PoqError("scores: an evaluator of the pool has no score for some outputs")
    if len(wide) != len(prompts) * len(models):
        raise PoqError(
            f"scores: {len(wide)} outputs of the test split; expected one of each of "
            f"{len(models)} inference nodes for each of {len(prompts)} prompts"
        )
    rng = stream(seed, "simulation")
    output = rng.integers(len(prompts), size=rounds) * len(models)
    output += rng.integers(len(models), size=rounds)
    # The K smallest of independent uniform keys are a uniform sample without replacement.
    keys = rng.random((rounds, len(pool)))
    sampled = np.argsort(keys, axis=1)[:, :evaluators_per_round]
    given = wide.select(pool).to_numpy()[output[:, None], sampled]
    rule = kinds.load("poq.consensus", consensus["kind"])
    agreed = rule.consensus(given, kinds.settings("poq.consensus", consensus))
    index = np.arange(rounds)
    played = wide.select("prompt_id", "task", "model")[output]
    ratings = pl.DataFrame(
        {
            "round": np.repeat(index, evaluators_per_round),
            "evaluator": np.asarray(pool)[sampled.ravel()],
            "score": given.ravel(),
            "deviation": (np.abs(given - agreed[:, None]) / 10).ravel(),
        }
    )
    return played.with_columns(pl.Series("round", index), pl.Series("consensus", agreed)), ratings


def pay(
    rounds: pl.DataFrame,
    ratings: pl.DataFrame,
    costs: pl.DataFrame,
    settings: rewards.RewardSettings,
    *,
    resamples: int,
    confidence: float,
    seed: int,
) -> pl.DataFrame:
    """Return the mean reward of every node, per task and pooled (table ``rewards``).

    Args:
        rounds: table ``rounds``.
        ratings: table ``ratings``.
        costs: table ``costs``.
        settings: alpha and beta.
        resamples: bootstrap resamples over prompts.
        confidence: coverage of the intervals.
        seed: the run's seed.
    """
    found = []
    earned = earnings(rounds, ratings, costs)
    for pool in mean_earnings(earned, resamples=resamples, seed=seed):
        paid = rewards.reward(pool.quality, pool.cost, settings)
        quantities = {
            "quality": pool.quality,
            "cost": pool.cost,
            "reward": paid,
            "normalized_reward": rewards.normalized(paid, settings),
        }
        for i, node in enumerate(pool.nodes):
            columns: dict[str, float | None] = {}
            for name, values in quantities.items():
                estimate = interval(float(values[0, i]), values[1:, i], confidence)
                columns |= estimate.columns(name)
            found.append(
                {
                    "node": node,
                    "kind": pool.kind,
                    "task": pool.task,
                    "rounds": int(pool.rounds[:, i].sum()),
                    "n_prompts": int((pool.rounds[:, i] > 0).sum()),
                    **columns,
                }
            )
    return pl.DataFrame(found, infer_schema_length=None)
