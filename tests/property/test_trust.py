"""What every trust update must do, whatever the round."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from poq import kinds

UPDATES = kinds.names("poq.trust")
BOUNDED = sorted(set(UPDATES) - {"fixed_sum"})
Round = list[tuple[float, float]]
ROUND = st.lists(st.tuples(st.floats(0.1, 2), st.floats(0, 1)), min_size=1, max_size=9)


def updated(kind: str, played: Round) -> np.ndarray[Any, np.dtype[np.float64]]:
    module = kinds.load("poq.trust", kind)
    weights, deviations = (np.array(column) for column in zip(*played, strict=True))
    typical = float(np.median(deviations)) if module.USES_TYPICAL else 0.0
    settings = kinds.settings("poq.trust", {"kind": kind})
    module.update(weights, deviations, typical, module.params(settings))
    return weights


@pytest.mark.parametrize("kind", BOUNDED)
@given(played=ROUND)
def test_trust_keeps_its_bounds(kind: str, played: Round) -> None:
    weights = updated(kind, played)
    assert (weights >= 0.1).all()
    assert (weights <= 2).all()


@given(played=ROUND)
def test_the_budget_of_trust_is_kept(played: Round) -> None:
    before = sum(weight for weight, _ in played)
    weights = updated("fixed_sum", played)
    assert weights.sum() == pytest.approx(before)
    assert (weights > 0).all()


@pytest.mark.parametrize("kind", UPDATES)
@given(played=ROUND, weight=st.floats(0.1, 2))
def test_who_deviates_more_does_not_end_up_with_more(
    kind: str, played: Round, weight: float
) -> None:
    deviations = [deviation for _, deviation in played]
    weights = updated(kind, [(weight, deviation) for deviation in deviations])
    assert (np.diff(weights[np.argsort(deviations, kind="stable")]) <= 1e-12).all()


@pytest.mark.parametrize("kind", sorted(set(UPDATES) - {"published", "slow_gain_fast_loss"}))
@given(deviation=st.floats(0, 1), weights=st.lists(st.floats(0.1, 2), min_size=1, max_size=9))
def test_nothing_moves_where_all_deviate_equally(
    kind: str, deviation: float, weights: list[float]
) -> None:
    """No common drift to the cap: the published update has it."""
    found = updated(kind, [(weight, deviation) for weight in weights])
    np.testing.assert_allclose(found, weights)
