import numpy as np
import pytest

from poq.simulation.coalition import break_even, break_even_sizes


def test_profit_is_interpolated_where_it_turns_positive() -> None:
    # from -1 at 2 to 3 at 4: 2 + 2 * 1 / 4 = 2.5
    np.testing.assert_array_equal(break_even([1, 2, 4], [[-3.0, -1.0, 3.0]]), [2.5])


def test_the_last_turn_counts() -> None:
    # positive at 1, negative at 2, 0 -> 2 at 3 -> 4: exactly at 3
    np.testing.assert_array_equal(break_even([1, 2, 3, 4], [[1.0, -1.0, 0.0, 2.0]]), [3])


def test_always_and_never() -> None:
    found = break_even([2, 4], [[1.0, 2.0], [-2.0, -1.0], [1.0, 0.0]])
    np.testing.assert_array_equal(found, [2, np.nan, np.nan])


def test_cells_that_differ_in_size_alone_are_a_group() -> None:
    profits = [
        ({"attack": attack}, malicious, np.array(profit))
        for attack, by_size in {
            # first replication: -1 at 2, 1 at 4, so 3; second: from the least size on, so 2
            "lazy": {0: [0.0, 0.0], 4: [1.0, 5.0], 2: [-1.0, 3.0]},
            "sabotage": {2: [-1.0, -1.0], 4: [1.0, -1.0]},
            "noise": {2: [-1.0, -1.0], 4: [0.0, -1.0]},
            "none": {0: [0.0, 0.0]},
        }.items()
        for malicious, profit in by_size.items()
    ]
    found = break_even_sizes(profits, 0.95)
    assert found.columns == ["attack", "n", "value", "low", "high"]
    assert found.select("attack", "n", "value").rows() == [
        ("lazy", 2, 2.5),
        ("sabotage", 1, 3.0),
        ("noise", 0, None),
        ("none", 0, None),
    ]
    # 2 and 3: standard error 0.5, Student's t of one degree of freedom 12.706
    assert found["high"][0] == pytest.approx(2.5 + 12.706 * 0.5, abs=1e-3)
