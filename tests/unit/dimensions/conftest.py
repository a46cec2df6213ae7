"""What dimensions are measured on, with only what a test names."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import polars as pl
import pytest

from poq import kinds
from poq.dimensions.base import Inputs
from poq.tables import with_prompts
from tests.conftest import Frames

MakeInputs = Callable[..., Inputs]
Measure = Callable[..., dict[tuple[str, str], float | None]]


@pytest.fixture
def inputs(frame: Frames) -> MakeInputs:
    """Make inputs; tables that are not given are empty.

    `outputs` maps (prompt, node) to a text; `prompts` gives columns of table `prompts`. A prompt
    "q..." is of task qa, any other of summarization; "c" in its name puts it in calibration.
    """

    def make(
        outputs: dict[tuple[str, str], str],
        prompts: dict[str, list[Any]] | None = None,
        finish_reason: Any = "eos",
        **tables: Any,
    ) -> Inputs:
        ids = list(dict.fromkeys(prompt for prompt, _ in outputs))
        rows = frame(
            "prompts",
            prompt_id=ids,
            task=["qa" if name.startswith("q") else "summarization" for name in ids],
            split=["calibration" if "c" in name else "test" for name in ids],
            **(prompts or {}),
        )
        said = frame(
            "outputs",
            prompt_id=[prompt for prompt, _ in outputs],
            model=[node for _, node in outputs],
            output=list(outputs.values()),
            finish_reason=finish_reason,
        )
        empty = {
            name: frame(name).clear()
            for name in ("reference_quality", "costs", "scores", "similarities")
        }
        return Inputs(
            outputs=with_prompts(said, rows),
            quality=tables.get("quality", empty["reference_quality"]),
            references={"qa": "token_f1", "summarization": "rouge1"},
            costs=tables.get("costs", empty["costs"]),
            scores=tables.get("scores", empty["scores"]),
            similarities=tables.get("similarities", {}),
        )

    return make


@pytest.fixture
def measure() -> Measure:
    """Measure one kind; return the value of each output that has a row."""

    def call(kind: str, inputs: Inputs, **settings: Any) -> dict[tuple[str, str], float | None]:
        typed = kinds.settings("poq.dimensions", {"kind": kind, **settings})
        found = kinds.load("poq.dimensions", kind).measure(typed, inputs)
        assert found.schema["value"] == pl.Float64
        return {
            (prompt, node): value
            for prompt, node, value in found.select("prompt_id", "model", "value").iter_rows()
        }

    return call
