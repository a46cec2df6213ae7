"""How requests are timed, whatever they are."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from itertools import cycle, islice
from typing import Any, NamedTuple, TypeVar

import polars as pl

from poq import hardware
from poq.models.served import WITHOUT_MODEL, Served
from poq.models.size import ModelSize
from poq.streams import stream

T = TypeVar("T")


class Call(NamedTuple):
    """What is timed: one request, or several at once.

    ``prompt_id`` is that of the first; ``run`` returns the number of output tokens, if any.
    """

    prompt_id: str
    task: str
    run: Callable[[], int | None]
    batch: int = 1


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
    size: ModelSize | None,
    served: Served = WITHOUT_MODEL,
) -> pl.DataFrame:
    """Time requests of every task to a node, single ones and then several at once.

    Batches come last, so that the peak memory of single requests is not theirs.

    Args:
        node: name of the node.
        kind: "inference" or "evaluator".
        calls: what can be requested, at least one single request of every task; those are drawn
            in seeded order, and again from the start if a task has fewer than are needed. A call
            of several requests is measured once, as it comes.
        requests: single requests to measure for each task.
        warmup: requests before them that do not count.
        threads: CPU threads that the node has, for the description of the hardware.
        seed: the run's seed.
        size: of the node's model, if it holds one.
        served: how the node's model computes.

    Returns:
        Table ``profile``.
    """
    single: dict[str, list[Call]] = {}
    for call in calls:
        if call.batch == 1:
            single.setdefault(call.task, []).append(call)
    rows = []
    for task, of_task in single.items():
        order = cycle(stream(seed, "profile", task).permutation(len(of_task)))
        for i in islice(order, warmup):
            of_task[i].run()
        rows += [_measure(of_task[i]) for i in islice(order, requests)]
    for call in calls:
        if call.batch > 1:
            if hardware.on_cuda():
                call.run()  # the first call of a size also allocates its memory
            rows.append(_measure(call))
    return pl.DataFrame(rows, schema_overrides={"output_tokens": pl.Int64}).with_columns(
        pl.int_range(pl.len()).over("task").alias("request"),
        node=pl.lit(node),
        kind=pl.lit(kind),
        hardware=pl.lit(hardware.describe(threads)),
        parameters=pl.lit(size and size.parameters, pl.Int64),
        model_bytes=pl.lit(size and size.model_bytes, pl.Int64),
        precision=pl.lit(served.precision, pl.String),
        attention=pl.lit(served.attention, pl.String),
    )


def _measure(call: Call) -> dict[str, Any]:
    hardware.synchronize()
    started = time.perf_counter()
    tokens = call.run()
    hardware.synchronize()
    return {
        "task": call.task,
        "prompt_id": call.prompt_id,
        "batch": call.batch,
        "seconds": time.perf_counter() - started,
        "output_tokens": tokens,
        "peak_memory": hardware.peak_memory(),
    }
