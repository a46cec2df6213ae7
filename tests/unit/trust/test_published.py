from math import inf, log

import pytest

from poq.trust.published import Settings, updates_to_cap
from tests.unit.trust.conftest import Move


def test_equation_21(move: Move) -> None:
    # 1 * (1 + 0.1 * (0.5 - 0.1)) = 1.04; 1 * (1 + 0.1 * (0.5 - 0.9)) = 0.96; 0.5 stays
    assert move("published", [1, 1, 1], [0.1, 0.9, 0.5]) == pytest.approx([1.04, 0.96, 1])


def test_bounds(move: Move) -> None:
    # 1.99 * 1.05 = 2.0895, above 2; 0.101 * 0.95 = 0.09595, below 0.1
    assert move("published", [1.99, 0.101], [0.0, 1.0]) == [2, 0.1]


def test_updates_until_the_cap(move: Move) -> None:
    settings = Settings(kind="published", rate=0.1, maximum=2)
    # ln(2) / ln(1.04) = 17.67: 17 updates are too few, 18 are enough
    assert updates_to_cap(settings, 0.1) == pytest.approx(17.673, abs=1e-3)
    weight = [1.0]
    for _ in range(17):
        weight = move("published", weight, [0.1])
    assert weight[0] < 2
    assert move("published", weight, [0.1]) == [2]
    assert updates_to_cap(settings, 0.5) == inf


def test_growth_too_small_to_add_to_one_takes_long() -> None:
    # ln(2) / (1e-17 * (0.5 - 0.1))
    slow = Settings(kind="published", rate=1e-17, maximum=2)
    assert updates_to_cap(slow, 0.1) == pytest.approx(log(2) / 4e-18)


def test_attackers_gain_trust_too(move: Move) -> None:
    """The weakness: points that are 3 off are a deviation of 0.3 only."""
    assert move("published", [1.0], [0.3])[0] > 1


def test_bounds_in_the_wrong_order_are_told() -> None:
    with pytest.raises(ValueError, match="minimum <= initial <= maximum"):
        Settings(kind="published", minimum=1.5)
