import polars as pl

from poq.figures import normalized_rewards
from poq.figures.normalized_rewards import data, draw
from tests.unit.figures.conftest import Rewards

ROWS = [
    ("a", "inference", "pooled", 0.5, 0.2, 0.4), ("b", "inference", "pooled", 0.5, 0.2, 0.4),
    ("a", "inference", "qa", 0.5, 0.2, 0.4), ("b", "inference", "qa", 0.5, 0.2, 0.4),
    ("e", "evaluator", "pooled", 0.9, 0.1, 0.8), ("e", "evaluator", "qa", 0.9, 0.1, 0.8),
]  # fmt: skip


def table(rewards: Rewards, *values: float | None) -> dict[str, pl.DataFrame]:
    """ROWS with normalised rewards, whose ends lie 0.1 to each side."""
    value = pl.Series(values, dtype=pl.Float64)
    ends = {"normalized_reward_low": value - 0.1, "normalized_reward_high": value + 0.1}
    return {"rewards": rewards(*ROWS).with_columns(normalized_reward=value, **ends)}


def test_data_orders_kinds_panels_and_nodes_by_their_pooled_reward(rewards: Rewards) -> None:
    found = data(table(rewards, 0.3, 0.6, 0.9, 0.1, 0.8, 0.7), {})
    assert found.select("kind", "task", "node", "normalized_reward").rows() == [
        ("inference", "qa", "b", 0.1),
        ("inference", "qa", "a", 0.9),
        ("inference", "pooled", "b", 0.6),
        ("inference", "pooled", "a", 0.3),
        ("evaluator", "qa", "e", 0.7),
        ("evaluator", "pooled", "e", 0.8),
    ]
    assert found.row(0)[3:5] == (30, 8)


def test_draw_has_a_row_of_panels_for_each_kind(rewards: Rewards) -> None:
    figure = draw(data(table(rewards, 0.3, 0.6, 0.9, 0.1, 0.8, 0.7), {}))
    assert [panel.get_ylabel() for panel in figure.axes] == [
        "inference node", "", "evaluator node", "",
    ]  # fmt: skip
    assert figure.axes[1].get_title(loc="left") == "pooled: 30 rounds a node,\n8 prompts"
    assert figure.axes[2].get_xlabel() == "mean normalised reward\n(0 to 1)"
    marks = [[m.get_label() for m in panel.lines].count("_mark") for panel in figure.axes]
    assert marks == [2, 2, 1, 1]
    assert figure.legends[0].get_title().get_text() == normalized_rewards.TITLE


def test_nothing_to_earn_is_told(rewards: Rewards) -> None:
    figure = draw(data(table(rewards, *[None] * 6), {}))
    assert [text.get_text() for text in figure.axes[0].texts] == ["undefined"] * 2
    assert len(figure.axes[0].lines) == 0
