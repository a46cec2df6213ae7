from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from poq.errors import PoqError
from poq.simulation import reference
from poq.simulation.pool import Pool
from tests.unit.simulation.conftest import MakeCell, setting


def known_pool() -> Pool:
    """One output, three evaluators that give 2, 4 and 9, of costs 0, 0.5 and 1."""
    return Pool(
        scores=np.array([[[2.0, 4.0, 9.0]]]),
        quality=np.array([[0.5]]),
        task=np.array([0]),
        inference_costs=np.array([[0.0]]),
        evaluator_costs=np.array([[0.0, 0.5, 1.0]]),
        inference_nodes=("m",),
        evaluators=("e1", "e2", "e3"),
        evaluator_of=np.arange(3),
        noise=np.zeros(3),
    )


def test_a_round_by_hand(make_cell: MakeCell) -> None:
    cell = make_cell(attack="honest", evaluators_per_round=3, rounds=1)
    (played,) = reference.play(cell, known_pool(), 0)
    order = np.argsort(played.nodes)
    # mean 5; deviations 0.3, 0.1, 0.4; rewards 0.7, 0.9 - 0.15, 0.6 - 0.3
    assert played.consensus == 5
    np.testing.assert_allclose(played.deviations[order], [0.3, 0.1, 0.4])
    np.testing.assert_allclose(played.rewards[order], [0.7, 0.75, 0.3])
    # 1 + 0.1 * (0.5 - d)
    np.testing.assert_allclose(played.trust, [1.02, 1.04, 1.01])


def test_an_attack_by_hand(make_cell: MakeCell) -> None:
    attack = setting("attacks", "boosting", shift=3)
    cell = make_cell(attack=attack, evaluators_per_round=3, rounds=1, malicious_ratio=1)
    (played,) = reference.play(cell, known_pool(), 0)
    order = np.argsort(played.nodes)
    # 5, 7 and min(10, 12): mean 22 / 3
    np.testing.assert_allclose(played.reported[order], [5, 7, 10])
    assert played.consensus == pytest.approx(22 / 3)


def test_who_evaluates_nothing_bears_no_cost(make_cell: MakeCell) -> None:
    cell = make_cell(attack="lazy", evaluators_per_round=3, rounds=1, malicious_ratio=1)
    (played,) = reference.play(cell, known_pool(), 0)
    # everybody reports 5, the middle of the scale: no deviation, no cost
    np.testing.assert_allclose(played.rewards, 1)


def test_sampling_is_uniform_without_replacement(make_cell: MakeCell) -> None:
    cell = make_cell(attack="honest", evaluators_per_round=2, rounds=3000)
    pairs = [
        tuple(sorted(played.nodes.tolist())) for played in reference.play(cell, known_pool(), 0)
    ]
    counts = {pair: pairs.count(pair) for pair in set(pairs)}
    # 1000 each of three; four standard deviations are 4 * sqrt(3000 * 2 / 9) = 103
    assert set(counts) == {(0, 1), (0, 2), (1, 2)}
    assert all(abs(count - 1000) < 103 for count in counts.values())


def test_malicious_nodes_are_balanced_over_evaluators(make_cell: MakeCell) -> None:
    pool = replace(known_pool()).with_nodes(12)
    cell = make_cell(evaluators_per_round=12, rounds=1, malicious_ratio=0.5)
    for replication in range(5):
        (played,) = reference.play(cell, pool, replication)
        evaluators = pool.evaluator_of[played.nodes[played.malicious]]
        np.testing.assert_array_equal(np.bincount(evaluators), [2, 2, 2])


def test_the_log_has_every_rating(make_cell: MakeCell, pool: Pool) -> None:
    cell = make_cell(rounds=20)
    log = reference.log(cell, pool)
    assert len(log) == 20 * 5
    assert set(log["prompt_id"]) <= {str(i) for i in range(7)}
    named = reference.log(cell, replace(pool, prompts=tuple("abcdefg")))
    assert named["prompt_id"].to_list() == ["abcdefg"[int(i)] for i in log["prompt_id"]]
    means = log.group_by("round").agg(pl.col("score").mean(), pl.col("consensus").first())
    np.testing.assert_allclose(means["score"], means["consensus"])
    changed = log.filter(pl.col("score") != pl.col("honest_score"))
    assert changed["malicious"].all()
    assert len(changed) > 0


def test_more_evaluators_than_there_are_nodes_are_told(make_cell: MakeCell) -> None:
    with pytest.raises(PoqError, match="found 4; expected at most 3, the fewest evaluator nodes"):
        reference.log(make_cell(evaluators_per_round=4), known_pool())
