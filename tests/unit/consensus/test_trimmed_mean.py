import numpy as np
import pytest
from pydantic import ValidationError

from poq.consensus.trimmed_mean import Settings, consensus, core, params, tolerated


def trimmed(trim: float) -> Settings:
    return Settings(kind="trimmed_mean", trim=trim)


def test_extremes_are_left_out() -> None:
    # g = floor(0.2 * 5) = 1: (2 + 4 + 6) / 3 = 4
    assert consensus([10.0, 2.0, 0.0, 6.0, 4.0], trimmed(0.2)) == 4


def test_a_small_k_may_trim_nothing() -> None:
    # g = floor(0.2 * 4) = 0: (0 + 2 + 4 + 10) / 4 = 4
    assert tolerated(4, trimmed(0.2)) == 0
    assert consensus([10.0, 2.0, 0.0, 4.0], trimmed(0.2)) == 4


def test_rounding_costs_no_score() -> None:
    # 0.29 * 100 is 28.999999999999996 in floating point
    assert tolerated(100, trimmed(0.29)) == 29


def test_something_is_always_left() -> None:
    # g = floor(0.49 * 3) = 1: the middle score
    assert consensus([1.0, 7.0, 9.0], trimmed(0.49)) == 7
    with pytest.raises(ValidationError):
        trimmed(0.5)


@pytest.mark.parametrize("trim", [0.49999999999, np.nextafter(0.5, 0)])
def test_a_share_just_under_one_half_leaves_the_middle(trim: float) -> None:
    # 2 * 0.49999999999 is 1 up to rounding; of two scores none may be left out
    scores = np.array([1.0, 4.0])
    assert tolerated(2, trimmed(trim)) == 0
    assert consensus(scores, trimmed(trim)) == 2.5
    assert core(scores, np.ones(2), params(trimmed(trim))) == 2.5
