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
from poq.metrics.bootstrap import mean_estimate
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
    paid = rewards.reward(earned["quality"], earned["cost"], settings)
    earned = earned.with_columns(
        pl.Series("reward", paid),
        pl.Series("normalized_reward", rewards.normalized(paid, settings)),
    )
    by_task = pl.concat([earned, earned.with_columns(task=pl.lit("pooled"))])
    rows = []
    for (node, kind, task), group in by_task.group_by("node", "kind", "task", maintain_order=True):
        columns: dict[str, float | None] = {}
        for name in ("quality", "cost", "reward", "normalized_reward"):
            # One stream for all quantities of a node: its intervals come from equal resamples.
            rng = stream(seed, "rewards", str(node), str(task))
            columns |= mean_estimate(
                group[name], group["prompt_id"], resamples=resamples, confidence=confidence, rng=rng
            ).columns(name)
        rows.append(
            {
                "node": node,
                "kind": kind,
                "task": task,
                "rounds": len(group),
                "n_prompts": group["prompt_id"].n_unique(),
                **columns,
            }
        )
    return pl.DataFrame(rows, infer_schema_length=None)
