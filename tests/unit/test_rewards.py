import numpy as np
import pytest
from pydantic import ValidationError

from poq.rewards import RewardSettings, evaluator_quality, inference_quality, normalized, reward

WEIGHTS = RewardSettings(alpha=1.0, beta=0.3)


def test_inference_node() -> None:
    # c = 7: quality 7 / 10; R = 1 * 0.7 - 0.3 * 0.5 = 0.55
    assert reward(inference_quality(7), 0.5, WEIGHTS) == pytest.approx(0.55)


def test_evaluator_node() -> None:
    # |s - c| / 10 = 0.2: quality 0.8; R = 1 * 0.8 - 0.3 * 1 = 0.5
    assert reward(evaluator_quality(0.2), 1, WEIGHTS) == pytest.approx(0.5)


def test_weights_scale_quality_and_cost() -> None:
    # 2 * 0.5 - 0.5 * 0.4 = 0.8
    assert reward(0.5, 0.4, RewardSettings(alpha=2, beta=0.5)) == pytest.approx(0.8)


def test_shapes_broadcast() -> None:
    found = reward([[0.0], [1.0]], [0.0, 0.5, 1.0], WEIGHTS)
    np.testing.assert_allclose(found, [[0, -0.15, -0.3], [1, 0.85, 0.7]])


def test_normalized_maps_the_ends_onto_0_and_1() -> None:
    # (R + 0.3) / 1.3; R = 0.35 lies in the middle: 0.65 / 1.3 = 0.5
    np.testing.assert_allclose(normalized([-0.3, 0.35, 1.0], WEIGHTS), [0, 0.5, 1])


def test_normalized_without_anything_to_earn_is_nan() -> None:
    found = normalized([0.0, 0.0], RewardSettings(alpha=0, beta=0))
    assert found.shape == (2,)
    assert np.isnan(found).all()


@pytest.mark.parametrize("alpha", [-0.1, float("nan"), float("inf")])
def test_weights_are_finite_and_not_negative(alpha: float) -> None:
    with pytest.raises(ValidationError, match="alpha"):
        RewardSettings(alpha=alpha, beta=0.3)
