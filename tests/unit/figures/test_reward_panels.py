import numpy as np
import polars as pl
import pytest

from poq.figures.reward_panels import data, draw
from tests.unit.figures.conftest import Rewards

LABELS = {"title": "Title", "quality": "consensus / 10", "node": "inference node"}


def test_data_has_a_row_for_each_panel_node_and_quantity(rewards: Rewards) -> None:
    found = data(rewards(("a", "inference", "pooled", 0.5, 0.25, 0.75)), "inference")
    # Ends are the value -+ 0.1.
    assert found.select(pl.exclude("value", "low", "high")).rows() == [
        ("pooled", "a", 30, 8, "reward"),
        ("pooled", "a", 30, 8, "quality"),
        ("pooled", "a", 30, 8, "cost"),
    ]
    assert found["value"].to_list() == [0.75, 0.5, 0.25]
    assert found["low"].to_list() == pytest.approx([0.65, 0.4, 0.15])
    assert found["high"].to_list() == pytest.approx([0.85, 0.6, 0.35])


def test_every_panel_orders_nodes_by_their_pooled_reward(rewards: Rewards) -> None:
    rows = [
        ("a", "inference", "pooled", 0.5, 0.0, 0.1),
        ("b", "inference", "pooled", 0.5, 0.0, 0.3),
        ("c", "inference", "pooled", 0.5, 0.0, None),
        ("a", "inference", "qa", 0.5, 0.0, 0.9),  # best in qa, yet second in all
        ("b", "inference", "qa", 0.5, 0.0, 0.2),
        ("e", "evaluator", "pooled", 0.5, 0.0, 0.9),
    ]
    found = data(rewards(*rows), "inference").filter(pl.col("quantity") == "reward")
    assert found.select("task", "node").rows() == [
        ("qa", "b"),
        ("qa", "a"),
        ("pooled", "b"),
        ("pooled", "a"),
        ("pooled", "c"),
    ]


def test_draw_sets_rewards_above_what_they_are_made_of(rewards: Rewards) -> None:
    rows = [("a", "inference", task, 0.5, 0.2, 0.4) for task in ("qa", "summarization", "pooled")]
    figure = draw(data(rewards(*rows), "inference"), **LABELS)
    assert len(figure.axes) == 6
    assert {panel.get_xlabel() for panel in figure.axes[:3]} == {"mean reward a round"}
    assert {panel.get_xlabel() for panel in figure.axes[3:]} == {
        "quality (consensus / 10)\nand normalised cost, 0 to 1"
    }
    assert [panel.get_title(loc="left") for panel in figure.axes[:3]] == [
        "qa: 30 rounds a node,\n8 prompts",
        "summarization: 30 rounds a node,\n8 prompts",
        "pooled: 30 rounds a node,\n8 prompts",
    ]
    assert figure.axes[0].get_ylabel() == "inference node"
    marks = [
        [line for line in panel.lines if line.get_label() == "_mark"]
        for panel in (figure.axes[0], figure.axes[3])
    ]
    places = [[float(np.asarray(mark.get_xdata())[0]) for mark in row] for row in marks]
    assert places == [[0.4], [0.5, 0.2]]


def test_null_means_and_null_intervals_are_not_drawn(rewards: Rewards) -> None:
    table = rewards(
        ("a", "inference", "pooled", 0.5, 0.2, 0.4), ("b", "inference", "pooled", 0.5, 0.2, None)
    ).with_columns(quality_low=None)
    above, below = draw(data(table, "inference"), **LABELS).axes
    labels = [[line.get_label() for line in panel.lines] for panel in (above, below)]
    assert labels[0].count("_mark") == labels[0].count("_interval") == 1
    # Quality and cost of two nodes, and intervals of their costs only.
    assert (labels[1].count("_mark"), labels[1].count("_interval")) == (4, 2)
