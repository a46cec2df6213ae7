from __future__ import annotations

from collections.abc import Callable
from typing import Any

import polars as pl
import pytest
from matplotlib.colors import to_rgba
from matplotlib.patches import Rectangle

from poq.figures import dimension_audit
from poq.figures.dimension_audit import data, draw
from tests.conftest import Frames

F1 = {"qa": "token_f1", "summarization": "rouge1"}
Rows = Callable[..., pl.DataFrame]


@pytest.fixture
def rows(frame: Frames) -> Rows:
    """Both splits of one dimension and task; ends 0.1 below and 0.2 above r."""

    def build(
        dimension: str,
        task: str,
        r: float | None,
        verdicts: tuple[str, str] = ("reliable", "reliable"),
        **columns: Any,
    ) -> pl.DataFrame:
        ends = {} if r is None else {"pearson_low": r - 0.1, "pearson_high": r + 0.2}
        values = {"reference": "token_f1", "n": 12, "n_prompts": 4} | columns
        return frame(
            "dimension_audit", dimension=dimension, task=task, split=["calibration", "test"],
            pearson=[None if r is None else 0.0, r], verdict=list(verdicts), **ends, **values,
        )  # fmt: skip

    return build


@pytest.fixture
def tables(rows: Rows) -> dict[str, pl.DataFrame]:
    return {
        "dimension_audit": pl.concat(
            [
                rows("near", "qa", 0.8, reference_based=True),
                rows("form.loop", "qa", None, ("useless", "useless"), part_of="form"),
                rows("form", "qa", -0.5, ("harmful", "useless")),
                rows("form", "pooled", 0.25, reference="rouge1+token_f1"),
                rows("form", "pooled", 0.3, reference="token_f1"),
                rows("form", "summarization", 0.5, reference="rouge1"),
                rows("form", "summarization", 0.9, reference="token_f1"),
            ]
        )
    }


def test_data_is_of_the_test_split_with_the_verdicts_of_both(
    tables: dict[str, pl.DataFrame],
) -> None:
    found = data(tables, F1)
    # Pooled, each output has its own task's reference. Live ones come first.
    assert found.select("dimension", "task", "reference", "pearson", "verdict", "test").rows() == [
        ("form", "qa", "token_f1", -0.5, "harmful", "useless"),
        ("form", "summarization", "rouge1", 0.5, "reliable", "reliable"),
        ("form", "pooled", "rouge1+token_f1", 0.25, "reliable", "reliable"),
        ("form.loop", "qa", "token_f1", None, "useless", "useless"),
        ("near", "qa", "token_f1", 0.8, "reliable", "reliable"),
    ]
    assert found.row(0)[8:10] == (-0.6, -0.3)


def test_draw_marks_what_a_dimension_needs_and_what_is_harmful(
    tables: dict[str, pl.DataFrame],
) -> None:
    figure = draw(data(tables, F1))
    (panel,) = figure.axes
    assert [label.get_text() for label in panel.get_yticklabels()] == [
        "form\n(live)", ".loop", "near\n(reference based)",
    ]  # fmt: skip
    assert [label.get_text().split("\n")[0] for label in panel.get_xticklabels()] == [
        "qa: token_f1", "summarization: rouge1", "pooled: rouge1+token_f1",
    ]  # fmt: skip
    texts = [text.get_text() for text in panel.texts]
    assert texts[:3] == ["-0.50", "-0.60 to -0.30", "harmful, useless"]
    assert texts[9:12] == ["undefined", "", "useless"]
    dashed = [p.get_linestyle() == "--" for p in panel.patches if isinstance(p, Rectangle)]
    assert dashed == [True, False, False, False, False]
    assert figure.legends[0].get_title().get_text() == dimension_audit.TITLE


def test_shade_deepens_with_the_correlation(rows: Rows) -> None:
    values = (0.0, 0.3, 0.9)
    audit = pl.concat([rows(f"d{i}", "qa", r) for i, r in enumerate(values)])
    figure = draw(data({"dimension_audit": audit}, {"qa": "token_f1"}))
    cells = [p for p in figure.axes[0].patches if isinstance(p, Rectangle)]
    light = [sum(to_rgba(cell.get_facecolor())[:3]) for cell in cells]
    assert light[0] == 3.0
    assert light[0] > light[1] > light[2]
