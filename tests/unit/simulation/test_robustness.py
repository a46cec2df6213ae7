from dataclasses import replace

import polars as pl

from poq.rewards import RewardSettings
from poq.simulation.pool import Pool
from poq.simulation.robustness import study_robustness, trace_trust
from poq.simulation.settings import Grid
from tests.unit.simulation.conftest import setting

GRID = Grid(
    rounds=100,
    replications=3,
    seed=1,
    reward=RewardSettings(alpha=1, beta=0.3),
    consensus={"plain": setting("consensus", "mean")},
    trust={"published": setting("trust", "published")},
    attacks={"up": setting("attacks", "boosting")},
    malicious_ratios=(0.0, 0.5),
    evaluators_per_round=(5,),
)


def test_both_splits_are_simulated(pool: Pool) -> None:
    better = replace(pool, quality=pool.scores.mean(axis=2) / 10)
    pools = {"calibration": pool, "test": better}
    study, sizes = study_robustness("mine", GRID, pools, confidence=0.9)
    assert study["grid"].unique().to_list() == sizes["grid"].unique().to_list() == ["mine"]
    assert sizes["split"].to_list() == ["calibration", "test"]
    errors = study.filter((pl.col("metric") == "mae") & (pl.col("malicious") == 0))
    calibration, test = errors.sort("split")["value"]
    # where the mean of all scores is the truth, the mean of some is near to it
    assert test < calibration


def test_trust_is_traced(pool: Pool) -> None:
    found = trace_trust(GRID, pool, confidence=0.9)
    assert found["malicious"].unique().sort().to_list() == [0, 6]  # 0.5 * 11 rounds half up
    assert found["nodes"].unique().to_list() == [11]
    assert found["round"].max() == 100
