import numpy as np
import pytest

from poq.calibration.baselines import consensus, trust

nan = float("nan")


def test_consensus_of_all_that_scored_an_output() -> None:
    scores = np.array([[1.0, 2.0, 9.0], [nan, 2.0, 5.0], [nan, nan, nan]])
    weights = np.array([1.0, 1.0, 2.0])
    # Trust-weighted: (1 + 2 + 18) / 4 = 5.25, then (2 + 10) / 3 = 4.
    expected = {
        "mean": [4, 3.5, nan],
        "median": [2, 3.5, nan],
        "trust_weighted_mean": [5.25, 4, nan],
    }
    for rule, values in expected.items():
        assert consensus(rule, scores, weights) == pytest.approx(values, nan_ok=True)


def test_trust_after_two_outputs_by_hand() -> None:
    # First, equal weights: consensus of 2 and 6 is 4, both deviate by 0.2:
    # 1 * (1 + 0.1 * (0.5 - 0.2)) = 1.03. Then the first evaluator alone: deviation 0,
    # 1.03 * 1.05 = 1.0815; the second gave no score and keeps its trust.
    assert trust(np.array([[2.0, 6.0], [3.0, nan]])) == pytest.approx([1.0815, 1.03])


def test_trust_follows_the_order_of_rounds_and_is_capped() -> None:
    away = np.array([[0.0, 0.0, 10.0]] * 3)
    found = trust(away)
    assert found[0] == found[1] > found[2]
    agreeing = np.array([[5.0, 5.0]] * 100)
    assert trust(agreeing).tolist() == [2, 2]  # the cap: the published update saturates


def test_trust_without_outputs_is_the_initial_one() -> None:
    assert trust(np.empty((0, 2))).tolist() == [1, 1]
