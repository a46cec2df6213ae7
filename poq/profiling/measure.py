"""How single requests are timed, whatever they are."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from itertools import cycle, islice
from typing import Any, NamedTuple, TypeVar

import numpy as np
import polars as pl

from poq import hardware
from poq.streams import stream

T = TypeVar("T")


class Call(NamedTuple):
    """One request at batch size 1; ``run`` returns the number of output tokens, if any."""

    prompt_id: str
    task: str
    run: Callable[[], int | None]


def fresh(node: T) -> T:
    """Return a node that answers every request anew; the node itself if it has no cache."""
    anew: T = getattr(node, "fresh", node)
    return anew


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
