"""The two definitions of every rule, and what ``kinds`` finds."""

import numpy as np
import pytest

from poq import kinds

RULES = kinds.names("poq.consensus")


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("k", [1, 2, 3, 4, 5, 8, 11])
def test_core_is_the_rule_for_one_round(rule: str, k: int) -> None:
    module = kinds.load("poq.consensus", rule)
    settings = kinds.settings("poq.consensus", {"kind": rule})
    rng = np.random.default_rng(k)
    for _ in range(50):
        # multiples of a half: with ties
        scores = rng.integers(0, 21, k) / 2
        weights = rng.integers(1, 5, k) * 0.1
        expected = module.consensus(scores, settings, weights)
        order = np.argsort(scores, kind="stable") if module.SORTED else np.arange(k)
        found = module.core(scores[order], weights[order], module.params(settings))
        assert found == pytest.approx(float(expected), abs=1e-12)


@pytest.mark.parametrize("rule", RULES)
def test_one_score_is_its_own_consensus(rule: str) -> None:
    module = kinds.load("poq.consensus", rule)
    settings = kinds.settings("poq.consensus", {"kind": rule})
    assert module.consensus([[3.25]], settings) == [3.25]
