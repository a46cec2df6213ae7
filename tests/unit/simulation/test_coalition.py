import numpy as np

from poq.simulation.coalition import break_even, break_even_sizes
from poq.simulation.pool import Pool
from tests.unit.simulation.conftest import MakeCell


def test_profit_is_interpolated_where_it_turns_positive() -> None:
    # from -1 at 2 to 3 at 4: 2 + 2 * 1 / 4 = 2.5
    np.testing.assert_array_equal(break_even([1, 2, 4], [[-3.0, -1.0, 3.0]]), [2.5])


def test_the_last_turn_counts() -> None:
    # positive at 1, negative at 2, 0 -> 2 at 3 -> 4: exactly at 3
    np.testing.assert_array_equal(break_even([1, 2, 3, 4], [[1.0, -1.0, 0.0, 2.0]]), [3])


def test_always_and_never() -> None:
    found = break_even([2, 4], [[1.0, 2.0], [-2.0, -1.0], [1.0, 0.0]])
    np.testing.assert_array_equal(found, [2, np.nan, np.nan])


def test_a_free_rider_pays_from_the_first_node(make_cell: MakeCell, pool: Pool) -> None:
    cells = [
        (
            {"attack": attack, "malicious_ratio": ratio},
            make_cell(attack=attack, malicious_ratio=ratio),
        )
        for attack in ("lazy", "sabotage")
        for ratio in (0.0, 0.2, 0.4)
    ]
    found = break_even_sizes(cells, pool)
    # 0.2 * 11 is 2 nodes; sabotage by a minority costs it reward
    assert found.select("attack", "n", "value").rows() == [("lazy", 2, 2.0), ("sabotage", 0, None)]
