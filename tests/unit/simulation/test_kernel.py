"""The kernel is the reference, round for round, for every rule, trust update and attack.

To compile all combinations of rule and update would take minutes. The kernel is one template that
these are put into: here the interpreter runs it for every combination, and it is compiled for every
rule under one update and for every update under one rule, each with every attack.
"""

from dataclasses import replace
from pathlib import Path

import numba
import numpy as np
import pytest

from poq import kinds
from poq.simulation import kernel, reference
from poq.simulation.engine import run
from poq.simulation.pool import Pool
from poq.simulation.settings import Cell
from tests.unit.simulation.conftest import MakeCell, setting

RULES, UPDATES, ATTACKS = (
    kinds.names(f"poq.{package}") for package in ("consensus", "trust", "attacks")
)


def assert_equal_round_for_round(cell: Cell, pool: Pool, *, compiled: bool = True) -> None:
    """Every sum after every round of every replication, and the histogram at the end."""
    (found,) = run([cell], pool, at=np.arange(1, cell.rounds + 1), compiled=compiled)
    for replication in range(cell.replications):
        rounds = list(reference.play(cell, pool, replication))
        bad = np.array([r.malicious for r in rounds])
        rewards = np.array([r.rewards for r in rounds])
        deviations = np.array([r.deviations for r in rounds])
        consensus = np.array([r.consensus for r in rounds])
        truth = np.array([10 * pool.quality[r.prompt, r.model] for r in rounds])
        trust = np.array([r.trust for r in rounds])
        cap = kinds.load("poq.trust", cell.trust.kind).cap(cell.trust)
        c, g = consensus - 5, truth - 5
        expected = {
            "consensus": c,
            "consensus_sq": c**2,
            "error": abs(c - g),
            "deviation": deviations.sum(axis=1),
            "deviation_bad": (bad * deviations).sum(axis=1),
            "reward": rewards.sum(axis=1),
            "reward_sq": (rewards**2).sum(axis=1),
            "reward_bad": (bad * rewards).sum(axis=1),
            "reward_sq_bad": (bad * rewards**2).sum(axis=1),
            "ratings_bad": bad.sum(axis=1),
            "identities": [r.renewed for r in rounds],
        }
        for name, per_round in expected.items():
            np.testing.assert_allclose(
                found.of(name)[replication], np.cumsum(per_round), atol=1e-10, err_msg=name
            )
        np.testing.assert_allclose(found.of("trust")[replication], trust.sum(axis=1), atol=1e-10)
        at_cap = (trust >= cap).sum(axis=1)
        np.testing.assert_array_equal(found.of("at_cap")[replication], at_cap)
        for name, share in (("half_saturated", 0.5), ("saturated", 1.0)):
            reached = np.flatnonzero(at_cap >= share * len(pool))
            expected_round = reached[0] + 1 if len(reached) else 0
            assert found.of(name)[replication, -1] == expected_round
        served = np.zeros_like(found.by_output[replication])
        for r in rounds:
            output = r.prompt * len(pool.inference_nodes) + r.model
            served[output] += (1, r.consensus - 5)
        np.testing.assert_allclose(found.by_output[replication], served, atol=1e-10)
        counts = np.bincount((consensus * 100 + 0.5).astype(int), minlength=1001)
        # a consensus on the edge of a bin may round to either side
        assert abs(counts - found.histogram[replication, :, 0]).sum() <= 2
        ranks = np.array([pool.ranks[r.prompt, r.model] for r in rounds])
        assert found.histogram[replication, :, 1].sum() == pytest.approx(ranks.sum())


@pytest.mark.parametrize("update", UPDATES)
@pytest.mark.parametrize("rule", RULES)
def test_every_rule_update_and_attack(
    rule: str, update: str, make_cell: MakeCell, pool: Pool
) -> None:
    for attack in ATTACKS:
        cell = make_cell(rule, update, attack, beneficiary="m2", rounds=30)
        assert_equal_round_for_round(cell, pool, compiled=False)


@pytest.mark.parametrize(
    ("rule", "update"),
    [(rule, "published") for rule in RULES]
    + [("trust_weighted_median", update) for update in UPDATES if update != "published"],
)
def test_machine_code(rule: str, update: str, make_cell: MakeCell, pool: Pool) -> None:
    for attack in ATTACKS:
        cell = make_cell(rule, update, attack, beneficiary="m2", replications=3)
        assert_equal_round_for_round(cell, pool)


@pytest.mark.parametrize("k", [1, 2, 8, 11])
def test_other_k(k: int, make_cell: MakeCell, pool: Pool) -> None:
    cell = make_cell("trust_weighted_median", "leave_one_out", evaluators_per_round=k)
    assert_equal_round_for_round(cell, pool, compiled=False)


@pytest.mark.parametrize("k", [1, 8])
def test_machine_code_of_other_k(k: int, make_cell: MakeCell, pool: Pool) -> None:
    assert_equal_round_for_round(make_cell("trimmed_mean", evaluators_per_round=k), pool)


@pytest.mark.parametrize("ratio", [0.0, 1.0])
@pytest.mark.parametrize("attack", ["copycat", "noise"])
def test_all_or_none_malicious(ratio: float, attack: str, make_cell: MakeCell, pool: Pool) -> None:
    assert_equal_round_for_round(make_cell(attack=attack, malicious_ratio=ratio), pool)


def test_nodes_with_noise(make_cell: MakeCell, pool: Pool) -> None:
    assert_equal_round_for_round(make_cell(attack="noise"), pool.with_nodes(13, noise=0.8))


def test_sybils_come_back(make_cell: MakeCell, pool: Pool) -> None:
    trust = setting("trust", "slow_gain_fast_loss", margin=0.02)
    cell = make_cell(trust=trust, attack=setting("attacks", "sybil", leave_at=0.8), rounds=200)
    assert_equal_round_for_round(cell, pool)
    (found,) = run([cell], pool)
    assert (found.of("identities")[:, -1] > 0).all()


def test_an_evaluator_without_a_score_is_not_drawn(make_cell: MakeCell, pool: Pool) -> None:
    scores = pool.scores.copy()
    scores[pool.task == 1, :, 0] = np.nan  # e1 scores one task only
    scores[0, 0, 3] = np.nan
    partial = replace(pool, scores=scores)
    assert_equal_round_for_round(make_cell(), partial)
    never = replace(pool, scores=np.where(np.arange(5) == 2, np.nan, pool.scores))
    assert_equal_round_for_round(make_cell(), never)


def test_machine_code_made_in_advance_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path))
    plays = [("mean", "published", 1), ("mean", "published", 2)]
    kernel.precompile(plays, 2)
    made = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*mean_published_*.nb*")}
    assert len({path.parent for path in made}) == 1
    assert len(made) >= 4  # an index and machine code of each
    kernel.precompile(plays, 2)
    assert {path: path.stat().st_mtime_ns for path in made} == made


@pytest.mark.parametrize("attack", kinds.names("poq.attacks"))
def test_an_attack_has_no_more_parameters_than_the_kernel_has_room_for(attack: str) -> None:
    module = kinds.load("poq.attacks", attack)
    assert len(module.params(module.Settings(kind=attack))) <= kernel.PARAMETERS
