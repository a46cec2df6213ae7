import pytest

from poq.trust import previous_round
from tests.unit.trust.conftest import Move


def test_what_all_share_cancels(move: Move) -> None:
    assert previous_round.COMPARES_WITH == "previous"
    # previous consensus 2, scores 6, 7, 9: deviations 0.4, 0.5, 0.7; median 0.5:
    # 1 + 0.1 * 0.1, 1, 1 - 0.1 * 0.2
    assert move("previous_round", [1, 1, 1], [0.4, 0.5, 0.7]) == pytest.approx([1.01, 1, 0.98])
