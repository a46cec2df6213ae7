from __future__ import annotations

import polars as pl
import pytest

from tests.conftest import Frames
from tests.unit.dimensions.conftest import MakeInputs, Measure


def quality(frame: Frames, rows: dict[tuple[str, str], float]) -> pl.DataFrame:
    """Table `reference_quality` of token F1; prompts with "c" are of the calibration split."""
    ids = [prompt for prompt, _ in rows]
    return frame(
        "reference_quality",
        prompt_id=ids,
        model=[node for _, node in rows],
        task=["qa" if name.startswith("q") else "summarization" for name in ids],
        split=["calibration" if "c" in name else "test" for name in ids],
        token_f1=list(rows.values()),
        rouge1=[1 - value for value in rows.values()],
    )


ROWS = {
    ("qc1", "a"): 0.2, ("qc2", "a"): 0.4, ("qc3", "a"): 0.9, ("q4", "a"): 1.0,
    ("qc1", "b"): 0.0, ("q4", "b"): 0.7,
    ("sc1", "a"): 0.3, ("s2", "a"): 0.8,
}  # fmt: skip


def test_the_prior_is_the_mean_of_other_calibration_prompts(
    frame: Frames, inputs: MakeInputs, measure: Measure
) -> None:
    given = inputs(dict.fromkeys(ROWS, "x"), quality=quality(frame, ROWS))
    assert measure("model_prior", given) == pytest.approx(
        {
            ("qc1", "a"): 0.65,  # (0.4 + 0.9) / 2
            ("qc2", "a"): 0.55,  # (0.2 + 0.9) / 2
            ("qc3", "a"): 0.3,  # (0.2 + 0.4) / 2
            ("q4", "a"): 0.5,  # (0.2 + 0.4 + 0.9) / 3; the test split counts nowhere
            ("qc1", "b"): None,  # b has no other
            ("q4", "b"): 0.0,
            ("sc1", "a"): None,
            ("s2", "a"): 0.7,  # rouge1 of the one calibration prompt, 1 - 0.3
        }
    )


def test_an_output_without_reference_quality_is_no_history(
    frame: Frames, inputs: MakeInputs, measure: Measure
) -> None:
    rows = {("qc1", "a"): 0.2, ("qc2", "a"): 0.4, ("q3", "a"): 0.0}
    known = quality(frame, rows).with_columns(
        token_f1=pl.when(pl.col("prompt_id") != "qc2").then("token_f1")
    )
    given = inputs(dict.fromkeys(rows, "x"), quality=known)
    # qc2 has no quality: it is nobody's history, and has one itself.
    assert measure("model_prior", given) == {
        ("qc1", "a"): None, ("qc2", "a"): 0.2, ("q3", "a"): 0.2,
    }  # fmt: skip
