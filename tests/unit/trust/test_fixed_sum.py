import pytest

from tests.unit.trust.conftest import Move


def test_what_one_gains_the_others_lose(move: Move) -> None:
    # 1.05 and 0.95 sum to 2 as before; 2 * 1.05 = 2.1 and 0.95 sum to 3.05, times 3 / 3.05
    assert move("fixed_sum", [1, 1], [0.0, 1.0]) == pytest.approx([1.05, 0.95])
    assert move("fixed_sum", [2, 1], [0.0, 1.0]) == pytest.approx([2.1 * 3 / 3.05, 0.95 * 3 / 3.05])


def test_a_growth_that_all_share_cancels(move: Move) -> None:
    assert move("fixed_sum", [0.5, 2, 1], [0.1, 0.1, 0.1]) == pytest.approx([0.5, 2, 1])
    assert move("fixed_sum", [1.3], [0.0]) == [1.3]


def test_weights_do_not_underflow(move: Move) -> None:
    assert move("fixed_sum", [1e-9, 1e-9], [1.0, 1.0]) == pytest.approx([1e-9, 1e-9])
