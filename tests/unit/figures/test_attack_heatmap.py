from __future__ import annotations

import polars as pl
import pytest
from matplotlib.colors import to_rgba
from matplotlib.patches import Rectangle

from poq.figures import attack_heatmap
from poq.figures.attack_heatmap import data, draw
from tests.unit.figures.conftest import Robustness


@pytest.fixture
def tables(robustness: Robustness) -> dict[str, pl.DataFrame]:
    """Two rules, two attacks; shares 0, 0.1, 0.3 and 0.6, of which 0.3 is the middle."""
    rows = [
        (rule, "published", 5, attack, ratio, error)
        for rule, attack, errors in (
            ("median", "noise", (1.0, 1.1, 1.25, 2.0)),
            ("median", "lazy", (1.0, 1.0, 0.75, 0.5)),
            ("mean", "noise", (1.5, 1.6, 2.0, 3.0)),
            ("mean", "lazy", (1.5, 1.5, 1.5, 1.5)),
        )
        for ratio, error in zip((0.0, 0.1, 0.3, 0.6), errors, strict=True)
    ]
    return {"robustness": robustness(*rows)}


def test_data_sets_attacks_beside_the_honest_network(tables: dict[str, pl.DataFrame]) -> None:
    found = data(tables, {})
    assert found.select("attack", "rule", "malicious_ratio", "mae", "increase").rows() == [
        ("honest network", "mean", 0.0, 1.5, None),
        ("honest network", "median", 0.0, 1.0, None),
        ("noise", "mean", 0.3, 2.0, 0.5),
        ("noise", "median", 0.3, 1.25, 0.25),
        ("lazy", "mean", 0.3, 1.5, 0.0),
        ("lazy", "median", 0.3, 0.75, -0.25),
    ]


def test_without_an_honest_network_there_is_no_increase(tables: dict[str, pl.DataFrame]) -> None:
    attacked = {"robustness": tables["robustness"].filter(pl.col("malicious_ratio") > 0)}
    found = data(attacked, {})
    assert found["increase"].null_count() == len(found) == 4
    assert len(draw(found).axes) == 1


def test_draw_prints_both_numbers_and_shades_by_the_increase(
    tables: dict[str, pl.DataFrame],
) -> None:
    figure = draw(data(tables, {}))
    (panel,) = figure.axes
    texts = [text.get_text() for text in panel.texts]
    assert texts == [
        "1.50", "1.00", "2.00", "+0.50", "1.25", "+0.25", "1.50", "+0.00", "0.75", "-0.25",
    ]  # fmt: skip
    shades = [to_rgba(p.get_facecolor()) for p in panel.patches if isinstance(p, Rectangle)]
    white = (1, 1, 1, 1)
    # Honest, no increase and less are white; the largest increase is darkest.
    assert [shade == white for shade in shades] == [True, True, False, False, True, True]
    assert sum(shades[2]) < sum(shades[3])
    assert [label.get_text() for label in panel.get_yticklabels()] == ["mean", "median"]
    assert [label.get_text() for label in panel.get_xticklabels()] == [
        "honest\nnetwork", "noise", "lazy",
    ]  # fmt: skip
    note = figure.get_supxlabel()
    # Ends lie 0.1 to each side.
    for part in ("30 % malicious, K = 5", "3.5 of them independent", "at most +/-0.10"):
        assert part in note
    assert figure.legends[0].get_title().get_text() == attack_heatmap.TITLE
