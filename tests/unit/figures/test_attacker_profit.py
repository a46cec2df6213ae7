from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from poq.figures import attacker_profit
from poq.figures.attacker_profit import data, draw
from tests.conftest import Frames
from tests.unit.figures.conftest import Robustness


@pytest.fixture
def tables(robustness: Robustness, frame: Frames) -> dict[str, pl.DataFrame]:
    """The mean can be attacked from 7 of 20 nodes on, the median never."""
    rows = [
        (rule, "published", 5, "noise", ratio, profit)
        for rule, profits in (("mean", (0.0, -0.1, 0.1)), ("median", (0.0, -0.2, -0.1)))
        for ratio, profit in zip((0.0, 0.2, 0.5), profits, strict=True)
    ]
    keys = {"trust": "published", "k": 5, "attack": "noise", "nodes": 20, "grid": "g"}
    sizes = [
        frame("break_even", split=split, consensus=["mean", "median"], n=[8, 0],
              value=[value, None], low=[6.0, None], high=[8.0, None], **keys)
        for split, value in (("test", 7.0), ("calibration", 1.0))
    ]  # fmt: skip
    return {"robustness": robustness(*rows, metric="profit"), "break_even": pl.concat(sizes)}


def test_data_joins_the_break_even_size(tables: dict[str, pl.DataFrame]) -> None:
    found = data(tables, {})
    names = ("rule", "malicious_ratio", "value", "break_even", "break_even_low", "paying")
    assert found.select(names).rows() == [
        ("mean", 0.2, -0.1, 7.0, 6.0, 8),
        ("mean", 0.5, 0.1, 7.0, 6.0, 8),
        ("median", 0.2, -0.2, None, None, 0),
        ("median", 0.5, -0.1, None, None, 0),
    ]


def test_draw_marks_where_an_attack_begins_to_pay(tables: dict[str, pl.DataFrame]) -> None:
    figure = draw(data(tables, {}))
    (panel,) = figure.axes
    (mark,) = (line for line in panel.lines if line.get_label() == "_mark")
    # 7 of 20 nodes, between 6 and 8.
    assert np.asarray(mark.get_data()).tolist() == [[0.35], [0]]
    level = [np.asarray(x.get_data()).tolist() for x in panel.lines if x.get_label() == "_interval"]
    assert [[0.3, 0.4], [0, 0]] in level
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["mean", "median"]
    assert figure.legends[0].get_title().get_text() == attacker_profit.TITLE


def test_an_attack_that_seldom_pays_has_no_mark(tables: dict[str, pl.DataFrame]) -> None:
    rows = data(tables, {}).with_columns(paying=pl.lit(3))  # of 8
    (panel,) = draw(rows).axes
    assert not [line for line in panel.lines if line.get_label() == "_mark"]


def test_panels_that_are_left_over_are_empty(tables: dict[str, pl.DataFrame]) -> None:
    rows = data(tables, {})
    four = pl.concat([rows.with_columns(attack=pl.lit(name)) for name in "abcd"])
    axes = draw(four).axes
    assert [panel.axison for panel in axes] == [True] * 4 + [False] * 2
    # The lowest panel of each column names the axis.
    assert [bool(panel.get_xlabel()) for panel in axes[:4]] == [False, True, True, True]
