import numpy as np
import pytest

from poq.consensus.trust_weighted_mean import Settings, consensus

RULE = Settings(kind="trust_weighted_mean")


def test_average_by_trust() -> None:
    # (2 * 1 + 6 * 3) / 4 = 5
    assert consensus([2.0, 6.0], RULE, [1.0, 3.0]) == 5
    # one row of weights for all rounds: (0 + 30) / 4 = 7.5
    np.testing.assert_array_equal(consensus([[2, 6], [0, 10]], RULE, [1, 3]), [5, 7.5])


def test_without_trust_every_score_weighs_the_same() -> None:
    assert consensus([2.0, 6.0], RULE) == 4
    assert consensus([2.0, 6.0], RULE, [0.0, 0.0]) == 4


@pytest.mark.parametrize("weights", [[-1.0, 2.0], [np.nan, 1.0], [np.inf, 1.0]])
def test_weights_that_are_none_are_refused(weights: list[float]) -> None:
    with pytest.raises(ValueError, match="finite and not negative"):
        consensus([2.0, 6.0], RULE, weights)
