import numpy as np
import pytest

from poq.consensus.mean import Settings, consensus

MEAN = Settings(kind="mean")


def test_average_over_the_last_axis() -> None:
    # (2 + 4 + 9) / 3 = 5; (0 + 10 + 5) / 3 = 5; (1 + 1 + 1) / 3 = 1; (10 + 10 + 10) / 3 = 10
    scores = np.array([[[2, 4, 9], [0, 10, 5]], [[1, 1, 1], [10, 10, 10]]], dtype=np.float64)
    np.testing.assert_allclose(consensus(scores, MEAN), [[5, 5], [1, 10]], rtol=1e-15)


def test_one_score_is_its_own_consensus() -> None:
    np.testing.assert_array_equal(consensus(np.array([[3.25]]), MEAN), [3.25])


def test_a_single_evaluator_moves_it_by_10_over_k() -> None:
    # breakdown point 0: with K = 4, from 0 to 10 / 4
    honest, bent = np.zeros(4), np.array([0.0, 0.0, 0.0, 10.0])
    assert consensus(bent, MEAN) - consensus(honest, MEAN) == pytest.approx(2.5)


def test_no_score_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one score"):
        consensus(np.empty((3, 0)), MEAN)
