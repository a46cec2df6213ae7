from hypothesis import given
from hypothesis import strategies as st

from poq.rewards import RewardSettings, evaluator_quality, inference_quality, normalized, reward

UNIT = st.floats(0, 1)
WEIGHTS = st.builds(RewardSettings, alpha=st.floats(0, 100), beta=st.floats(0.01, 100))


@given(UNIT, UNIT, WEIGHTS)
def test_rewards_keep_their_bounds(quality: float, cost: float, weights: RewardSettings) -> None:
    found = reward(quality, cost, weights)
    assert -weights.beta <= found <= weights.alpha
    assert 0 <= normalized(found, weights) <= 1


@given(UNIT, UNIT, UNIT, WEIGHTS)
def test_more_quality_pays_and_more_cost_does_not(
    a: float, b: float, other: float, weights: RewardSettings
) -> None:
    low, high = min(a, b), max(a, b)
    assert reward(high, other, weights) >= reward(low, other, weights)
    assert reward(other, high, weights) <= reward(other, low, weights)


@given(st.floats(0, 10), st.floats(0, 10))
def test_paid_quality_is_in_the_unit_interval(score: float, consensus: float) -> None:
    assert 0 <= inference_quality(consensus) <= 1
    assert 0 <= evaluator_quality(abs(score - consensus) / 10) <= 1
