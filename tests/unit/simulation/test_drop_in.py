from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from poq.errors import PoqError
from poq.rewards import RewardSettings
from poq.simulation.drop_in import composite_scores, signal_pools, study_drop_in
from poq.simulation.pool import Pool
from poq.simulation.settings import Grid
from tests.unit.simulation.conftest import setting

DEFENCES = {"none": "mean", "rule": "median"}


def pool(prompts: int = 2, nodes: int = 5) -> Pool:
    """Two evaluators that score all outputs 2 and 4; all have quality 0.5."""
    return Pool(
        scores=np.tile([2.0, 4.0], (prompts, 1, 1)),
        quality=np.full((prompts, 1), 0.5),
        task=np.zeros(prompts, dtype=np.int64),
        inference_costs=np.zeros((1, 1)),
        evaluator_costs=np.full((1, 2), 0.5),
        inference_nodes=("m",),
        evaluators=("low", "high"),
        evaluator_of=np.zeros(2, dtype=np.int64),
        noise=np.zeros(2),
        prompts=tuple(f"p{i}" for i in range(prompts)),
    ).with_nodes(nodes)


def pools(base: Pool, values: list[float | None]) -> dict[str, Pool]:
    return signal_pools(base, composite_scores(base, composites(values)))


def composites(values: list[float | None]) -> pl.DataFrame:
    prompts = [f"p{i}" for i in range(len(values))]
    return pl.DataFrame(
        {"prompt_id": prompts, "model": "m", "value": values},
        schema_overrides={"value": pl.Float64},
    )


def grid(**values: object) -> Grid:
    defaults: dict[str, object] = {
        "rounds": 50,
        "replications": 2,
        "seed": 1,
        "reward": RewardSettings(alpha=1, beta=0.3),
        "consensus": {name: setting("consensus", name) for name in DEFENCES.values()},
        "trust": {"fixed_sum": setting("trust", "fixed_sum")},
        "attacks": {name: setting("attacks", name) for name in ("honest", "boosting")},
        "malicious_ratios": (0.2,),
        "evaluators_per_round": (5,),
    }
    return Grid.model_validate(defaults | values)


def test_pools_of_the_signals_have_as_many_nodes() -> None:
    # 0.3 is a score of 3; an output without a composite is scored 5.
    found = pools(pool(), [0.3, None])
    assert list(found) == ["evaluators", "composite", "evaluators+composite"]
    assert [len(signal) for signal in found.values()] == [5, 5, 5]
    assert found["composite"].scores.ravel().tolist() == [3, 5]
    both = found["evaluators+composite"]
    assert both.evaluators == ("composite", "low", "high")
    assert both.scores.tolist() == [[[3, 2, 4]], [[5, 2, 4]]]
    assert both.evaluator_of.tolist() == [0, 1, 2, 0, 1]


def test_nodes_keep_their_noise() -> None:
    noisy = pool().with_nodes(5, noise=0.7)
    found = pools(noisy, [0.3, 0.4])
    assert all((signal.noise == 0.7).all() for signal in found.values())


def test_an_output_that_is_not_in_the_composites_is_an_error() -> None:
    with pytest.raises(PoqError, match=r"composites: 1 outputs have none, e\.g\. \('p1', 'm'\)"):
        composite_scores(pool(), composites([0.3]))


def test_what_the_composite_and_a_rule_add() -> None:
    # All five nodes are asked in every round. Quality is 5 points.
    found = study_drop_in(
        pools(pool(), [0.5, 0.5]), grid(), DEFENCES, undefined=0, resamples=20, confidence=0.9
    )
    values = {
        tuple(row[:3]): tuple(row[3:])
        for row in found.select("signal", "defence", "attack", "mae", "mae_saved").iter_rows()
    }
    assert len(values) == len(found) == 3 * 2 * 2
    # Scores 2, 4, 2, 4, 2: mean 2.8, median 2.
    assert values["evaluators", "none", "honest"] == pytest.approx((2.2, 0))
    assert values["evaluators", "rule", "honest"] == pytest.approx((3, -0.8))
    # All score 5.
    assert values["composite", "none", "honest"] == pytest.approx((0, 2.2))
    # Scores 5, 2, 4, 5, 2: mean 3.6, median 4.
    assert values["evaluators+composite", "none", "honest"] == pytest.approx((1.4, 0.8))
    assert values["evaluators+composite", "rule", "honest"] == pytest.approx((1, 1.2))
    # One of five nodes adds 3 points: the mean moves by 0.6, the median of fives does not.
    boosted = setting("attacks", "boosting").shift / 5
    assert values["composite", "none", "boosting"][0] == pytest.approx(boosted)
    assert values["composite", "rule", "boosting"][0] == 0
    assert found["n_prompts"].unique().to_list() == [2]
    # All outputs are scored alike: a correlation is undefined.
    assert found["pearson"].null_count() == len(found)


def test_intervals_hold_what_all_prompts_agree_on() -> None:
    found = study_drop_in(
        pools(pool(), [0.5, 0.5]), grid(), DEFENCES, undefined=0, resamples=20, confidence=0.9
    ).filter(attack="honest")
    for name in ("mae", "mae_saved"):
        assert found[f"{name}_low"].to_list() == pytest.approx(found[name].to_list())
        assert found[f"{name}_high"].to_list() == pytest.approx(found[name].to_list())


def test_what_is_played_without_a_composite_is_counted_where_the_composite_plays() -> None:
    scores = composite_scores(pool(3), composites([0.3, None, None]))
    assert scores.ravel().tolist() == pytest.approx([3, np.nan, np.nan], nan_ok=True)
    found = study_drop_in(
        signal_pools(pool(3), scores), grid(), DEFENCES, undefined=2, resamples=5, confidence=0.9
    )
    counted = found.select("signal", "undefined").unique().sort("signal").rows()
    assert counted == [("composite", 2), ("evaluators", 0), ("evaluators+composite", 2)]


def test_one_prompt_gives_no_interval() -> None:
    found = study_drop_in(
        pools(pool(1), [0.5]), grid(), DEFENCES, undefined=0, resamples=20, confidence=0.9
    )
    assert found["mae"].null_count() == 0
    assert found["mae_low"].null_count() == len(found)


def test_results_do_not_depend_on_threads() -> None:
    signals = pools(pool(4), [0.2, 0.4, 0.6, 0.8])
    one, two = (
        study_drop_in(
            signals, grid(), DEFENCES, undefined=0, resamples=5, confidence=0.9, threads=threads
        )
        for threads in (1, 2)
    )
    assert one.equals(two)
