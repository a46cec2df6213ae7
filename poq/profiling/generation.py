"""Requests to an inference node: generate one output, or several at once."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from poq.generation.base import Generator, Request, requests
from poq.profiling.measure import Call, fresh


def generation_calls(generator: Generator, prompts: pl.DataFrame, batch: int) -> list[Call]:
    """Return the calls that generate an output for each prompt, and one of ``batch`` for each task.

    The node makes its own batches of the ``batch`` requests, which are the middle ones of all
    prompts of the task in the order in which it would generate them: neighbours in length, as in a
    whole run. A node that keeps answers is asked anew.
    """
    timed = fresh(generator)

    def call(chosen: Sequence[Request], batches: Sequence[list[Request]]) -> Call:
        def run() -> int | None:
            completions = [done for batch in batches for done in timed.complete(batch)]
            tokens = [done.output_tokens for done in completions if done.output_tokens is not None]
            return sum(tokens) if tokens else None

        return Call(chosen[0].prompt_id, chosen[0].task, run, len(chosen))

    calls = [call([request], [[request]]) for request in requests(prompts)]
    for (_,), of_task in prompts.group_by("task", maintain_order=True):
        planned = [request for group in generator.batches(requests(of_task)) for request in group]
        first = max(0, (len(planned) - batch) // 2)
        chosen = planned[first : first + batch]
        if len(chosen) > 1:
            calls.append(call(chosen, generator.batches(chosen)))
    return calls
