import pytest

from tests.unit.trust.conftest import Move


def test_gain_is_added_and_loss_multiplies(move: Move) -> None:
    # median 0.2, margin 0.1: 0.29 gains 0.02, 0.31 keeps 70 %
    weights = move("slow_gain_fast_loss", [1, 1, 1, 1, 1], [0.1, 0.2, 0.2, 0.29, 0.31])
    assert weights == pytest.approx([1.02, 1.02, 1.02, 1.02, 0.7])


def test_bounds(move: Move) -> None:
    # 1.99 + 0.02 passes 2; 0.12 * 0.7 = 0.084 passes 0.1
    assert move("slow_gain_fast_loss", [1.99, 1, 0.12], [0.1, 0.1, 0.9]) == pytest.approx(
        [2, 1.02, 0.1]
    )
