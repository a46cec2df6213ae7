"""Requests to an evaluator node: score one output, or several at once."""

from __future__ import annotations

import polars as pl

from poq.evaluators.base import AnyScorer, Target
from poq.profiling.measure import Call, fresh
from poq.scoring import raw_values, targets
from poq.streams import stream
from poq.tables import with_prompts


def scoring_calls(
    scorer: AnyScorer,
    compares_with: Target,
    prompts: pl.DataFrame,
    outputs: pl.DataFrame,
    batch: int,
    seed: int,
) -> list[Call]:
    """Return the calls that score each output, and one of ``batch`` for each task, drawn by seed.

    Empty outputs are left out. The evaluator makes its own batches of the texts or pairs; one that
    keeps answers is asked anew.
    """
    timed = fresh(scorer)
    rows = with_prompts(outputs.filter(pl.col("output") != ""), prompts)

    def call(chosen: pl.DataFrame) -> Call:
        texts, compared = chosen["output"].to_list(), targets(chosen, compares_with)

        def run() -> None:
            raw_values(timed, texts, compared)

        return Call(chosen["prompt_id"][0], chosen["task"][0], run, len(chosen))

    calls = [call(row) for row in rows.iter_slices(1)]
    for (task,), of_task in rows.group_by("task", maintain_order=True):
        order = stream(seed, "profile", "batch", str(task)).permutation(len(of_task))
        if min(batch, len(order)) > 1:
            calls.append(call(of_task[order[:batch]]))
    return calls
