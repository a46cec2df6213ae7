"""Runs an inference node over prompts."""

from __future__ import annotations

import logging
import time
from collections import abc
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import polars as pl
from tqdm import tqdm

from poq import kinds
from poq.checkpoint import Checkpoint
from poq.errors import PoqError
from poq.generation.base import (
    Completion,
    Generator,
    OutputLimits,
    Request,
    Serving,
    ServingSettings,
    requests,
)
from poq.models.served import served_of
from poq.prompting import PromptFormat
from poq.schema import TABLES
from poq.shards import WHOLE, Shard

log = logging.getLogger(__name__)


def load_node(
    values: Mapping[str, Any],
    formats: Mapping[str, PromptFormat],
    folder: Path | None,
    name: str | None = None,
) -> Generator:
    """Return a loaded inference node.

    Args:
        values: ``node`` (the node's settings with their ``kind``), ``serving``, ``limits`` (by
            task) and ``seed``.
        formats: each task's template and worked example.
        folder: the model's folder; None for a backend without a model.
        name: the node's name, for messages.

    Raises:
        PoqError: the node cannot be served as configured.
    """
    serving = Serving(
        settings=ServingSettings.model_validate(values["serving"]),
        limits={
            task: OutputLimits.model_validate(limits) for task, limits in values["limits"].items()
        },
        formats=formats,
        seed=values["seed"],
    )
    backend = kinds.load("poq.generation", values["node"]["kind"])
    settings = kinds.settings("poq.generation", values["node"])
    try:
        generator: Generator = backend.load(settings, serving, folder)
    except PoqError as error:
        raise PoqError(f"inference_nodes.{name}: {error}" if name else str(error)) from error
    return generator


def generate_outputs(
    name: str,
    generator: Generator,
    prompts: pl.DataFrame,
    checkpoint: Checkpoint,
    shard: Shard = WHOLE,
) -> pl.DataFrame:
    """Return the outputs of one node for the prompts of one shard (table ``outputs``).

    Batches that the checkpoint holds are not generated again. Since batches and their seeds
    depend on nothing but all prompts and settings, a resumed run gives the same table, and so does
    any number of shards.

    Args:
        name: name of the node.
        generator: the loaded node.
        prompts: table ``prompts``.
        checkpoint: keeps every finished batch.
        shard: which batches to generate.
    """
    batches = shard.deal(generator.batches(requests(prompts)))
    total = sum(map(len, batches))
    kept = [checkpoint.get(batch) for batch in batches]
    done = {n: [Completion(*row) for row in rows] for n, rows in enumerate(kept) if rows}
    missing = [number for number in range(len(batches)) if number not in done]
    log.info("%s: %d of %d batches taken over", name, len(done), len(batches))
    taken_over = sum(len(completions) for completions in done.values())
    tokens, started = 0, time.perf_counter()
    # Speeds are those of this run: what it takes over counts for the progress alone.
    # Closed at a failure, so that a queue of requests ends with it.
    pieces = _completed(generator, [batches[number] for number in missing])
    with (
        closing(pieces),
        tqdm(total=total, initial=taken_over, desc=name, unit="prompt") as progress,
    ):
        for place, completions in pieces:
            batch = batches[missing[place]]
            done[missing[place]] = completions
            checkpoint.put(batch, completions)
            tokens += sum(completion.output_tokens or 0 for completion in completions)
            rate = tokens / (time.perf_counter() - started)
            progress.set_postfix_str(f"{rate:.1f} tokens/s", refresh=False)
            progress.update(len(batch))
            so_far = f"{progress.n} of {total} prompts"
            log.info("%s: %s, %d tokens, %.1f tokens/s", name, so_far, tokens, rate)
    served = served_of(generator)._asdict()
    return TABLES["outputs"].frame(
        {"prompt_id": request.prompt_id, "model": name, **completion._asdict(), **served}
        for number, batch in enumerate(batches)
        for request, completion in zip(batch, done[number], strict=True)
    )


def _completed(
    generator: Generator, batches: list[list[Request]]
) -> abc.Generator[tuple[int, list[Completion]], None, None]:
    """Return each batch's index and completions, in any order."""
    stream = getattr(generator, "stream", None)
    if stream is not None:
        found: abc.Generator[tuple[int, list[Completion]], None, None] = stream(batches)
        return found
    return ((number, generator.complete(batch)) for number, batch in enumerate(batches))
