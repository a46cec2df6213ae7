from collections.abc import Callable

import numpy as np
import polars as pl
import pytest

from poq.figures import quality_cost
from poq.figures.quality_cost import data, draw
from tests.conftest import Frames

F1 = {"qa": "token_f1", "summarization": "token_f1"}


Tables = Callable[..., dict[str, pl.DataFrame]]


@pytest.fixture
def tables(frame: Frames) -> Tables:
    """Tables of (node, task, mean, seconds); ends are mean -+ 0.1, quartiles 0.5 and 2 x.

    Of all nodes only "a" stands on the front.
    """

    def build(
        *nodes: tuple[str, str, float | None, float],
        interval: bool = True,
        share: float | None = None,
    ) -> dict[str, pl.DataFrame]:
        names, tasks, means, seconds = map(list, zip(*nodes, strict=True))
        columns = {"model": names, "task": tasks, "n": 8, "n_prompts": 4, "mean": means}
        quality = [frame("quality", **columns, reference=name) for name in ("token_f1", "rougeL")]
        columns = {"node": names, "task": tasks, "n": 10, "seconds": seconds}
        costs = [frame("costs", **columns, kind=kind) for kind in ("inference", "evaluator")]
        ends = {"mean_low": pl.col("mean") - 0.1, "mean_high": pl.col("mean") + 0.1}
        quartiles = {"seconds_q1": 0.5 * pl.col("seconds"), "seconds_q3": 2 * pl.col("seconds")}
        columns = {"node": names, "task": tasks, "front": [name == "a" for name in names]}
        fronts = [frame("pareto", **columns, reference=name) for name in ("token_f1", "rougeL")]
        return {
            "quality": pl.concat(quality).with_columns(**ends if interval else {}),
            "costs": pl.concat(costs).with_columns(**quartiles),
            "pareto": pl.concat(fronts).with_columns(front_share=pl.lit(share, pl.Float64)),
        }

    return build


def test_data_joins_quality_and_cost_of_inference_nodes(tables: Tables) -> None:
    found = data(tables(("a", "qa", 0.5, 2.0)), F1)
    # Ends 0.5 -+ 0.1; quartiles 0.5 x 2 s = 1 s and 2 x 2 s = 4 s.
    assert found.rows() == [
        ("qa", "token_f1", "a", 8, 4, 0.5, 0.4, 0.6, 10, 2.0, 1.0, 4.0, True, None),
    ]


def test_data_is_sorted_and_uses_the_reference_of_each_task(tables: Tables) -> None:
    nodes = ("b", "summarization", 0.2, 1.0), ("b", "qa", 0.3, 1.0), ("a", "qa", 0.4, 1.0)
    found = data(tables(*nodes), {"qa": "token_f1", "summarization": "rougeL"})
    assert found.select("task", "node", "reference").rows() == [
        ("qa", "a", "token_f1"),
        ("qa", "b", "token_f1"),
        ("summarization", "b", "rougeL"),
    ]


def test_seconds_that_no_clock_can_tell_from_zero_count_as_a_microsecond(tables: Tables) -> None:
    found = data(tables(("a", "qa", 0.5, 0.0)), F1)
    assert found.select("seconds", "seconds_q1", "seconds_q3").row(0) == (1e-6, 1e-6, 1e-6)


def test_draw_labels_axes_with_units_and_counts(tables: Tables) -> None:
    nodes = ("a", "qa", 0.5, 2.0), ("b", "qa", 0.3, 2e-5), ("a", "summarization", 0.2, 4.0)
    figure = draw(data(tables(*nodes), F1))
    qa, summarization = figure.axes
    assert qa.get_ylabel() == "mean reference quality\n(token_f1, 0 to 1)"
    assert summarization.get_xlabel() == "median seconds a request at batch size 1 (s, log scale)"
    assert qa.get_xscale() == "log"
    assert qa.get_title(loc="left") == "qa: 8 outputs of 4 prompts and 10 timed requests a node"
    assert [text.get_text() for text in qa.texts] == ["a", "b"]
    assert figure.legends[0].get_title().get_text() == quality_cost.TITLE


@pytest.mark.parametrize(("interval", "bars"), [(True, 2), (False, 1)])
def test_a_null_interval_leaves_only_the_bar_of_the_quartiles(
    tables: Tables, interval: bool, bars: int
) -> None:
    (panel,) = draw(data(tables(("a", "qa", 0.5, 2.0), interval=interval), F1)).axes
    assert sum(line.get_label() == "_interval" for line in panel.lines) == bars


def test_nodes_differ_in_marker_and_look_the_same_in_every_panel(tables: Tables) -> None:
    nodes = ("a", "qa", 0.5, 2.0), ("b", "qa", 0.3, 1.0), ("b", "summarization", 0.3, 1.0)
    figure = draw(data(tables(*nodes), F1))
    marks = [[m for m in panel.lines if m.get_label() == "_mark"] for panel in figure.axes]
    a, b, again = (mark for panel in marks for mark in panel)
    assert a.get_marker() != b.get_marker() == again.get_marker()
    assert b.get_markerfacecolor() == again.get_markerfacecolor()


def test_a_node_without_quality_has_no_point(tables: Tables) -> None:
    nodes = ("a", "qa", None, 2.0), ("b", "qa", 0.3, 1.0), ("a", "summarization", None, 1.0)
    figure = draw(data(tables(*nodes), F1))
    names = [[text.get_text() for text in panel.texts] for panel in figure.axes]
    assert names == [["b"], []]


def test_the_front_is_filled_and_has_stairs_and_shares(tables: Tables) -> None:
    nodes = ("a", "qa", 0.5, 2.0), ("b", "qa", 0.3, 3.0)
    (panel,) = draw(data(tables(*nodes, share=0.875), F1)).axes
    a, b = (line for line in panel.lines if line.get_label() == "_mark")
    assert (a.get_markerfacecolor() == "white", b.get_markerfacecolor()) == (False, "white")
    (stairs,) = (line for line in panel.lines if line.get_label() == "_front")
    # From a at 2 s to the longest quartile of all, 2 x 3 s.
    assert np.asarray(stairs.get_data()).tolist() == [[2, 6], [0.5, 0.5]]
    assert [text.get_text() for text in panel.texts] == ["a (88%)", "b (88%)"]
