"""Profiling: seconds of single requests to one node, at batch size 1."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from itertools import cycle, islice
from typing import Any, NamedTuple

import numpy as np
import polars as pl

from poq import hardware
from poq.evaluators.base import Scorer, Target
from poq.generation.base import Generator, Request, requests
from poq.scoring import raw_values, targets
from poq.streams import stream
from poq.tables import with_prompts


class Call(NamedTuple):
    """One request at batch size 1; ``run`` returns the number of output tokens, if any."""

    prompt_id: str
    task: str
    run: Callable[[], int | None]


def reported_prompts(prompts: pl.DataFrame) -> pl.DataFrame:
    """Return the prompts that costs are measured on: those that everything is reported on."""
    return prompts.filter(pl.col("split") == "test")


def generation_calls(generator: Generator, prompts: pl.DataFrame) -> list[Call]:
    """Return the calls that generate an output for each prompt."""

    def call(request: Request) -> Call:
        def run() -> int | None:
            return generator.complete([request])[0].output_tokens

        return Call(request.prompt_id, request.task, run)

    return [call(request) for request in requests(prompts)]


def scoring_calls(
    scorer: Scorer, compares_with: Target, prompts: pl.DataFrame, outputs: pl.DataFrame
) -> list[Call]:
    """Return the calls that score each output that is not empty, one at a time."""
    rows = with_prompts(outputs.filter(pl.col("output") != ""), prompts)

    def call(prompt_id: str, task: str, output: str, texts: list[str]) -> Call:
        def run() -> None:
            raw_values(scorer, [output], [texts])

        return Call(prompt_id, task, run)

    columns = (rows[name] for name in ("prompt_id", "task", "output"))
    compared = targets(rows, compares_with)
    return [call(*row) for row in zip(*columns, compared, strict=True)]


def profile_tasks(
    node: str,
    kind: str,
    calls: Sequence[Call],
    *,
    requests: int,
    warmup: int,
    threads: int,
    seed: int,
) -> pl.DataFrame:
    """Time single requests of every task to a node (table ``profile``).

    Args:
        node: name of the node.
        kind: "inference" or "evaluator".
        calls: what can be requested, at least one of every task; drawn in seeded order, and again
            from the start if a task has fewer calls than are needed.
        requests: requests to measure for each task.
        warmup: requests before them that do not count.
        threads: CPU threads that the node has, for the description of the hardware.
        seed: the run's seed.
    """
    by_task: dict[str, list[Call]] = {}
    for call in calls:
        by_task.setdefault(call.task, []).append(call)
    place = {"node": node, "kind": kind, "hardware": hardware.describe(threads)}
    rows = [
        {**place, "task": task, "request": request, **measured}
        for task, task_calls in by_task.items()
        for request, measured in enumerate(
            _measure(task_calls, requests, warmup, stream(seed, "profile", task))
        )
    ]
    return pl.DataFrame(rows, schema_overrides={"output_tokens": pl.Int64})


def _measure(
    calls: Sequence[Call], count: int, warmup: int, rng: np.random.Generator
) -> Iterator[dict[str, Any]]:
    order = cycle(rng.permutation(len(calls)))
    for call in (calls[i] for i in islice(order, warmup)):
        call.run()
    for call in (calls[i] for i in islice(order, count)):
        hardware.synchronize()
        started = time.perf_counter()
        tokens = call.run()
        hardware.synchronize()
        yield {
            "seconds": time.perf_counter() - started,
            "prompt_id": call.prompt_id,
            "output_tokens": tokens,
            "peak_memory": hardware.peak_memory(),
        }
