from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from poq.rewards import RewardSettings
from poq.simulation.engine import as_played, measure
from poq.simulation.pool import Pool
from poq.simulation.recommendation import choose, recommend, resampled_errors
from poq.simulation.robustness import study_robustness
from poq.simulation.settings import Grid
from tests.unit.simulation.conftest import MakeCell, setting


def grid(**values: object) -> Grid:
    defaults: dict[str, object] = {
        "rounds": 200,
        "replications": 3,
        "seed": 1,
        "reward": RewardSettings(alpha=1, beta=0.3),
        "consensus": {name: setting("consensus", name) for name in ("median", "mean")},
        "trust": {"published": setting("trust", "published")},
        "attacks": {name: setting("attacks", name) for name in ("boosting", "sabotage")},
        "malicious_ratios": (0.0, 0.3),
        "evaluators_per_round": (5, 3),
    }
    return Grid.model_validate(defaults | values)


def errors(given: dict[tuple[str, int, str], float], split: str = "calibration") -> pl.DataFrame:
    """Rows of table ``robustness``: the error of rule, K and attack, at one threat level."""
    rows = [
        {"consensus": rule, "k": k, "attack": attack, "value": value}
        for (rule, k, attack), value in given.items()
    ]
    return pl.DataFrame(rows).with_columns(
        grid=pl.lit("mine"),
        split=pl.lit(split),
        trust=pl.lit("published"),
        malicious_ratio=pl.lit(0.3),
        metric=pl.lit("mae"),
    )


KNOWN = {
    ("median", 5, "boosting"): 2.0,
    ("median", 5, "sabotage"): 2.0,
    ("mean", 5, "boosting"): 1.0,
    ("mean", 5, "sabotage"): 3.0,
    ("median", 3, "boosting"): 1.5,
    ("median", 3, "sabotage"): 2.5,
    ("mean", 3, "boosting"): 4.0,
    ("mean", 3, "sabotage"): 1.0,
}


def test_the_least_worst_case_is_chosen() -> None:
    # worst cases: 2, 3, 2.5, 4; the mean has the least error under boosting, and is not chosen
    (found,) = choose(errors(KNOWN), "mine", grid(malicious_ratios=(0.3,)))
    assert (found.consensus, found.k, found.calibration_mae) == ("median", 5, 2.0)
    assert found.candidates == 4
    assert list(found.attacks) == ["boosting", "sabotage"]
    assert found.attacks["sabotage"].attack.kind == "sabotage"


def test_the_test_split_is_not_looked_at() -> None:
    zero = errors(dict.fromkeys(KNOWN, 0.0), "test").with_columns(consensus=pl.lit("mean"))
    study = pl.concat([errors(KNOWN), zero])
    (found,) = choose(study, "mine", grid(malicious_ratios=(0.3,)))
    assert found.consensus == "median"


def test_of_equal_choices_the_least_k_and_the_first_is_taken() -> None:
    (found,) = choose(errors(dict.fromkeys(KNOWN, 1.0)), "mine", grid(malicious_ratios=(0.3,)))
    assert (found.consensus, found.k) == ("median", 3)


def two_prompts() -> Pool:
    """One evaluator, one inference node; consensus 5 where 4 is true, 5 where 8 is."""
    return Pool(
        scores=np.full((2, 1, 1), 5.0),
        quality=np.array([[0.4], [0.8]]),
        task=np.zeros(2, dtype=np.int64),
        inference_costs=np.zeros((1, 1)),
        evaluator_costs=np.zeros((1, 1)),
        inference_nodes=("m",),
        evaluators=("e",),
        evaluator_of=np.zeros(3, dtype=np.int64),
        noise=np.zeros(3),
    )


def test_prompts_are_resampled(make_cell: MakeCell) -> None:
    honest = {"malicious_ratio": 0, "evaluators_per_round": 3}
    cells = [make_cell(rule, **honest) for rule in ("mean", "median")]
    found = resampled_errors(cells, two_prompts(), resamples=40, seed=1)
    assert found.shape == (40, 2)
    # twice the first prompt: 1; twice the second: 3; one each: between, as the rounds fall
    extremes = [np.isclose(found[:, 0], value).sum() for value in (1, 3)]
    # each of them in a quarter of 40 resamples: 10 with standard deviation 2.7
    assert all(2 <= count <= 18 for count in extremes)
    assert ((found[:, 0] > 1.5) & (found[:, 0] < 2.5)).sum() == 40 - sum(extremes)
    # the same resamples and rounds for all
    np.testing.assert_allclose(found[:, 0], found[:, 1])


def test_a_single_prompt_has_no_interval(make_cell: MakeCell) -> None:
    pool = two_prompts()
    one = replace(pool, scores=pool.scores[:1], quality=pool.quality[:1], task=pool.task[:1])
    cell = make_cell(evaluators_per_round=3)
    assert np.isnan(resampled_errors([cell], one, resamples=3, seed=1)).all()


def test_the_report_is_of_the_test_split(pool: Pool) -> None:
    chosen = grid(evaluators_per_round=(5,))
    other = pool.with_nodes(9)
    pools = {"calibration": other, "test": pool}
    study, _ = study_robustness("mine", chosen, pools, confidence=0.9)
    found = recommend(study, {"mine": chosen}, pool, resamples=20, confidence=0.9, seed=1)
    again = recommend(
        study, {"mine": chosen}, pool, resamples=20, confidence=0.9, seed=1, threads=2
    )
    assert found.equals(again)
    assert found["nodes"].to_list() == [11, 11]
    assert found["attack"][0] is None
    assert (found["mae_low"] < found["mae_high"]).all()
    test = study.filter(split="test")
    for row in found.to_dicts():
        own = test.filter(malicious_ratio=row["malicious_ratio"], consensus=row["consensus"])
        worst = own.filter(metric="mae").sort("value")[-1]
        assert row["mae"] == pytest.approx(worst["value"].item(), abs=1e-12)
        plain = test.filter(malicious_ratio=row["malicious_ratio"], consensus="mean", metric="mae")
        assert row["gain"] == pytest.approx(plain["value"].max() - row["mae"], abs=1e-12)
        assert row["profit"] == pytest.approx(own.filter(metric="profit")["value"].max(), abs=1e-12)
        if row["attack"]:
            assert row["attack"] == worst["attack"].item()


def test_a_plain_mean_gains_nothing_over_itself(pool: Pool) -> None:
    only = grid(consensus={"plain": setting("consensus", "mean")}, evaluators_per_round=(5,))
    study, _ = study_robustness("mine", only, {"calibration": pool, "test": pool}, confidence=0.9)
    found = recommend(study, {"mine": only}, pool, resamples=20, confidence=0.9, seed=1)
    for name in ("gain", "gain_low", "gain_high"):
        assert found[name].to_list() == [0, 0]
    cell = next(iter(only.cells()))[1]
    (expected,) = measure([as_played(cell, pool)], pool)
    assert found["reward_sd"][0] == pytest.approx(expected["evaluator_reward_sd"].mean())
