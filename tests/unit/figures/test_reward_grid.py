import polars as pl
import pytest
from matplotlib.patches import Rectangle

from poq.figures import reward_grid
from poq.figures.reward_grid import data, draw
from tests.conftest import Frames


@pytest.fixture
def tables(frame: Frames) -> dict[str, pl.DataFrame]:
    """Nodes "a" and "b" at three points: a leads, both tie, b leads without being sure."""
    nodes, points = ["a", "b"], [(1.0, 0.0), (0.0, 0.0), (1.0, 2.0)]
    return {
        "reward_study": frame(
            "reward_study",
            node=nodes * 3,
            kind="inference",
            task="qa",
            alpha=[alpha for alpha, _ in points for _ in nodes],
            beta=[beta for _, beta in points for _ in nodes],
            own=[True, True, False, False, False, False],
            rank=[1, 2, 1, 1, 2, 1],
            normalized_reward=[0.8, 0.5, None, None, 0.5, 0.625],
            lead_share=[1.0, 0.0, 1.0, 1.0, 0.3, 0.7],
        )
    }


def test_data_names_the_leader_of_every_point(tables: dict[str, pl.DataFrame]) -> None:
    found = data(tables, {})
    assert found.select("alpha", "beta", "own", "node", "ties", "normalized_reward").rows() == [
        (0.0, 0.0, False, "a", 1, None),
        (1.0, 0.0, True, "a", 0, 0.8),
        (1.0, 2.0, False, "b", 0, 0.625),
    ]


def test_draw_marks_leaders_ties_and_the_run(tables: dict[str, pl.DataFrame]) -> None:
    figure = draw(data(tables, {}))
    (panel,) = figure.axes
    assert panel.get_title(loc="left") == "inference nodes, qa"
    assert [label.get_text() for label in panel.get_xticklabels()] == ["0", "2"]
    assert [label.get_text() for label in panel.get_yticklabels()] == ["0", "1"]
    assert sorted(text.get_text() for text in panel.texts) == ["0.62", "0.80", "=", "none"]
    sure, unsure = (line for line in panel.lines if line.get_label() == "_mark")
    assert sure.get_marker() != unsure.get_marker()
    assert (sure.get_markerfacecolor() == "white", unsure.get_markerfacecolor()) == (False, "white")
    cells = [patch for patch in panel.patches if isinstance(patch, Rectangle)]
    assert [cell.get_linewidth() for cell in cells] == [0.5, 1.5, 0.5]
    texts = [text.get_text() for text in figure.legends[0].get_texts()]
    assert texts == ["inference: a", "inference: b"]
    assert figure.legends[0].get_title().get_text() == reward_grid.TITLE
