import numpy as np
import polars as pl
import pytest
from scipy.stats import pearsonr, rankdata, spearmanr

from poq.errors import PoqError
from poq.rewards import RewardSettings
from poq.schema import ROBUSTNESS_METRICS
from poq.simulation import reference
from poq.simulation.engine import (
    as_played,
    checkpoints,
    malicious_nodes,
    measure,
    run,
    study,
    trajectories,
)
from poq.simulation.pool import Pool
from poq.simulation.settings import Grid
from poq.trust.published import updates_to_cap
from tests.unit.simulation.conftest import MakeCell, setting


def grid(**values: object) -> Grid:
    defaults: dict[str, object] = {
        "rounds": 300,
        "replications": 5,
        "seed": 1,
        "reward": RewardSettings(alpha=1, beta=0.3),
        "consensus": {name: setting("consensus", name) for name in ("mean", "median")},
        "trust": {"published": setting("trust", "published")},
        "attacks": {name: setting("attacks", name) for name in ("boosting", "lazy")},
        "malicious_ratios": (0.0, 0.3),
        "evaluators_per_round": (5,),
    }
    return Grid.model_validate(defaults | values)


def test_threads_and_chunks_do_not_change_a_bit(make_cell: MakeCell, pool: Pool) -> None:
    cells = [make_cell(replications=9, attack="noise"), make_cell(replications=3)]
    for one, many in zip(run(cells, pool), run(cells, pool, threads=4), strict=True):
        for name in ("sums", "by_output", "histogram"):
            np.testing.assert_array_equal(getattr(one, name), getattr(many, name))
    fewer = run([make_cell(replications=2, attack="noise")], pool)[0]
    np.testing.assert_array_equal(fewer.sums, run(cells, pool)[0].sums[:2])


def test_all_cells_play_the_same_rounds(make_cell: MakeCell, pool: Pool) -> None:
    cells = [make_cell(), make_cell("median", attack="noise"), make_cell(malicious_ratio=0)]
    played = [sums.by_output[..., 0] for sums in run(cells, pool)]
    np.testing.assert_array_equal(played[0], played[1])
    np.testing.assert_array_equal(played[0], played[2])


def test_statistics_are_those_of_the_rounds(make_cell: MakeCell, pool: Pool) -> None:
    cell = make_cell(rounds=400, replications=1, beneficiary="m2")
    rounds = list(reference.play(cell, pool, 0))
    (found,) = measure([cell], pool)
    consensus = np.array([r.consensus for r in rounds])
    truth = np.array([10 * pool.quality[r.prompt, r.model] for r in rounds])
    bad = np.array([r.malicious for r in rounds])
    rewards = np.array([r.rewards for r in rounds])
    inference = consensus / 10 - 0.3 * np.array(
        [pool.inference_costs[pool.task[r.prompt], r.model] for r in rounds]
    )
    expected = {
        "pearson": pearsonr(consensus, truth).statistic,
        "mae": abs(consensus - truth).mean(),
        "bias": (consensus - truth).mean(),
        "inference_reward": inference.mean(),
        "inference_reward_sd": inference.std(),
        "evaluator_reward": rewards.mean(),
        "evaluator_reward_sd": rewards.std(),
        "honest_reward": rewards[~bad].mean(),
        "honest_reward_sd": rewards[~bad].std(),
        "malicious_reward": rewards[bad].mean(),
        "malicious_reward_sd": rewards[bad].std(),
    }
    for name, value in expected.items():
        assert found[name][0] == pytest.approx(value, abs=1e-9), name
    # Consensus is ranked in steps of 0.01 points, quality among all logged outputs.
    ranks = [pool.ranks[r.prompt, r.model] for r in rounds]
    stepped = rankdata(np.floor(consensus * 100 + 0.5))
    assert found["spearman"][0] == pytest.approx(pearsonr(stepped, ranks).statistic, abs=1e-6)
    assert found["spearman"][0] == pytest.approx(spearmanr(consensus, truth).statistic, abs=0.01)


def test_profit_is_against_the_same_nodes_being_honest(make_cell: MakeCell, pool: Pool) -> None:
    cell = make_cell(attack="collusion", replications=1, beneficiary="m2")

    def income(attack: str) -> float:
        total = 0.0
        for r in reference.play(make_cell(attack=attack, beneficiary="m2"), pool, 0):
            total += r.rewards[r.malicious].sum()
            if r.model == 1:
                total += r.consensus / 10 - 0.3 * pool.inference_costs[pool.task[r.prompt], 1]
        return total / cell.rounds

    (found,) = measure([cell], pool)
    assert found["profit"][0] == pytest.approx(income("collusion") - income("honest"), abs=1e-12)


def test_honesty_has_no_profit_and_identities_cost(make_cell: MakeCell, pool: Pool) -> None:
    trust = setting("trust", "slow_gain_fast_loss", margin=0.02)
    sybil = {"leave_at": 0.8, "fee": 0.0}
    cells = [
        make_cell(attack="honest"),
        make_cell(trust=trust, attack=setting("attacks", "sybil", **sybil)),
        make_cell(trust=trust, attack=setting("attacks", "sybil", **(sybil | {"fee": 1.5}))),
    ]
    honest, free, charged = measure(cells, pool)
    np.testing.assert_array_equal(honest["profit"], 0)
    fees = 1.5 * free["identities"] / 60
    assert (fees > 0).all()
    np.testing.assert_allclose(free["profit"] - charged["profit"], fees)


def test_a_grid_is_a_frame(pool: Pool) -> None:
    cells = list(grid().cells())
    found, sizes = study(cells, pool, threads=2)
    keys = ["consensus", "trust", "k", "attack", "malicious_ratio"]
    assert len(cells) == 8
    assert found.select(keys).unique(maintain_order=True).rows() == [
        tuple(names.values()) for names, _ in cells
    ]
    assert found["effective_evaluators"].unique().to_list() == [pool.effective_evaluators()]
    defined = found.filter(pl.col("n") > 1)
    assert (defined["low"] <= defined["value"]).all()
    assert (defined["value"] <= defined["high"]).all()
    # without malicious nodes they have no reward: null, not 0
    missing = found.filter(
        (pl.col("malicious_ratio") == 0) & (pl.col("metric") == "malicious_reward")
    )
    assert missing["n"].to_list() == [0] * 4
    assert missing["value"].to_list() == [None] * 4
    assert set(found["metric"]) == set(ROBUSTNESS_METRICS)
    # 0.3 * 11 is 3 nodes, the only size: the attack pays from there on or never
    profits = [values["profit"] for values in measure([cell for _, cell in cells], pool)]
    pays = [int((profit > 0).sum()) for profit in profits[1::2]]
    assert sizes["n"].to_list() == pays
    assert sizes["value"].to_list() == [3 if n else None for n in pays]
    assert 0 in pays
    assert max(pays) > 0


@pytest.mark.parametrize(
    ("ratio", "nodes", "expected"), [(0.7, 45, 32), (0.29, 50, 15), (0.5, 11, 6), (0.04, 11, 0)]
)
def test_malicious_nodes_are_rounded_half_up(
    make_cell: MakeCell, pool: Pool, ratio: float, nodes: int, expected: int
) -> None:
    # 0.7 * 45 is 31.499999999999996 in floating point, 0.29 * 50 is 14.499999999999998
    assert malicious_nodes(make_cell(malicious_ratio=ratio), pool.with_nodes(nodes)) == expected


def test_an_attack_of_nobody_is_none(make_cell: MakeCell, pool: Pool) -> None:
    cells = [make_cell(attack=attack, malicious_ratio=0.04) for attack in ("noise", "honest")]
    # 0.04 * 11 rounds to 0 nodes
    assert as_played(cells[0], pool) == cells[1]
    unlike = [cell.model_copy(update={"malicious_ratio": 0.1}) for cell in cells]
    assert as_played(unlike[0], pool) == unlike[0]
    played = run(cells, pool)
    np.testing.assert_array_equal(played[0].sums, played[1].sums)


def test_saturation_comes_when_the_formula_says(make_cell: MakeCell, pool: Pool) -> None:
    """ln(maximum / initial) / ln(1 + rate * (0.5 - d)) updates of a node, N / K rounds each."""
    cell = make_cell(attack="honest", rounds=2000, replications=20)
    (found,) = measure([cell], pool.with_nodes(50))
    updates = updates_to_cap(cell.trust, found["honest_deviation"].mean())
    assert found["half_saturated"].mean() == pytest.approx(updates * 50 / 5, rel=0.1)
    assert (found["trust_honest"] > 1.99).all()


def test_trajectories_start_at_the_initial_trust(pool: Pool) -> None:
    found = trajectories(list(grid().cells())[:1], pool)
    first = found.filter((pl.col("round") == 1) & (pl.col("metric") == "trust_honest"))
    # one round moves 5 of 11 nodes by at most 5 %
    assert 1 < first["value"][0] < 1 + 0.05 * 5 / 11
    assert found["round"].unique(maintain_order=True).to_list() == checkpoints(300).tolist()


@pytest.mark.parametrize("rounds", [1, 2, 10, 5000])
def test_checkpoints_ascend_to_the_last_round(rounds: int) -> None:
    found = checkpoints(rounds)
    assert found[-1] == rounds
    assert (np.diff(found) > 0).all()


def test_mistakes_are_told(make_cell: MakeCell, pool: Pool) -> None:
    with pytest.raises(PoqError, match="found 12; expected at most 11"):
        run([make_cell(evaluators_per_round=12)], pool)
    with pytest.raises(PoqError, match="beneficiary: found 'm9'; expected one of m1, m2, m3"):
        run([make_cell(beneficiary="m9")], pool)
