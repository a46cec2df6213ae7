"""Requests to an inference node: generate one output."""

from __future__ import annotations

import polars as pl

from poq.generation.base import Generator, Request, requests
from poq.profiling.measure import Call, fresh


def generation_calls(generator: Generator, prompts: pl.DataFrame) -> list[Call]:
    """Return the calls that generate an output for each prompt."""

    timed = fresh(generator)

    def call(request: Request) -> Call:
        def run() -> int | None:
            return timed.complete([request])[0].output_tokens

        return Call(request.prompt_id, request.task, run)

    return [call(request) for request in requests(prompts)]
