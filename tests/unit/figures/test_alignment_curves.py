from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from poq.figures import alignment_curves
from poq.figures.alignment_curves import data, draw
from tests.unit.figures.conftest import Robustness


@pytest.fixture
def tables(robustness: Robustness) -> dict[str, pl.DataFrame]:
    """Two rules at two shares under an attack of the paper and another."""
    frames = [
        robustness(
            *(
                (rule, "published", 5, attack, ratio, base + ratio)
                for rule, base in (("median", 0.1), ("mean", 0.2))
                for attack in ("lazy", "noise")
                for ratio in (0.0, 0.5)
            ),
            metric=metric,
        )
        for metric in ("mae", "pearson", "profit")
    ]
    return {"robustness": pl.concat(frames)}


def test_data_keeps_the_papers_attacks(tables: dict[str, pl.DataFrame]) -> None:
    found = data(tables, {})
    assert found.select("attack", "rule", "malicious_ratio", "metric", "value").rows() == [
        ("noise", rule, ratio, metric, base + ratio)
        for rule, base in (("mean", 0.2), ("median", 0.1))
        for ratio in (0.0, 0.5)
        for metric in ("mae", "pearson")
    ]


def test_draw_has_error_above_correlation(tables: dict[str, pl.DataFrame]) -> None:
    figure = draw(data(tables, {}))
    above, below = figure.axes
    assert above.get_title(loc="left") == "noise"
    assert "absolute error" in above.get_ylabel()
    assert "Pearson" in below.get_ylabel()
    mean, median = (line for line in above.lines if not str(line.get_label()).startswith("_"))
    assert (mean.get_label(), median.get_label()) == ("mean", "median")
    # Values 0.2 and 0.2 + 0.5; marks half of 0.05 to the left, the other rule's to the right.
    assert np.asarray(mean.get_ydata()) == pytest.approx([0.2, 0.7])
    assert np.asarray(mean.get_xdata()) == pytest.approx([-0.025, 0.475])
    assert np.asarray(median.get_xdata()) == pytest.approx([0.025, 0.525])
    assert sum(line.get_label() == "_interval" for line in above.lines) == 4
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["mean", "median"]
    assert figure.legends[0].get_title().get_text() == alignment_curves.TITLE


def test_undefined_correlations_are_left_out(tables: dict[str, pl.DataFrame]) -> None:
    rows = data(tables, {}).with_columns(
        pl.when(pl.col("metric") == "mae").then(pl.col("value")).alias("value")
    )
    _, below = draw(rows).axes
    assert all(len(line.get_xdata()) == 0 for line in below.lines)  # type: ignore[arg-type]
