import numpy as np
import pytest

from poq.consensus.median import Settings, consensus, tolerated

MEDIAN = Settings(kind="median")


def test_middle_score_over_the_last_axis() -> None:
    # odd K: the middle of 1, 2, 9; even K: (4 + 6) / 2
    np.testing.assert_array_equal(consensus([[9.0, 1.0, 2.0], [0.0, 10.0, 10.0]], MEDIAN), [2, 10])
    assert consensus([10.0, 4.0, 6.0, 0.0], MEDIAN) == 5


@pytest.mark.parametrize(("k", "most"), [(1, 0), (2, 0), (3, 1), (4, 1), (5, 2), (10, 4)])
def test_it_tolerates_less_than_half(k: int, most: int) -> None:
    assert tolerated(k, MEDIAN) == most


def test_no_score_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one score"):
        consensus(np.empty((3, 0)), MEDIAN)
