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

    An evaluator that has no score for an output is not drawn for it: the K evaluators are drawn
    among those that have one, and are fewer than K where fewer have.

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
        PoqError: an evaluator of the pool lacks the row of an output, or no evaluator scored it.
    """
    logged = scores.filter((pl.col("split") == "test") & pl.col("evaluator").is_in(pool))
    wide = logged.pivot("evaluator", index=["prompt_id", "task", "model"], values="score").sort(
        "prompt_id", "model"
    )
    prompts, models = wide["prompt_id"].unique(), wide["model"].unique()
    if len(logged) != len(wide) * len(pool):
        raise PoqError("scores: an evaluator of the pool lacks some outputs")
    if len(wide) != len(prompts) * len(models):
        raise PoqError(
            f"scores: {len(wide)} outputs of the test split; expected one of each of "
            f"{len(models)} inference nodes for each of {len(prompts)} prompts"
        )
    rng = stream(seed, "simulation")
    output = rng.integers(len(prompts), size=rounds) * len(models)
    output += rng.integers(len(models), size=rounds)
    values = wide.select(pl.col(pool).cast(pl.Float64)).to_numpy()
    if (unscored := np.isnan(values).all(axis=1)).any():
        prompt_id, model = wide.select("prompt_id", "model").row(int(np.argmax(unscored)))
        raise PoqError(f"scores: no evaluator scored the output of {model} for {prompt_id}")
    # The K smallest of independent uniform keys are a uniform sample without replacement.
    keys = np.where(np.isnan(values[output]), np.inf, rng.random((rounds, len(pool))))
    sampled = np.argsort(keys, axis=1)[:, :evaluators_per_round]
    given = values[output[:, None], sampled]
    drawn = ~np.isnan(given)
    rule = kinds.load("poq.consensus", consensus["kind"])
    settings = kinds.settings("poq.consensus", consensus)
    agreed = np.empty(rounds)
    counts = drawn.sum(axis=1)
    for count in np.unique(counts):
        # Those without a score sort last.
        agreed[counts == count] = rule.consensus(given[counts == count, :count], settings)
    index = np.arange(rounds)
    played = wide.select("prompt_id", "task", "model")[output]
    ratings = pl.DataFrame(
        {
            "round": np.repeat(index, counts),
            "evaluator": np.asarray(pool)[sampled[drawn]],
            "score": given[drawn],
            "deviation": np.abs(given - agreed[:, None])[drawn] / 10,
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
