import pytest

from tests.unit.trust.conftest import Move


def test_the_median_of_the_round_is_the_yardstick(move: Move) -> None:
    # median 0.2: 1 + 0.1 * (0.2 - 0.1) = 1.01, 1, 1 + 0.1 * (0.2 - 0.5) = 0.97
    assert move("peer_median", [1, 1, 1], [0.1, 0.2, 0.5]) == pytest.approx([1.01, 1, 0.97])


def test_nothing_moves_where_all_agree(move: Move) -> None:
    assert move("peer_median", [1, 2, 0.5], [0.1, 0.1, 0.1]) == [1, 2, 0.5]
    assert move("peer_median", [1.5], [0.4]) == [1.5]


def test_bounds(move: Move) -> None:
    # median 0.5; 2 * 1.05 and 0.1 * 0.95 pass the bounds
    assert move("peer_median", [2, 0.1], [0.0, 1.0]) == [2, 0.1]
