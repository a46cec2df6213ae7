"""How single requests are timed, whatever they are."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from itertools import cycle, islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import polars as pl

from poq import hardware
from poq.profiling.size import model_size
from poq.streams import stream

WHOLE = ("output_tokens", "parameters", "model_bytes")
"""Columns that hold whole numbers or nothing at all."""


class Call(NamedTuple):
    """One request at batch size 1; ``run`` returns the number of output tokens, if any."""

    prompt_id: str
    task: str
    run: Callable[[], int | None]


def reported_prompts(prompts: pl.DataFrame) -> pl.DataFrame:
    """Return the prompts that costs are measured on: those that everything is reported on."""
    return prompts.filter(pl.col("split") == "test")


def profile_tasks(
    node: str,
    kind: str,
    calls: Sequence[Call],
    *,
    requests: int,
    warmup: int,
    threads: int,
    seed: int,
    folder: Path | None = None,
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
        folder: folder of the node's model; None for a node without one.
    """
    by_task: dict[str, list[Call]] = {}
    for call in calls:
        by_task.setdefault(call.task, []).append(call)
    place: dict[str, Any] = {"node": node, "kind": kind, "hardware": hardware.describe(threads)}
    place |= model_size(folder)
    rows = [
        {**place, "task": task, "request": request, **measured}
        for task, task_calls in by_task.items()
        for request, measured in enumerate(
            _measure(task_calls, requests, warmup, stream(seed, "profile", task))
        )
    ]
    return pl.DataFrame(rows, schema_overrides=dict.fromkeys(WHOLE, pl.Int64))


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
