from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl

from poq import tables
from poq.dimensions.base import Inputs
from poq.dimensions.structure import SIGNALS
from poq.dimensions.table import measure_dimensions
from tests.conftest import Frames
from tests.unit.dimensions.conftest import MakeInputs

OUTPUTS = {("q1", "a"): "oak", ("q1", "b"): "", ("qc2", "a"): "elm", ("qc2", "b"): "an elm"}
DIMENSIONS: dict[str, dict[str, Any]] = {
    "cheap": {"kind": "cost_prior"},
    "form": {"kind": "structure", "weight": 0.3},
    "meaning": {"kind": "semantic", "evaluators": ["e"]},
    "alike": {"kind": "node_agreement", "similarity": "e"},
    "sure": {"kind": "certainty", "similarity": "e"},
}


def given(frame: Frames, inputs: MakeInputs) -> Inputs:
    return inputs(
        OUTPUTS,
        costs=frame("costs", node="a", kind="inference", task="qa", cost=0.4),
        scores=frame("scores", evaluator="e", prompt_id="q1", model="a", score=8.0),
        similarities={
            "e": frame(
                "similarities", prompt_id=["q1", "qc2"], model="a", other="b",
                similarity=[0.0, 1.0],
            )
        },
    )  # fmt: skip


def test_every_dimension_is_a_column_and_every_signal_too(
    frame: Frames, inputs: MakeInputs, tmp_path: Path
) -> None:
    found = measure_dimensions(DIMENSIONS, given(frame, inputs))
    path = tmp_path / "dimensions.parquet"
    tables.write(found, "dimensions", path, {})
    kept = tables.read("dimensions", path)
    assert set(kept.columns) == {
        "prompt_id", "model", "task", "split", *DIMENSIONS, *(f"form.{name}" for name in SIGNALS),
    }  # fmt: skip
    assert kept.select("prompt_id", "model", "cheap", "meaning", "alike", "sure").rows() == [
        ("q1", "a", 0.6, 0.8, 0.0, 0.0),
        ("q1", "b", None, None, 0.0, 0.0),
        ("qc2", "a", 0.6, None, 1.0, 1.0),
        ("qc2", "b", None, None, 1.0, 1.0),
    ]
    assert kept["form"][1] == 0.0


def test_the_order_of_rows_changes_nothing(frame: Frames, inputs: MakeInputs) -> None:
    one = given(frame, inputs)
    other = Inputs(
        outputs=one.outputs.reverse(), quality=one.quality, references=one.references,
        costs=one.costs, scores=one.scores.reverse(),
        similarities={name: rows.reverse() for name, rows in one.similarities.items()},
    )  # fmt: skip
    assert measure_dimensions(DIMENSIONS, one).equals(measure_dimensions(DIMENSIONS, other))


def test_without_dimensions_there_are_keys_alone(frame: Frames, inputs: MakeInputs) -> None:
    found = measure_dimensions({}, given(frame, inputs))
    assert isinstance(found, pl.DataFrame)
    assert found.columns == ["prompt_id", "model", "task", "split"]
    assert len(found) == 4
