from collections.abc import Callable

import polars as pl
import pytest

from poq.figures import evaluator_reliability
from poq.figures.evaluator_reliability import data, draw
from tests.conftest import Frames

F1 = {"qa": "token_f1", "summarization": "token_f1"}


Row = Callable[..., pl.DataFrame]


@pytest.fixture
def row(frame: Frames) -> Row:
    """One row of table `reliability`; equal Pearson and Spearman, ends 0.1 below, 0.2 above."""

    def build(
        evaluator: str,
        task: str,
        reference: str = "token_f1",
        compares_with: str = "context",
        value: float | None = 0.5,
        interval: bool = True,
        cut_share: float | None = None,
    ) -> pl.DataFrame:
        columns: dict[str, float] = {}
        for name in ("pearson", "spearman"):
            if value is not None:
                columns[name] = value
            if value is not None and interval:
                columns |= {f"{name}_low": value - 0.1, f"{name}_high": value + 0.2}
        keys = {"task": task, "reference": reference, "compares_with": compares_with}
        sizes = {"n": 12, "n_prompts": 4, "cut_share": cut_share}
        return frame("reliability", evaluator=evaluator, **sizes, **keys, **columns)

    return build


def table(*rows: pl.DataFrame) -> dict[str, pl.DataFrame]:
    return {"reliability": pl.concat(rows)}


def test_data_has_a_row_for_each_evaluator_panel_and_coefficient(row: Row) -> None:
    found = data(table(row("a", "qa", value=0.5, cut_share=0.25)), F1)
    # 0.5 - 0.1 = 0.4 and 0.5 + 0.2 = 0.7 are the ends that the row builder gives.
    assert found.rows() == [
        ("qa", "token_f1", "context", "a", 12, 4, 0.25, "pearson", 0.5, 0.4, 0.7),
        ("qa", "token_f1", "context", "a", 12, 4, 0.25, "spearman", 0.5, 0.4, 0.7),
    ]


def test_data_orders_panels_then_groups_then_names(row: Row) -> None:
    tables = table(
        row("b", "pooled"),
        row("b", "summarization"),
        row("z", "qa", compares_with="context"),
        row("a", "qa", compares_with="reference"),
        row("b", "qa", compares_with="context"),
    )
    found = data(tables, F1).filter(pl.col("coefficient") == "pearson")
    assert found.select("task", "evaluator").rows() == [
        ("qa", "b"),
        ("qa", "z"),
        ("qa", "a"),
        ("summarization", "b"),
        ("pooled", "b"),
    ]


def test_each_task_uses_its_own_reference_pooled_too(row: Row) -> None:
    tables = table(
        *(
            row("a", task, reference)
            for task in ("qa", "summarization", "pooled")
            for reference in ("token_f1", "rougeL", "rougeL+token_f1")
        )
    )
    mixed = data(tables, {"qa": "token_f1", "summarization": "rougeL"})
    assert mixed.select("task", "reference").unique(maintain_order=True).rows() == [
        ("qa", "token_f1"),
        ("summarization", "rougeL"),
        ("pooled", "rougeL+token_f1"),
    ]
    shared = data(tables, {"qa": "rougeL", "summarization": "rougeL"})
    assert shared["reference"].unique().to_list() == ["rougeL"]


def test_draw_gives_each_panel_its_labels_and_counts(row: Row) -> None:
    tables = table(row("a", "qa"), row("a", "summarization"), row("a", "pooled"))
    figure = draw(data(tables, F1))
    assert len(figure.axes) == 3
    assert figure.legends[0].get_title().get_text() == evaluator_reliability.TITLE
    for panel, task in zip(figure.axes, ("qa", "summarization", "pooled"), strict=True):
        assert panel.get_xlabel() == "correlation with token_f1\n(-1 to 1)"
        assert panel.get_title(loc="left") == f"{task}\n12 outputs, 4 prompts"
        assert panel.get_xlim() == (-1, 1)


def test_draw_says_undefined_where_a_correlation_is_null(row: Row) -> None:
    (panel,) = draw(data(table(row("a", "qa", value=None), row("b", "qa")), F1)).axes
    # Of two evaluators with two coefficients each, one evaluator has none.
    assert [text.get_text() for text in panel.texts] == ["undefined", "undefined"]
    assert sum(line.get_label() == "_mark" for line in panel.lines) == 2


def test_draw_gives_the_share_that_is_cut_once_a_row(row: Row) -> None:
    shares = {"a": 0.342, "b": 0.0, "c": None, "d": 0.001, "e": 1.0}
    rows = [row(name, "qa", cut_share=share) for name, share in shares.items()]
    (panel,) = draw(data(table(*rows), F1)).axes
    found = {round(text.get_position()[1]): text.get_text() for text in panel.texts}
    assert found == {0: "34% cut", 3: "under 1% cut", 4: "100% cut"}
    assert len(panel.texts) == 3


def test_draw_leaves_out_the_bars_of_null_intervals(row: Row) -> None:
    rows = row("a", "qa"), row("b", "qa", interval=False)
    (panel,) = draw(data(table(*rows), F1)).axes
    assert sum(line.get_label() == "_mark" for line in panel.lines) == 4
    assert sum(line.get_label() == "_interval" for line in panel.lines) == 2


def test_markers_tell_reference_based_evaluators_from_reference_free_ones(row: Row) -> None:
    rows = row("a", "qa", compares_with="question"), row("b", "qa", compares_with="reference")
    figure = draw(data(table(*rows), F1))
    marks = [line.get_marker() for line in figure.axes[0].lines if line.get_label() == "_mark"]
    assert marks == ["o", "o", "s", "s"]
    assert [text.get_text() for text in figure.legends[0].get_texts()] == [
        "Pearson, reference-free",
        "Spearman, reference-free",
        "Pearson, reference-based",
        "Spearman, reference-based",
    ]
