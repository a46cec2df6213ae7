from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from poq.figures import trust_trajectories
from poq.figures.trust_trajectories import data, draw
from tests.conftest import Frames


@pytest.fixture
def tables(frame: Frames) -> dict[str, pl.DataFrame]:
    """Two updates, one attack, three rounds; only the published update has a prediction."""
    cell = {"consensus": "c", "k": 5, "nodes": 20, "effective_evaluators": 3.48}
    lines = [
        frame(
            "trust_trajectories", trust=trust, attack="noise", malicious_ratio=0.3, metric=metric,
            round=[1, 10, 100], n=8, value=[1.0, 1.5, end], low=[0.9, 1.4, end - 0.1],
            high=[1.1, 1.6, end + 0.1], **cell,
        )
        for trust in ("a", "published")
        for metric, end in (("trust_malicious", 0.5), ("trust_honest", 2.0), ("at_cap_honest", 1.0))
    ]  # fmt: skip
    contrasts = frame(
        "contrasts", contrast=["rounds_to_cap", "rounds_predicted"], trust="published",
        value=[30.0, 40.0], value_low=[20.0, 35.0], value_high=[50.0, 45.0], **cell,
    )  # fmt: skip
    return {"trust_trajectories": pl.concat(lines), "contrasts": contrasts}


def test_data_puts_the_prediction_beside_the_published_update(
    tables: dict[str, pl.DataFrame],
) -> None:
    found = data(tables, {}).filter(pl.col("round") == 100)
    assert found.select("trust", "metric", "value", "predicted", "predicted_low").rows() == [
        ("published", "trust_honest", 2.0, 40.0, 35.0),
        ("published", "trust_malicious", 0.5, 40.0, 35.0),
        ("a", "trust_honest", 2.0, None, None),
        ("a", "trust_malicious", 0.5, None, None),
    ]


def test_a_prediction_for_another_network_is_not_drawn(tables: dict[str, pl.DataFrame]) -> None:
    other = {**tables, "contrasts": tables["contrasts"].with_columns(k=pl.lit(3, pl.Int64))}
    assert data(other, {})["predicted"].null_count() == len(data(other, {})) == 12


def test_draw_marks_the_predicted_round(tables: dict[str, pl.DataFrame]) -> None:
    figure = draw(data(tables, {}))
    published, other = figure.axes
    assert [panel.get_title(loc="left") for panel in figure.axes] == ["published", "a"]
    assert published.get_xscale() == "log"
    upright = [line for line in published.lines if line.get_linestyle() == ":"]
    assert [np.asarray(line.get_xdata()).tolist() for line in upright] == [[40, 40]]
    assert not [line for line in other.lines if line.get_linestyle() == ":"]
    honest, malicious = (line for line in published.lines if line.get_label() == "_line")
    assert np.asarray(honest.get_ydata()).tolist() == [1, 1.5, 2]
    assert (honest.get_linestyle(), malicious.get_linestyle()) == ("-", "--")
    assert malicious.get_markerfacecolor() == "white"
    texts = [text.get_text() for text in figure.legends[0].get_texts()]
    assert texts == ["honest nodes", "malicious nodes", "attack: noise"]
    assert "8 replications of 100 rounds" in figure.get_supxlabel()
    assert figure.legends[0].get_title().get_text() == trust_trajectories.TITLE
