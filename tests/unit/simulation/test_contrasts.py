from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from poq import tables
from poq.errors import PoqError
from poq.rewards import RewardSettings
from poq.simulation import reference
from poq.simulation.contrasts import (
    contrast_attacks,
    honest_ratings,
    predicted_rounds,
    rounds_until_half,
)
from poq.simulation.engine import measure
from poq.simulation.pool import Pool
from poq.simulation.settings import Cell, Grid, RobustnessSettings, RunSettings
from poq.trust.published import updates_to_cap
from tests.unit.simulation.conftest import MakeCell, setting

RULES = ("mean", "trust_weighted_mean")


def grid(**values: object) -> Grid:
    defaults: dict[str, object] = {
        "rounds": 400,
        "replications": 6,
        "seed": 1,
        "reward": RewardSettings(alpha=1, beta=0.3),
        "consensus": {name: setting("consensus", name) for name in RULES},
        "trust": {"published": setting("trust", "published")},
        "attacks": {"boosting": setting("attacks", "boosting")},
        "malicious_ratios": (0.3,),
        "evaluators_per_round": (3, 5),
    }
    return Grid.model_validate(defaults | values)


def constant(scores: list[float]) -> Pool:
    """One prompt, one inference node; one node of each evaluator, of the scores given."""
    n = len(scores)
    return Pool(
        scores=np.array(scores).reshape(1, 1, n),
        quality=np.array([[0.5]]),
        task=np.array([0]),
        inference_costs=np.zeros((1, 1)),
        evaluator_costs=np.zeros((1, n)),
        inference_nodes=("m",),
        evaluators=tuple(f"e{i}" for i in range(n)),
        evaluator_of=np.arange(n),
        noise=np.zeros(n),
    )


@pytest.mark.parametrize(
    ("updates", "shares", "expected"),
    [
        # All nodes in every round: 17.67 updates are 18 rounds.
        ([17.67] * 4, [1] * 4, 18),
        # Two of four are half; of five, three: the third needs 36.
        ([14.2, 14.2, 35.1, 35.1], [1] * 4, 15),
        ([14.2, 14.2, 35.1, 35.1, 35.1], [1] * 5, 36),
        # Nodes that never get there do not matter as long as half do.
        ([3, 3, np.inf, np.inf], [1] * 4, 3),
        # Two nodes, one a round, one update each: the first of both is there after one round.
        # Mean probability 1/2, which is above 1 / (2 + 1).
        ([1, 1], [0.5, 0.5], 1),
        # Two updates each: P(2 of t) is 1/4 at t = 2, 1/2 at t = 3; 1/3 is reached at 3.
        ([2, 2], [0.5, 0.5], 3),
        # Three nodes, one a round, 2 / (3 + 1) = 1/2: P(2 of t) is 1 - (2/3)^t - t (2/3)^(t-1) / 3,
        # 33/81 at t = 4 and 131/243 at t = 5.
        ([2, 2, 2], [1 / 3] * 3, 5),
        # Already there.
        ([0, 0], [1, 1], 0),
    ],
)
def test_rounds_until_half(updates: list[float], shares: list[float], expected: int) -> None:
    assert rounds_until_half(updates, shares) == expected


def test_rounds_are_about_updates_times_n_over_k() -> None:
    # 20 updates of each of 100 nodes, 5 a round: 400 rounds.
    assert rounds_until_half([20] * 100, [0.05] * 100) == pytest.approx(400, rel=0.03)


@pytest.mark.parametrize(
    ("updates", "shares"), [([3, np.inf, np.inf], [1, 1, 1]), ([3, 3, 3], [1, 0, 0])]
)
def test_more_than_half_that_never_get_there(updates: list[float], shares: list[float]) -> None:
    assert np.isnan(rounds_until_half(updates, shares))


def test_deviation_is_each_nodes_own(make_cell: MakeCell) -> None:
    pool = constant([2.0, 2.0, 2.0, 6.0])
    cell = make_cell("mean", evaluators_per_round=4)
    shares, deviations = honest_ratings(cell, pool, np.random.default_rng(0))
    # The mean is 3: |2 - 3| / 10 and |6 - 3| / 10, every node in every round.
    assert shares.tolist() == [1, 1, 1, 1]
    assert deviations == pytest.approx([0.1, 0.1, 0.1, 0.3])
    # Half of the nodes need ln(2) / ln(1 + 0.1 * (0.5 - 0.1)) = 17.67 updates; by the mean
    # deviation, 0.15, it would be ln(2) / ln(1.035) = 20.15.
    assert predicted_rounds(cell, pool) == 18


def test_missing_scores_make_a_node_rare(make_cell: MakeCell) -> None:
    pool = constant([2.0, 2.0, 2.0, 6.0])
    both = np.concatenate([pool.scores, np.where([0, 0, 0, 1], np.nan, pool.scores)])
    half = replace(pool, scores=both, quality=np.full((2, 1), 0.5), task=np.array([0, 0]))
    cell = make_cell("mean", evaluators_per_round=3)
    shares, deviations = honest_ratings(cell, half, np.random.default_rng(0))
    # The last node can be drawn for one output in two, and is then one of 3 out of 4.
    assert shares[3] == pytest.approx(0.5 * 0.75, abs=0.02)
    assert shares.sum() == pytest.approx(3)
    # With it the mean is 10 / 3, whoever the two others are.
    assert deviations[3] == pytest.approx((6 - 10 / 3) / 10)


def test_the_prediction_is_that_of_the_reference(make_cell: MakeCell, pool: Pool) -> None:
    """Deviations that the specification plays round by round give the same updates."""
    cell = make_cell("trust_weighted_mean", attack="honest", rounds=1500, malicious_ratio=0)
    _, deviations = honest_ratings(cell, pool, np.random.default_rng(0))
    rounds = list(reference.play(cell, pool, 0))
    nodes = np.concatenate([r.nodes for r in rounds])
    played = np.bincount(nodes, np.concatenate([r.deviations for r in rounds])) / np.bincount(nodes)
    updates = [[updates_to_cap(cell.trust, d) for d in of] for of in (deviations, played)]
    assert updates[0] == pytest.approx(updates[1], rel=0.05)


def test_contrasts_are_differences_of_what_the_engine_measures(pool: Pool) -> None:
    found = contrast_attacks(pool, grid(), resamples=30, confidence=0.9)
    assert found["contrast"].to_list() == [
        "mae_saved", "reward_by_k", "rounds_to_cap", "rounds_predicted", "saturation",
    ]  # fmt: skip
    value = dict(found.select("contrast", "value").iter_rows())

    def of(rule: str, k: int, ratio: float, metric: str) -> float:
        cell = Cell(
            **{name: getattr(grid(), name) for name in RunSettings.model_fields},
            consensus=grid().consensus[rule], trust=grid().trust["published"],
            attack=grid().attacks["boosting"], malicious_ratio=ratio, evaluators_per_round=k,
        )  # fmt: skip
        return float(measure([cell], pool)[0][metric].mean())

    saved = of("mean", 5, 0.3, "mae") - of("trust_weighted_mean", 5, 0.3, "mae")
    assert value["mae_saved"] == pytest.approx(saved, abs=1e-12)
    fewer = of("mean", 5, 0, "evaluator_reward") - of("mean", 3, 0, "evaluator_reward")
    assert value["reward_by_k"] == pytest.approx(fewer, abs=1e-12)
    assert value["rounds_to_cap"] == of("trust_weighted_mean", 5, 0, "half_saturated")
    assert value["saturation"] == value["rounds_to_cap"] / value["rounds_predicted"]


def test_intervals_resample_prompts(pool: Pool) -> None:
    found = contrast_attacks(pool, grid(), resamples=30, confidence=0.9)
    rows = {row["contrast"]: row for row in found.to_dicts()}
    for row in rows.values():
        assert row["value_low"] <= row["value_high"]
        assert row["n_prompts"] == 7
    assert rows["mae_saved"]["n"] == 6 * 400
    # Prediction and simulation follow the same prompts: their ratio varies less than either could.
    assert 0.9 < rows["saturation"]["value_low"] < rows["saturation"]["value_high"] < 1.1
    assert rows["rounds_predicted"]["value_low"] < rows["rounds_predicted"]["value_high"]
    # One prompt cannot be resampled.
    one = pool.over(np.array([0]))
    single = contrast_attacks(one, grid(), resamples=30, confidence=0.9)
    assert single["value_low"].null_count() == len(single)
    assert single["value"].null_count() == 0


def test_the_same_on_any_number_of_threads(pool: Pool) -> None:
    found = [contrast_attacks(pool, grid(), resamples=5, confidence=0.9, threads=n) for n in (1, 2)]
    assert found[0].equals(found[1])


def test_saturation_that_does_not_come_is_null(pool: Pool, tmp_path: Path) -> None:
    slow = {"published": setting("trust", "published", rate=0.001)}
    found = contrast_attacks(pool, grid(trust=slow, rounds=50), resamples=5, confidence=0.9)
    value = dict(found.select("contrast", "value").iter_rows())
    assert value["rounds_to_cap"] is None
    assert value["saturation"] is None
    # ln(2) / ln(1 + 0.001 * (0.5 - d)) is more than ln(2) / 0.0005 = 1386 updates.
    assert value["rounds_predicted"] > 1386
    tables.write(found, "contrasts", tmp_path / "contrasts.parquet", {})


@pytest.mark.parametrize(("ks", "usual"), [((5,), 5), ((3, 5, 7), 5), ((3, 7), 3), ((7, 9), 7)])
def test_k_is_five_or_the_nearest_that_the_grids_play(
    pool: Pool, ks: tuple[int, ...], usual: int
) -> None:
    some = grid(evaluators_per_round=ks, rounds=20, replications=1)
    found = contrast_attacks(pool, some, resamples=0, confidence=0.9)
    k = dict(found.select("contrast", "k").iter_rows())
    assert k.pop("reward_by_k", None) == (max(ks) if len(ks) > 1 else None)
    assert set(k.values()) == {usual}


def test_a_rule_that_does_the_same_does_not_differ(pool: Pool) -> None:
    # A fifth of three is none: the trimmed mean is the mean, in another order of summation.
    names = ("mean", "trimmed_mean", "trust_weighted_mean")
    rules = {name: setting("consensus", name) for name in names}
    some = grid(consensus=rules, evaluators_per_round=(3,), rounds=200)
    found = contrast_attacks(pool, some, resamples=9, confidence=0.9)
    trimmed = found.filter(pl.col("consensus") == "trimmed_mean")
    assert trimmed.select("value", "value_low", "value_high").rows() == [(0, 0, 0)]


def test_findings_rest_on_the_papers_sweep() -> None:
    settings = RobustnessSettings()
    found = settings.contrast_grid(seed=1, reward=RewardSettings(alpha=1, beta=0))
    assert [*found.consensus] == ["mean", "median", "trimmed_mean", "trust_weighted_mean"]
    assert [*found.attacks] == ["noise", "boosting", "sabotage", "intermittent"]
    assert (found.malicious_ratios, found.evaluators_per_round) == ((0.3,), (3, 5, 7, 9))


def test_nodes_of_one_evaluator_share_what_was_seen_of_them(make_cell: MakeCell) -> None:
    """However seldom each is drawn: here 3 of 40,000 nodes, 5,000 times."""
    pool = constant([2.0, 2.0, 5.0]).with_nodes(40_000)
    cell = make_cell("mean", evaluators_per_round=3)
    shares, deviations = honest_ratings(cell, pool, np.random.default_rng(0))
    assert shares == pytest.approx(3 / 40_000, rel=0.05)
    assert shares.sum() == pytest.approx(3)
    assert not np.isnan(deviations).any()
    # Who gives 5 is 2 from the mean if both others give 2, 1 if one does: chances 4/9 and 4/9.
    assert deviations[2::3] == pytest.approx(4 / 9 * 0.2 + 4 / 9 * 0.1, rel=0.05)
    # ln(2) / ln(1 + 0.1 * (0.5 - d)) is 17 or more updates of each, 3 of 40,000 a round.
    assert np.isfinite(predicted_rounds(cell, pool))


def test_noise_tells_nodes_of_one_evaluator_apart(make_cell: MakeCell) -> None:
    pool = replace(constant([5.0]).with_nodes(4), noise=np.array([0.0, 0.0, 0.0, 2.0]))
    cell = make_cell("median", evaluators_per_round=3)
    _, deviations = honest_ratings(cell, pool, np.random.default_rng(0))
    # Of three nodes two agree on 5; the mean of |N(0, 2)| is 2 * sqrt(2 / pi).
    assert deviations[:3].tolist() == [0, 0, 0]
    assert deviations[3] == pytest.approx(0.2 * np.sqrt(2 / np.pi), rel=0.05)


def test_more_evaluators_than_there_are_nodes_are_told(pool: Pool) -> None:
    with pytest.raises(PoqError, match="found 12; expected at most 11"):
        contrast_attacks(pool, grid(evaluators_per_round=(12,)), resamples=1, confidence=0.9)
