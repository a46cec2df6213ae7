from __future__ import annotations

import numpy as np
import pytest

from poq.simulation.earnings import earnings, mean_earnings
from tests.unit.simulation.conftest import Played

CONSENSUS = {("p", "a"): 8.0, ("q", "a"): 2.0, ("p", "b"): 6.0}
COST = {"a": 0.0, "b": 1.0}


def test_quality_and_cost_of_every_round_and_node(played: Played) -> None:
    found = earnings(*played(CONSENSUS, COST)).select(
        "prompt_id", "node", "kind", "quality", "cost"
    )
    # Inference: consensus / 10. The evaluator is at no distance from the consensus: 1 - 0.
    assert found.rows() == [
        ("p", "a", "inference", 0.8, 0.0),
        ("q", "a", "inference", 0.2, 0.0),
        ("p", "b", "inference", 0.6, 1.0),
        *[(prompt, "e", "evaluator", 1.0, 0.0) for prompt in "pqp"],
    ]


def test_all_nodes_share_the_resamples(played: Played) -> None:
    earned = earnings(*played(CONSENSUS, COST))
    pools = mean_earnings(earned, resamples=200, seed=1)
    assert [(pool.kind, pool.task) for pool in pools] == [
        ("inference", "qa"),
        ("evaluator", "qa"),
        ("inference", "pooled"),
        ("evaluator", "pooled"),
    ]
    quality = pools[0].quality
    assert pools[0].rounds.tolist() == [[1, 1], [1, 0]]
    # As played: a (0.8 + 0.2) / 2, b 0.6.
    assert quality[0] == pytest.approx([0.5, 0.6])
    # Resamples pp: a 0.8, b 0.6; qq: a 0.2 and no round of b; pq: as played.
    drawn = {(round(a, 6), "none" if np.isnan(b) else round(b, 6)) for a, b in quality[1:]}
    assert drawn == {(0.8, 0.6), (0.5, 0.6), (0.2, "none")}


def test_one_prompt_has_no_resamples(played: Played) -> None:
    earned = earnings(*played({("p", "a"): 8.0}, {"a": 0.0}))
    for pool in mean_earnings(earned, resamples=100, seed=1):
        assert np.isfinite(pool.quality[0]).all()
        assert np.isnan(pool.quality[1:]).all()
