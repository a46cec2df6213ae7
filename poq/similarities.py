"""Similarities: how alike two nodes' outputs for one prompt are, without any reference.

An evaluator's scorer compares two outputs with each other in place of an output with its target.
Only scorers that treat both texts alike can do that; the lexical one, whose precision has a
direction, is asked both ways.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import polars as pl

from poq.errors import PoqError
from poq.evaluators.scale import FixedScale
from poq.scoring import load_evaluator, raw_values

PAIR = ["prompt_id", "model", "other"]
AT_ONCE = 10_000
"""Pairs that a scorer is given at once, which bounds memory: whole prompts, at least one."""


def similarities(
    values: Mapping[str, Any], folder: Path | None, outputs: pl.DataFrame
) -> pl.DataFrame:
    """Return the similarity of every two outputs of one prompt (table ``similarities``).

    The mean raw value of both directions, mapped to [0, 1] by the evaluator's fixed scale and cut
    there; 0 if either output is empty. A scorer that embeds texts embeds
    each distinct one once.
    A prompt with one output has no pair.

    Args:
        values: settings of the evaluator, with their ``kind``; what it compares outputs with
            otherwise, and its sample of prompts, do not matter here.
        folder: folder of its model; None for a kind without one.
        outputs: table ``outputs`` of all nodes.

    Raises:
        PoqError: the scale is fitted: it would be one of other values than similarities.
    """
    settings, scorer = load_evaluator(values, folder, between_outputs=True)
    if not isinstance(settings.scale, FixedScale):
        raise PoqError("similarities: found an evaluator with a fitted scale; expected a fixed one")
    low, width = settings.scale.low, settings.scale.high - settings.scale.low
    pairs = _pairs(outputs)
    said = (pl.col(name).str.strip_chars() != "" for name in ("output", "output_other"))
    shown = pairs.filter(*said)
    raw: list[float] = []
    for part in _parts(shown):
        first, second = part["output"].to_list(), part["output_other"].to_list()
        # One call for both directions, so that each text is embedded once.
        values_of_both = raw_values(
            scorer, first + second, [[text] for text in second + first]
        ).values
        raw += values_of_both.reshape(2, -1).mean(axis=0).tolist()
    alike = shown.select(PAIR).with_columns(
        similarity=((pl.Series(raw, dtype=pl.Float64) - low) / width).clip(0, 1)
    )
    return (
        pairs.select(PAIR)
        .join(alike, on=PAIR, how="left", validate="1:1", maintain_order="left")
        .with_columns(pl.col("similarity").fill_null(0.0))
    )


def _pairs(outputs: pl.DataFrame) -> pl.DataFrame:
    """Return every two outputs of one prompt once, the model that is first by name first."""
    rows = outputs.select("prompt_id", "model", "output").sort("prompt_id", "model")
    others = rows.rename({"model": "other", "output": "output_other"})
    joined = rows.join(others, on="prompt_id", maintain_order="left_right")
    return joined.filter(pl.col("model") < pl.col("other"))


def _parts(pairs: pl.DataFrame) -> Iterator[pl.DataFrame]:
    """Return the pairs of as many whole prompts at a time as :data:`AT_ONCE` allows."""
    if pairs.is_empty():
        return
    sizes = pairs.group_by("prompt_id", maintain_order=True).len()
    step = max(1, AT_ONCE // int(sizes["len"].max()))  # type: ignore[arg-type]
    for start in range(0, len(sizes), step):
        prompts = sizes["prompt_id"].slice(start, step)
        yield pairs.filter(pl.col("prompt_id").is_in(prompts.to_list()))
