"""Requests to an evaluator node: score one output."""

from __future__ import annotations

import polars as pl

from poq.evaluators.base import AnyScorer, Target
from poq.profiling.measure import Call, fresh
from poq.scoring import raw_values, targets
from poq.tables import with_prompts


def scoring_calls(
    scorer: AnyScorer, compares_with: Target, prompts: pl.DataFrame, outputs: pl.DataFrame
) -> list[Call]:
    """Return the calls that score each output that is not empty, one at a time."""
    timed = fresh(scorer)
    rows = with_prompts(outputs.filter(pl.col("output") != ""), prompts)

    def call(prompt_id: str, task: str, output: str, texts: list[str]) -> Call:
        def run() -> None:
            raw_values(timed, [output], [texts])

        return Call(prompt_id, task, run)

    columns = (rows[name] for name in ("prompt_id", "task", "output"))
    compared = targets(rows, compares_with)
    return [call(*row) for row in zip(*columns, compared, strict=True)]
