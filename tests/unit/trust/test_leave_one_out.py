import pytest

from poq.trust import leave_one_out, peer_median
from tests.unit.trust.conftest import Move


def test_it_compares_with_the_others() -> None:
    assert leave_one_out.COMPARES_WITH == "others"
    assert leave_one_out.update is peer_median.update


def test_the_median_of_the_round_is_the_yardstick(move: Move) -> None:
    # scores 4, 4, 10: without one of them the means are 7, 7, 4, deviations 0.3, 0.3, 0.6;
    # median 0.3: 1, 1, 1 + 0.1 * (0.3 - 0.6) = 0.97
    assert move("leave_one_out", [1, 1, 1], [0.3, 0.3, 0.6]) == pytest.approx([1, 1, 0.97])
