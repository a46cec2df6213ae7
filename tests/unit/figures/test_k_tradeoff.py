from __future__ import annotations

import polars as pl
import pytest

from poq.figures import k_tradeoff
from poq.figures.k_tradeoff import METRICS, data, draw
from tests.unit.figures.conftest import Robustness


@pytest.fixture
def tables(robustness: Robustness) -> dict[str, pl.DataFrame]:
    """Grid "deep" has two values of K, grid "wide" more rules."""
    frames = [
        robustness(
            *(
                (rule, "published", k, attack, ratio, k + ratio)
                for rule in rules
                for k in ks
                for attack in ("boosting", "noise")
                for ratio in (0.0, 0.1, 0.4)
            ),
            grid=grid,
            metric=metric,
        )
        for metric in METRICS
        for grid, rules, ks in (("deep", ["mean"], (3, 9)), ("wide", ["mean", "median"], (5,)))
    ]
    return {"robustness": pl.concat(frames)}


def test_data_is_of_the_grid_with_most_values_of_k(tables: dict[str, pl.DataFrame]) -> None:
    found = data(tables, {}).filter(pl.col("metric") == "evaluator_reward")
    assert found.select("attack", "rule", "k", "malicious_ratio", "value").rows() == [
        ("honest network", "mean", 3, 0.0, 3.0),
        ("honest network", "mean", 9, 0.0, 9.0),
        ("noise", "mean", 3, 0.1, 3.1),
        ("noise", "mean", 9, 0.1, 9.1),
        ("boosting", "mean", 3, 0.1, 3.1),
        ("boosting", "mean", 9, 0.1, 9.1),
    ]


def test_draw_has_a_column_a_network_and_a_row_a_statistic(
    tables: dict[str, pl.DataFrame],
) -> None:
    figure = draw(data(tables, {}))
    assert len(figure.axes) == 3 * 4
    titles = [panel.get_title(loc="left") for panel in figure.axes[:3]]
    assert titles == ["honest network", "noise", "boosting"]
    assert [panel.get_ylabel() for panel in figure.axes[::3]] == list(METRICS.values())
    assert [tick.get_text() for tick in figure.axes[9].get_xticklabels()] == ["3", "9"]
    assert "10 % malicious" in figure.get_supxlabel()
    assert figure.legends[0].get_title().get_text() == k_tradeoff.TITLE
