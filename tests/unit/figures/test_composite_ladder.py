from collections.abc import Callable
from typing import Any

import polars as pl
import pytest

from poq.figures import calibration_optimism, composite_ladder, composite_weights
from tests.conftest import Frames

F1 = {"qa": "token_f1"}
Ladder = Callable[..., pl.DataFrame]
RUNGS = [
    ("default", "pooled", "default"),
    ("without-x", "pooled", "ablation"),
    ("nnls", "pooled", "calibrated"),
    ("nnls", "task", "calibrated"),
    ("evaluator:a", "pooled", "single"),
    ("evaluator:b", "pooled", "single"),
    ("consensus:median", "pooled", "consensus"),
]


@pytest.fixture
def ladder(frame: Frames) -> Ladder:
    """Table `calibration` of :data:`RUNGS` on both splits; columns by variant replace defaults."""

    def build(task: str = "qa", signals: str = "all", **columns: Any) -> pl.DataFrame:
        names = "variant", "scope", "role"
        keys = dict(zip(names, map(list, zip(*RUNGS, strict=True)), strict=True))
        values = {
            "pearson": 0.5, "pearson_low": 0.4, "pearson_high": 0.6,
            "over_single_low": -0.1, "over_single_high": 0.1,
            "over_consensus_low": 0.1, "over_consensus_high": 0.2,
            "optimism": 0.05, "optimism_low": 0.0, "optimism_high": 0.1,
            "best_single": "b", "best_consensus": "median", "reference": "token_f1", "n": 30,
            "n_prompts": 10,
        }  # fmt: skip
        made = values | {"task": task, "signals": signals} | columns
        test = frame("calibration", **keys, **made, split="test")
        before = frame("calibration", **keys, **(made | {"pearson": 0.7}), split="calibration")
        return pl.concat([test, before])

    return build


def test_the_ladder_says_how_composites_compare_with_the_best(ladder: Ladder) -> None:
    found = composite_ladder.data({"calibration": ladder()}, F1)
    assert found["rung"].to_list() == [
        "default", "without x", "nnls, pooled", "nnls, per task", "best single evaluator",
        "best consensus",
    ]  # fmt: skip
    assert set(found.select("than_single", "than_consensus").rows()) == {("matches", "exceeds")}
    assert set(found.select("pearson", "low", "high").rows()) == {(0.5, 0.4, 0.6)}


def test_panels_of_the_ladder_are_tasks_by_signals(ladder: Ladder) -> None:
    parts = [ladder(task, signals) for task in ("pooled", "qa") for signals in ("live", "all")]
    figure = composite_ladder.draw(composite_ladder.data({"calibration": pl.concat(parts)}, F1))
    assert [axes.get_title(loc="left") for axes in figure.axes] == [
        "qa, all signals: 30 outputs, 10 prompts",
        "qa, live signals only: 30 outputs, 10 prompts",
        "pooled, all signals: 30 outputs, 10 prompts",
        "pooled, live signals only: 30 outputs, 10 prompts",
    ]
    panel = figure.axes[0]
    said = [text.get_text() for text in panel.texts]
    assert said == ["= >"] * 4 + ["b", "median"]
    assert [label.get_text() for label in panel.get_yticklabels()][-1] == "best consensus"
    assert figure.legends[0].get_title().get_text() == composite_ladder.TITLE
    assert sum(line.get_label() == "_interval" for line in panel.lines) == 6


def test_an_undefined_rung_is_written_out(ladder: Ladder) -> None:
    nothing = {"pearson": None, "pearson_low": None, "pearson_high": None, "over_single_low": None}
    table = {"calibration": ladder(**nothing)}
    (panel,) = composite_ladder.draw(composite_ladder.data(table, F1)).axes
    said = [text.get_text() for text in panel.texts]
    assert said.count("undefined") == 6
    assert said[:2] == ["undefined", "? >"]
    assert sum(line.get_label() == "_interval" for line in panel.lines) == 0


def test_optimism_has_what_is_chosen_alone(ladder: Ladder) -> None:
    found = calibration_optimism.data({"calibration": ladder()}, F1)
    assert found["rung"].to_list() == [
        "nnls, pooled", "nnls, per task", "best single evaluator", "best consensus",
    ]  # fmt: skip
    columns = found.select("calibration", "held_out", "optimism", "low", "high")
    assert set(columns.rows()) == {(0.7, 0.5, 0.05, 0.0, 0.1)}


def test_optimism_is_drawn_around_zero(ladder: Ladder) -> None:
    parts = [ladder(), ladder(signals="live", optimism=None, optimism_low=None, optimism_high=None)]
    table = {"calibration": pl.concat(parts)}
    figure = calibration_optimism.draw(calibration_optimism.data(table, F1))
    assert [len(axes.texts) for axes in figure.axes] == [0, 4]
    assert {text.get_text().strip() for text in figure.axes[1].texts} == {"undefined"}
    assert sum(line.get_label() == "_interval" for line in figure.axes[0].lines) == 4
    assert figure.axes[0].get_xlabel() == "optimism, in Pearson's r with token_f1"
    assert figure.axes[0].get_title(loc="left") == "qa, all signals:\n30 outputs, 10 prompts"


@pytest.fixture
def weights(frame: Frames) -> pl.DataFrame:
    """The default once; nnls for the task and pooled, also of signals "live" without y."""
    rows = [
        ("all", "pooled", "default", "pooled", "x", 0.5),
        ("all", "pooled", "default", "pooled", "y", 0.5),
        ("all", "task", "nnls", "qa", "x", 1.0),
        ("all", "task", "nnls", "qa", "y", 0.0),
        ("all", "pooled", "nnls", "pooled", "x", 0.25),
        ("all", "pooled", "nnls", "pooled", "y", 0.75),
        ("live", "task", "nnls", "qa", "x", 1.0),
    ]
    names = "signals", "scope", "variant", "task", "dimension", "weight"
    return frame("weights", **dict(zip(names, map(list, zip(*rows, strict=True)), strict=True)))


def test_weights_are_those_that_were_fitted_to_the_panel(
    ladder: Ladder, weights: pl.DataFrame
) -> None:
    parts = [ladder("qa", "all"), ladder("pooled", "all"), ladder("qa", "live")]
    tables = {"calibration": pl.concat(parts), "weights": weights}
    found = composite_weights.data(tables, F1)
    assert found.select("task", "signals", "variant", "dimension", "weight").rows() == [
        ("qa", "all", "default", "x", 0.5),
        ("qa", "all", "default", "y", 0.5),
        ("qa", "all", "nnls", "x", 1.0),
        ("qa", "all", "nnls", "y", 0.0),
        ("qa", "live", "nnls", "x", 1.0),
        ("pooled", "all", "default", "x", 0.5),
        ("pooled", "all", "default", "y", 0.5),
        ("pooled", "all", "nnls", "x", 0.25),
        ("pooled", "all", "nnls", "y", 0.75),
    ]


def test_weights_are_printed_and_blank_where_there_is_none(
    ladder: Ladder, weights: pl.DataFrame
) -> None:
    tables = {"calibration": pl.concat([ladder(), ladder(signals="live")]), "weights": weights}
    figure = composite_weights.draw(composite_weights.data(tables, F1))
    printed = [[text.get_text() for text in axes.texts] for axes in figure.axes]
    assert printed == [["0.50", "0.50", "1.00", "0.00"], ["1.00"]]
    panel = figure.axes[0]
    assert panel.get_title(loc="left") == "qa, all signals:\nfitted on 30 outputs of 10 prompts"
    assert [label.get_text() for label in panel.get_xticklabels()] == ["default", "nnls"]
    assert [label.get_text() for label in panel.get_yticklabels()] == ["x", "y"]
