from collections.abc import Callable

import numpy as np
import polars as pl
import pytest
from matplotlib.colors import to_rgb

from poq.figures import size_quality_cost
from poq.figures.size_quality_cost import data, draw
from tests.conftest import Frames

F1 = {"qa": "token_f1"}
Tables = Callable[..., dict[str, pl.DataFrame]]


@pytest.fixture
def tables(frame: Frames) -> Tables:
    """Tables of (node, mean, seconds, parameters) on qa; a parameter has two bytes."""

    def build(*nodes: tuple[str, float | None, float, int | None]) -> dict[str, pl.DataFrame]:
        names, means, seconds, sizes = map(list, zip(*nodes, strict=True))
        model_bytes = [None if size is None else 2 * size for size in sizes]
        columns = {"seconds": seconds, "parameters": sizes, "model_bytes": model_bytes, "n": 10}
        return {
            "quality": frame("quality", model=names, task="qa", n=8, n_prompts=4, mean=means),
            "costs": frame("costs", node=names, task="qa", **columns),
            "pareto": frame("pareto", node=names, task="qa"),
        }

    return build


def test_data_joins_quality_size_and_cost(tables: Tables) -> None:
    found = data(tables(("b", 0.5, 2.0, 7), ("a", 0.4, 0.0, None)), F1)
    assert found.rows() == [
        ("qa", "token_f1", "a", 8, 4, 10, None, None, 0.4, None, None, 1e-6),
        ("qa", "token_f1", "b", 8, 4, 10, 7, 14, 0.5, None, None, 2.0),
    ]


def test_draw_sets_both_sizes_side_by_side(tables: Tables) -> None:
    nodes = ("a", 0.5, 2.0, 100), ("b", 0.3, 4.0, 400), ("free", 0.2, 1e-5, None)
    figure = draw(data(tables(*nodes), F1))
    left, right, bar = figure.axes
    places = [
        [float(np.asarray(line.get_xdata())[0]) for line in panel.lines] for panel in (left, right)
    ]
    assert places == [[100, 400], [200, 800]]
    assert left.get_xlabel() == "parameters of the model (log scale)"
    assert left.get_ylabel() == "mean reference quality\n(token_f1, 0 to 1)"
    assert left.get_title(loc="left").endswith("\nwithout a known size: free")
    assert [text.get_text() for text in right.texts] == ["a", "b"]
    assert [label.get_text() for label in bar.get_yticklabels()] == ["2", "4"]
    assert figure.legends[0].get_title().get_text() == size_quality_cost.TITLE


def test_a_slower_node_is_lighter(tables: Tables) -> None:
    figure = draw(data(tables(("a", 0.5, 2.0, 100), ("b", 0.3, 4.0, 400)), F1))
    fast, slow = (sum(to_rgb(line.get_markerfacecolor())) for line in figure.axes[0].lines)
    assert fast < slow


def test_without_any_known_size_or_quality_the_panels_are_empty(tables: Tables) -> None:
    figure = draw(data(tables(("a", 0.5, 2.0, None), ("b", None, 1.0, None)), F1))
    assert [len(panel.lines) for panel in figure.axes] == [0, 0]
    assert figure.axes[0].get_title(loc="left").endswith("without a known size: a, b")
