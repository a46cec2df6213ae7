from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from poq import tables
from poq.errors import PoqError
from poq.rewards import RewardSettings
from poq.simulation.rounds import pay, simulate

POOL = ("e1", "e2", "e3")
MEAN = {"kind": "mean"}


def scores(value: dict[str, float] | None = None) -> pl.DataFrame:
    """Two prompts of the test split and one of the calibration split, two models."""
    value = value or {"e1": 2.0, "e2": 4.0, "e3": 9.0}
    return pl.DataFrame(
        [
            {
                "prompt_id": prompt,
                "model": model,
                "evaluator": evaluator,
                "task": "qa",
                "split": split,
                "raw": score,
                "score": score,
            }
            for prompt, split in (("qa:1", "test"), ("qa:2", "test"), ("qa:3", "calibration"))
            for model in ("m1", "m2")
            for evaluator, score in value.items()
        ]
    )


def run(k: int, rounds: int = 400, seed: int = 1) -> tuple[pl.DataFrame, pl.DataFrame]:
    return simulate(
        scores(), pool=POOL, rounds=rounds, evaluators_per_round=k, consensus=MEAN, seed=seed
    )


def test_all_evaluators_agree_on_the_mean() -> None:
    rounds, ratings = run(3)
    # (2 + 4 + 9) / 3 = 5; deviations 0.3, 0.1, 0.4.
    assert rounds["consensus"].unique().to_list() == [5.0]
    by_evaluator = dict(ratings.group_by("evaluator").agg(pl.col("deviation").mean()).iter_rows())
    assert by_evaluator == pytest.approx({"e1": 0.3, "e2": 0.1, "e3": 0.4})


def test_sampling_is_without_replacement_and_uniform() -> None:
    rounds, ratings = run(2, rounds=6000)
    pairs = (
        ratings.group_by("round")
        .agg(pl.col("evaluator").sort())
        .select(pl.col("evaluator").list.join("+"))
    )
    counts = dict(pairs.to_series().value_counts().iter_rows())
    # Three pairs, 2000 each; four standard deviations are 4 * sqrt(6000 * 2/9) = 146.
    assert set(counts) == {"e1+e2", "e1+e3", "e2+e3"}
    assert all(abs(count - 2000) < 146 for count in counts.values())
    # Each of the two prompts and models in about half of the rounds: 4 * sqrt(1500) = 155.
    assert abs(rounds.filter(pl.col("model") == "m1").height - 3000) < 155
    assert abs(rounds.filter(pl.col("prompt_id") == "qa:1").height - 3000) < 155


def test_calibration_prompts_are_never_drawn() -> None:
    rounds, _ = run(1)
    assert set(rounds["prompt_id"]) == {"qa:1", "qa:2"}


def test_seed_decides_everything() -> None:
    assert run(2, seed=1)[1].equals(run(2, seed=1)[1])
    assert not run(2, seed=1)[1].equals(run(2, seed=2)[1])


def without(*evaluators: str) -> pl.DataFrame:
    """The scores, without those that some evaluators gave to m1's output for qa:1."""
    hit = (
        pl.col("evaluator").is_in(evaluators)
        & (pl.col("prompt_id") == "qa:1")
        & (pl.col("model") == "m1")
    )
    return scores().with_columns(score=pl.when(~hit).then("score"))


def test_evaluator_without_a_score_is_not_drawn_for_that_output() -> None:
    rounds, ratings = simulate(
        without("e1"), pool=POOL, rounds=900, evaluators_per_round=2, consensus=MEAN, seed=1
    )
    joined = ratings.join(rounds, on="round")
    hit = (pl.col("prompt_id") == "qa:1") & (pl.col("model") == "m1")
    assert set(joined.filter(hit)["evaluator"]) == {"e2", "e3"}
    # (4 + 9) / 2
    assert joined.filter(hit)["consensus"].unique().to_list() == [6.5]
    assert set(joined.filter(~hit)["evaluator"]) == set(POOL)
    assert ratings.group_by("round").len()["len"].unique().to_list() == [2]


def test_fewer_than_k_are_drawn_where_fewer_have_a_score(tmp_path: Path) -> None:
    rounds, ratings = simulate(
        without("e1", "e3"), pool=POOL, rounds=400, evaluators_per_round=3, consensus=MEAN, seed=1
    )
    hit = (pl.col("prompt_id") == "qa:1") & (pl.col("model") == "m1")
    # e2's 4 alone; elsewhere (2 + 4 + 9) / 3
    assert rounds.filter(hit)["consensus"].unique().to_list() == [4.0]
    assert rounds.filter(~hit)["consensus"].unique().to_list() == [5.0]
    sizes = ratings.group_by("round").len().join(rounds, on="round")
    assert sizes.filter(hit)["len"].unique().to_list() == [1]
    assert sizes.filter(~hit)["len"].unique().to_list() == [3]
    tables.write(ratings, "ratings", tmp_path / "ratings.parquet", {})


def test_missing_scores_of_one_output_leave_other_rounds_as_they_are() -> None:
    (all_rounds, _), (rounds, _) = (
        run(2),
        simulate(
            without("e1"), pool=POOL, rounds=400, evaluators_per_round=2, consensus=MEAN, seed=1
        ),
    )
    hit = (pl.col("prompt_id") == "qa:1") & (pl.col("model") == "m1")
    assert rounds.filter(~hit).equals(all_rounds.filter(~hit))


def test_output_that_nobody_scored_is_named() -> None:
    with pytest.raises(PoqError, match="no evaluator scored the output of m1 for qa:1"):
        simulate(
            without(*POOL), pool=POOL, rounds=9, evaluators_per_round=2, consensus=MEAN, seed=1
        )


def test_missing_row_is_an_error() -> None:
    incomplete = scores().filter(~((pl.col("evaluator") == "e1") & (pl.col("prompt_id") == "qa:1")))
    with pytest.raises(PoqError, match="lacks some outputs"):
        simulate(incomplete, pool=POOL, rounds=9, evaluators_per_round=2, consensus=MEAN, seed=1)


def test_missing_output_is_an_error() -> None:
    incomplete = scores().filter(~((pl.col("model") == "m1") & (pl.col("prompt_id") == "qa:1")))
    with pytest.raises(PoqError, match="3 outputs of the test split; expected one of each of 2"):
        simulate(incomplete, pool=POOL, rounds=9, evaluators_per_round=2, consensus=MEAN, seed=1)


def costs(**by_node: float) -> pl.DataFrame:
    kind = {True: "inference", False: "evaluator"}
    return pl.DataFrame(
        [
            {"node": node, "kind": kind[node.startswith("m")], "task": "qa", "cost": cost}
            for node, cost in by_node.items()
        ]
    )


COSTS = {"m1": 0.0, "m2": 1.0, "e1": 0.0, "e2": 0.5, "e3": 1.0}


def test_nodes_are_paid_for_quality_less_cost() -> None:
    rounds, ratings = run(3)
    settings = RewardSettings(alpha=1.0, beta=0.4)
    rewards = pay(rounds, ratings, costs(**COSTS), settings, resamples=100, confidence=0.9, seed=1)
    found = {
        row["node"]: row for row in rewards.filter(pl.col("task") == "pooled").iter_rows(named=True)
    }
    # Inference: 1.0 * 5/10 - 0.4 * C. Evaluators: 1.0 * (1 - d) - 0.4 * C, d = 0.3, 0.1, 0.4.
    expected = {"m1": 0.5, "m2": 0.1, "e1": 0.7, "e2": 0.7, "e3": 0.2}
    assert {node: row["reward"] for node, row in found.items()} == pytest.approx(expected)
    # Normalised over [-0.4, 1]: (0.5 + 0.4) / 1.4.
    assert found["m1"]["normalized_reward"] == pytest.approx(0.9 / 1.4)
    assert found["e1"]["rounds"] == 400
    assert sum(found[node]["rounds"] for node in ("m1", "m2")) == 400
    # Every round of a node pays the same, so its interval has no width.
    assert found["m1"]["reward_low"] == pytest.approx(found["m1"]["reward_high"])


def test_node_without_cost_is_an_error() -> None:
    rounds, ratings = run(3)
    partial = costs(**{node: cost for node, cost in COSTS.items() if node != "e2"})
    with pytest.raises(PoqError, match=r"nodes \['e2'\] have no cost"):
        pay(
            rounds,
            ratings,
            partial,
            RewardSettings(alpha=1, beta=1),
            resamples=100,
            confidence=0.9,
            seed=1,
        )
