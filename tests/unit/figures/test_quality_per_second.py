from collections.abc import Callable

import polars as pl
import pytest
from matplotlib.patches import Rectangle

from poq.figures import quality_per_second, style
from poq.figures.quality_per_second import data, draw
from tests.conftest import Frames

F1 = {"qa": "token_f1"}


Tables = Callable[..., dict[str, pl.DataFrame]]


@pytest.fixture
def tables(frame: Frames) -> Tables:
    """Tables of (node, mean, low, high, seconds) on qa."""

    def build(
        *nodes: tuple[str, float | None, float | None, float | None, float],
    ) -> dict[str, pl.DataFrame]:
        names, means, lows, highs, seconds = map(list, zip(*nodes, strict=True))
        ends = {"mean": means, "mean_low": lows, "mean_high": highs}
        return {
            "quality": frame("quality", model=names, task="qa", n=8, n_prompts=4, **ends),
            "costs": frame("costs", node=names, task="qa", n=10, seconds=seconds),
            "pareto": frame("pareto", node=names, task="qa"),
        }

    return build


def test_data_divides_quality_and_its_interval_by_the_median_seconds(tables: Tables) -> None:
    found = data(tables(("a", 0.6, 0.5, 0.75, 0.5)), F1)
    # 0.6 / 0.5 s = 1.2, 0.5 / 0.5 s = 1.0 and 0.75 / 0.5 s = 1.5 per second.
    assert found.rows() == [("qa", "token_f1", "a", 8, 4, 10, 0.6, 0.5, 1.2, 1.0, 1.5)]


def test_data_puts_the_best_node_first_and_an_unknown_one_last(tables: Tables) -> None:
    nodes = ("a", 0.4, 0.3, 0.5, 2.0), ("b", None, None, None, 1.0), ("c", 0.3, 0.2, 0.4, 1.0)
    # a: 0.4 / 2 s = 0.2 per second, less than c's 0.3 / 1 s = 0.3.
    found = data(tables(*nodes), F1)
    assert found["node"].to_list() == ["c", "a", "b"]
    assert found["quality_per_second"].to_list() == [0.3, 0.2, None]


def test_without_seconds_there_is_no_row_and_a_figure_that_says_so(tables: Tables) -> None:
    frames = tables(("a", 0.3, 0.2, 0.4, 1.0))
    frames["costs"] = frames["costs"].with_columns(seconds=pl.lit(None, pl.Float64))
    assert data(frames, F1).is_empty()
    (panel,) = style.nothing(quality_per_second.TITLE).axes
    assert panel.get_title(loc="left") == quality_per_second.TITLE
    assert panel.texts[0].get_text().startswith("Nothing to draw: ")


def test_a_node_that_takes_no_time_is_charged_a_microsecond(tables: Tables) -> None:
    found = data(tables(("a", 0.3, 0.2, 0.4, 0.0)), F1)
    # 0.3 / 1e-6 s = 300,000 per second.
    assert found["quality_per_second"][0] == pytest.approx(3e5)


def test_draw_prints_values_and_units(tables: Tables) -> None:
    nodes = ("a", 0.6, 0.5, 0.7, 0.5), ("b", 0.3, 0.2, 0.4, 2e-5), ("c", 0.0, 0.0, 0.0, 1.0)
    figure = draw(data(tables(*nodes, ("d", None, None, None, 1.0)), F1))
    (panel,) = figure.axes
    assert panel.get_xlabel() == "quality per second (token_f1 / s, log scale)"
    assert panel.get_xscale() == "log"
    assert panel.get_title(loc="left") == "qa: 8 outputs of 4 prompts and 10 timed requests a node"
    assert [label.get_text() for label in panel.get_yticklabels()] == ["b", "a", "c", "d"]
    # 0.3 / 2e-5 s = 15,000 per second.
    assert [text.get_text() for text in panel.texts] == ["15000", "1.2", "0", "undefined"]
    # Neither zero nor null can be a bar on a log axis.
    bars = [bar for bar in panel.patches if isinstance(bar, Rectangle)]
    assert [bar.get_x() + bar.get_width() for bar in bars] == pytest.approx([15000, 1.2])
    assert figure.legends[0].get_title().get_text() == quality_per_second.TITLE


def test_draw_leaves_out_the_lines_of_null_intervals(tables: Tables) -> None:
    nodes = ("a", 0.6, 0.5, 0.7, 0.5), ("b", 0.3, None, None, 1.0)
    (panel,) = draw(data(tables(*nodes), F1)).axes
    assert sum(line.get_label() == "_interval" for line in panel.lines) == 1
    assert len(panel.patches) == 2
