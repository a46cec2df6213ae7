import numpy as np
import polars as pl
import pytest

from poq.figures import reward_gain
from poq.figures.reward_gain import data, draw
from tests.conftest import Frames


@pytest.fixture
def tables(frame: Frames) -> dict[str, pl.DataFrame]:
    """Node "a" at four points, two of one ratio and one where there is nothing to earn."""
    return {
        "reward_study": frame(
            "reward_study",
            node="a",
            kind="inference",
            task="qa",
            n_prompts=4,
            alpha=[1.0, 2.0, 0.0, 3.0],
            beta=[1.0, 2.0, 0.0, 1.0],
            own=[False, True, False, False],
            gain=[0.0, 0.0, None, 0.25],
            gain_low=[0.0, 0.0, None, 0.1],
            gain_high=[0.0, 0.0, None, 0.3],
        )
    }


def test_data_keeps_one_point_of_each_ratio(tables: dict[str, pl.DataFrame]) -> None:
    found = data(tables, {})
    # 1 / (3 + 1) = 0.25; 2 / (2 + 2) = 0.5, of which the run's own point is kept.
    assert found.select("weight", "alpha", "own", "gain", "low", "high").rows() == [
        (0.25, 3.0, False, 0.25, 0.1, 0.3),
        (0.5, 2.0, True, 0.0, 0.0, 0.0),
    ]


def test_draw_joins_the_points_of_a_node(tables: dict[str, pl.DataFrame]) -> None:
    figure = draw(data(tables, {}))
    (panel,) = figure.axes
    assert panel.get_title(loc="left") == "inference nodes, qa:\n4 prompts"
    assert panel.get_ylabel() == "gain in normalised reward"
    joined = [np.asarray(line.get_data()).tolist() for line in panel.lines]
    assert [[0.25, 0.5], [0.25, 0.0]] in joined
    assert [[0.5, 0.5], [0, 1]] in joined  # the run's own weights
    assert [text.get_text() for text in panel.texts] == ["a"]
    assert figure.legends[0].get_title().get_text() == reward_gain.TITLE
