import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from poq.rewards import RewardSettings, normalized, reward
from poq.simulation.reward_study import flip_ratio

UNIT = st.floats(0, 1)


@given(UNIT, UNIT, UNIT, UNIT)
def test_two_nodes_earn_the_same_at_the_ratio_and_swap_there(
    q1: float, c1: float, q2: float, c2: float
) -> None:
    assume(abs(c1 - c2) > 1e-3)
    ratio = float(flip_ratio(np.array(q1 - q2), np.array(c1 - c2)))

    def ahead(beta: float) -> float:
        weights = RewardSettings(alpha=1, beta=beta)
        return float(reward(q1, c1, weights) - reward(q2, c2, weights))

    if ratio > 1e-6:
        assert ahead(ratio) == pytest.approx(0, abs=1e-9)
        assert ahead(ratio / 2) * ahead(2 * ratio) < 0
    elif ratio < -1e-6:
        assert ahead(0) * ahead(10) > 0


@given(UNIT, UNIT, st.floats(0.01, 100), st.floats(0, 100), st.floats(0.01, 100))
def test_the_normalised_reward_depends_on_the_ratio_of_the_weights_alone(
    quality: float, cost: float, alpha: float, beta: float, factor: float
) -> None:
    weights = RewardSettings(alpha=alpha, beta=beta)
    scaled = RewardSettings(alpha=factor * alpha, beta=factor * beta)
    share = beta / (alpha + beta)
    expected = (1 - share) * quality + share * (1 - cost)
    for settings in (weights, scaled):
        found = normalized(reward(quality, cost, settings), settings)
        assert found == pytest.approx(expected, abs=1e-9)
