from collections.abc import Callable

import polars as pl
import pytest

from poq.figures import evaluator_architecture
from poq.figures.evaluator_architecture import data, draw
from tests.conftest import Frames

F1 = {"qa": "token_f1"}
Row = Callable[..., pl.DataFrame]


@pytest.fixture
def row(frame: Frames) -> Row:
    """One row of table `reliability`, ends 0.1 below and 0.2 above."""

    def build(
        evaluator: str,
        architecture: str,
        reference: str = "token_f1",
        task: str = "qa",
        value: float | None = 0.5,
        compares_with: str = "context",
    ) -> pl.DataFrame:
        ends = {} if value is None else {"pearson_low": value - 0.1, "pearson_high": value + 0.2}
        return frame(
            "reliability", evaluator=evaluator, architecture=architecture, reference=reference,
            task=task, compares_with=compares_with, n=12, n_prompts=4, pearson=value, **ends,
        )  # fmt: skip

    return build


def table(*rows: pl.DataFrame) -> dict[str, pl.DataFrame]:
    return {"reliability": pl.concat(rows)}


def test_data_sets_the_chosen_reference_beside_the_judge(row: Row) -> None:
    rows = [
        row("e", "lexical", reference, task)
        for task in ("qa", "pooled")
        for reference in ("judge", "rouge1", "token_f1", "rouge1+token_f1")
    ]
    found = data(table(*rows), {"qa": "rouge1", "summarization": "token_f1"})
    # Tasks differ in their reference: in the pooled panel each output has its own task's.
    assert found.select("task", "against", "reference").rows() == [
        ("qa", "quality", "rouge1"),
        ("qa", "judge", "judge"),
        ("pooled", "quality", "rouge1+token_f1"),
        ("pooled", "judge", "judge"),
    ]
    assert found.row(0)[3:] == ("lexical", "e", "context", 12, 4, 0.5, 0.4, 0.7)


def test_draw_has_a_column_for_each_reference_and_groups_architectures(row: Row) -> None:
    rows = [
        row("z", "bi_encoder", compares_with="reference"),
        row("z", "bi_encoder", "judge", compares_with="reference"),
        row("a", "judge"),
        row("b", "bi_encoder", value=None),
        row("b", "bi_encoder", "judge"),
    ]
    figure = draw(data(table(*rows), F1))
    quality, judge = figure.axes
    assert quality.get_xlabel() == "Pearson's r with token_f1 (-1 to 1)"
    assert judge.get_xlabel() == "Pearson's r with the judge's score (-1 to 1)"
    assert quality.get_title(loc="left") == "qa: 12 outputs, 4 prompts"
    labels = [label.get_text() for label in quality.get_yticklabels()]
    assert labels == ["bi-encoder: b", "bi-encoder: z", "judge: a"]
    # The judge has no mark against itself, and b is undefined on the left.
    marks = [[m for m in panel.lines if m.get_label() == "_mark"] for panel in figure.axes]
    assert [len(of_panel) for of_panel in marks] == [2, 2]
    assert [text.get_text() for text in quality.texts] == ["undefined"]
    assert {mark.get_marker() for mark in marks[0]} == {"s", "o"}
    assert figure.legends[0].get_title().get_text() == evaluator_architecture.TITLE


def test_without_a_judge_there_is_one_column(row: Row) -> None:
    rows = [row("e", "lexical", task=task) for task in ("qa", "pooled")]
    figure = draw(data(table(*rows), F1))
    assert [panel.get_title(loc="left")[:6] for panel in figure.axes] == ["qa: 12", "pooled"]
