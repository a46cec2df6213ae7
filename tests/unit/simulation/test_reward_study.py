from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from poq import tables
from poq.rewards import RewardSettings, RewardStudySettings
from poq.simulation.reward_study import flip_ratio, study_rewards
from poq.simulation.rounds import pay
from tests.unit.simulation.conftest import Played

OWN = RewardSettings(alpha=1, beta=0.5)
BOOTSTRAP: dict[str, Any] = {"resamples": 400, "confidence": 0.9, "seed": 1}
# Means: good 0.8, middle 0.5, cheap 0.4; costs 1, 0.5, 0.
CONSENSUS = {
    ("p", "good"): 9.0, ("q", "good"): 7.0,
    ("p", "middle"): 5.0, ("q", "middle"): 5.0,
    ("p", "cheap"): 6.0, ("q", "cheap"): 2.0,
}  # fmt: skip
COST = {"good": 1.0, "middle": 0.5, "cheap": 0.0}


def study(
    played: Played, alphas: tuple[float, ...] = (1,), betas: tuple[float, ...] = (0, 0.5)
) -> tuple[pl.DataFrame, pl.DataFrame]:
    points = RewardStudySettings(alphas=alphas, betas=betas).points(OWN)
    return study_rewards(*played(CONSENSUS, COST), own=OWN, points=points, **BOOTSTRAP)


def at(found: pl.DataFrame, alpha: float, beta: float, task: str = "pooled") -> dict[str, Any]:
    rows = found.filter(
        (pl.col("alpha") == alpha)
        & (pl.col("beta") == beta)
        & (pl.col("task") == task)
        & (pl.col("kind") == "inference")
    )
    return {row["node"]: row for row in rows.iter_rows(named=True)}


def test_the_grid_holds_every_pair_and_the_run_itself() -> None:
    points = RewardStudySettings(alphas=(2, 0), betas=(0.1,)).points(OWN)
    assert [(point.alpha, point.beta) for point in points] == [
        (0, 0.1), (0, 0.5), (1, 0.1), (1, 0.5), (2, 0.1), (2, 0.5),
    ]  # fmt: skip


def test_rewards_ranks_and_gains(played: Played) -> None:
    found, _ = study(played)
    free, own = at(found, 1, 0), at(found, 1, 0.5)
    # Quality alone: 0.8, 0.5, 0.4. Own: 0.8 - 0.5 = 0.3, 0.5 - 0.25 = 0.25, 0.4.
    assert {node: row["reward"] for node, row in own.items()} == pytest.approx(
        {"good": 0.3, "middle": 0.25, "cheap": 0.4}
    )
    assert {node: row["rank"] for node, row in free.items()} == {"good": 1, "middle": 2, "cheap": 3}
    assert {node: row["rank"] for node, row in own.items()} == {"good": 2, "middle": 3, "cheap": 1}
    # Normalised over [-0.5, 1]: good 0.8 / 1.5; cost-free it is the quality, 0.8.
    assert own["good"]["normalized_reward"] == pytest.approx(0.8 / 1.5)
    assert free["good"]["gain"] == pytest.approx(0.8 - 0.8 / 1.5)
    assert (own["good"]["gain"], own["good"]["own"], free["good"]["own"]) == (0, True, False)
    # Cost-free, good leads in all resamples. With costs, cheap leads in pp (0.6 > 0.4) and pq,
    # not in qq (0.2 against 0.7 - 0.5 = 0.2 and 0.25 of middle).
    assert free["good"]["lead_share"] == 1
    assert own["cheap"]["lead_share"] == pytest.approx(0.75, abs=4 * (3 / 16 / 400) ** 0.5)
    assert own["middle"]["lead_share"] == pytest.approx(1 - own["cheap"]["lead_share"])


def test_the_run_itself_is_what_it_paid(played: Played) -> None:
    found, _ = study(played, alphas=(2,), betas=(0.1,))
    paid = pay(*played(CONSENSUS, COST), OWN, **BOOTSTRAP)
    own = found.filter("own").select(paid.columns[:5] + paid.columns[-6:])
    assert own.equals(paid.select(own.columns))


def test_points_of_one_ratio_have_one_normalised_reward(played: Played) -> None:
    found, _ = study(played, alphas=(0.2, 2), betas=(0.1, 1))
    for node, row in at(found, 0.2, 0.1).items():
        for name in ("normalized_reward", "normalized_reward_low", "gain", "gain_high"):
            assert row[name] == pytest.approx(at(found, 2, 1)[node][name])


def test_nothing_to_earn_is_null_and_ties_all(played: Played) -> None:
    rows = at(study(played, alphas=(0,), betas=(0,))[0], 0, 0)
    for row in rows.values():
        assert (row["reward"], row["normalized_reward"], row["gain"]) == (0, None, None)
        assert (row["rank"], row["lead_share"]) == (1, 1)


def test_flips_are_where_two_nodes_earn_the_same(played: Played, tmp_path: Path) -> None:
    _, flips = study(played)
    pooled = flips.filter((pl.col("task") == "pooled") & (pl.col("kind") == "inference"))
    found = {(row["dearer"], row["cheaper"]): row for row in pooled.iter_rows(named=True)}
    # (0.8 - 0.5) / (1 - 0.5), (0.8 - 0.4) / (1 - 0), (0.5 - 0.4) / (0.5 - 0)
    assert {pair: row["ratio"] for pair, row in found.items()} == pytest.approx(
        {("good", "middle"): 0.6, ("good", "cheap"): 0.4, ("middle", "cheap"): 0.2}
    )
    row = found["middle", "cheap"]
    # Resamples pp: (0.5 - 0.6) / 0.5 = -0.2, no swap; qq: (0.5 - 0.2) / 0.5 = 0.6; pq: 0.2.
    assert (row["ratio_low"], row["ratio_high"]) == pytest.approx((-0.2, 0.6))
    assert row["flip_share"] == pytest.approx(0.75, abs=4 * (3 / 16 / 400) ** 0.5)
    assert (row["rounds"], row["n_prompts"]) == (4, 2)
    tables.write(flips, "reward_flips", tmp_path / "flips.parquet", {})


def test_equal_costs_never_swap(played: Played) -> None:
    consensus = {("p", "b"): 9.0, ("p", "a"): 1.0, ("q", "a"): 2.0, ("q", "b"): 3.0}
    rounds = played(consensus, {"a": 0.1, "b": 0.1})
    _, flips = study_rewards(*rounds, own=OWN, points=[OWN], **BOOTSTRAP)
    (row,) = flips.filter(pl.col("task") == "qa").iter_rows(named=True)
    assert (row["dearer"], row["cheaper"], row["ratio"], row["flip_share"]) == ("a", "b", None, 0)


def test_a_pool_of_one_node_has_no_pair(played: Played, tmp_path: Path) -> None:
    rounds = played({("p", "a"): 9.0}, {"a": 0.0})
    found, flips = study_rewards(*rounds, own=OWN, points=[OWN], **BOOTSTRAP)
    assert flips.is_empty()
    tables.write(flips, "reward_flips", tmp_path / "flips.parquet", {})
    tables.write(found, "reward_study", tmp_path / "study.parquet", {})
    assert found["lead_share"].is_null().all()  # one prompt


def test_ratio_of_unequal_costs_only() -> None:
    np.testing.assert_allclose(
        flip_ratio(np.array([0.3, -0.1, 0.2]), np.array([0.5, 0.5, 1e-12])), [0.6, -0.2, np.nan]
    )
