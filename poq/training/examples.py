"""The training examples of an evaluator: texts for training prompts, with what each is worth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl

from poq.errors import PoqError
from poq.metrics.rouge import rouge
from poq.metrics.squad import token_f1
from poq.streams import stream
from poq.training.corruptions import CORRUPTIONS, Subject


def build_examples(
    prompts: pl.DataFrame,
    outputs: pl.DataFrame,
    *,
    corruptions: Sequence[str],
    labels: Mapping[str, str],
    per_kind: int | None = None,
    held_out: float,
    seed: int,
) -> pl.DataFrame:
    """Return the training examples of one evaluator (table ``training``).

    Only prompts of the training split enter, and only their outputs: whatever is fitted or chosen
    on the calibration split finds an evaluator that has not seen its texts. A share of each task's
    contexts is held out: training does not see them, nor are their texts used to corrupt what it
    sees. Of texts that occur twice for a prompt the first kind stays; empty texts, which no
    evaluator is shown, are left out.

    Args:
        prompts: table ``prompts``.
        outputs: table ``outputs`` of one or several nodes.
        corruptions: kinds of texts, "node_output" or keys of
            :data:`poq.training.corruptions.CORRUPTIONS`.
        labels: "token_f1" or "rougeL", by task.
        per_kind: texts of each task, part and corruption at most, drawn; outputs of nodes all stay.
        held_out: share of each task's contexts that training does not see, in [0, 1).
        seed: the run's seed.

    Raises:
        PoqError: no prompt is in the training split, or no text came of the corruptions.
    """
    training = prompts.filter(pl.col("split") == "training").sort("prompt_id")
    if not len(training):
        raise PoqError("prompts: none in the training split; expected at least one to train on")
    parts = pl.concat(
        _with_part(group, held_out, stream(seed, "training", "held out", str(task)))
        for (task,), group in training.group_by("task", maintain_order=True)
    )
    answers = outputs.sort("prompt_id", "model")
    rows = [
        {
            "prompt_id": prompt["prompt_id"],
            "output": text,
            "task": prompt["task"],
            "part": prompt["part"],
            "corruption": corruption,
            "grade": grade,
            "label": _label(text, prompt["references"], labels[prompt["task"]]),
        }
        for _, group in parts.group_by("task", "part", maintain_order=True)
        for prompt in group.iter_rows(named=True)
        for text, (corruption, grade) in _texts(prompt, group, answers, corruptions, seed).items()
    ]
    if not rows:
        raise PoqError(f"corruptions {[*corruptions]} gave no text to train on")
    found = pl.DataFrame(rows, schema_overrides={"grade": pl.Float64}, infer_schema_length=None)
    if per_kind is None:
        return found
    draw = pl.Series("draw", stream(seed, "training", "per kind").random(len(found)))
    place = pl.col("draw").rank("ordinal").over("task", "part", "corruption")
    chosen = (place <= per_kind) | (pl.col("corruption") == "node_output")
    return found.with_columns(draw).filter(chosen).drop("draw")


def _with_part(prompts: pl.DataFrame, share: float, rng: np.random.Generator) -> pl.DataFrame:
    """Return one task's prompts with their part; whole contexts are held out, one stays to fit."""
    contexts = prompts["context"].unique().sort()
    drawn = rng.permutation(len(contexts))[: min(round(share * len(contexts)), len(contexts) - 1)]
    part = pl.when(pl.col("context").is_in(contexts[drawn].implode())).then(pl.lit("held_out"))
    return prompts.with_columns(part=part.otherwise(pl.lit("fit")))


def _texts(
    prompt: Mapping[str, Any],
    group: pl.DataFrame,
    answers: pl.DataFrame,
    corruptions: Sequence[str],
    seed: int,
) -> dict[str, tuple[str, float | None]]:
    """Return a prompt's distinct texts, each with its first corruption and grade."""
    name, subject = prompt["prompt_id"], _subject(prompt, group)
    found: dict[str, tuple[str, float | None]] = {}
    for corruption in corruptions:
        if corruption == "node_output":
            for text in answers.filter(pl.col("prompt_id") == name)["output"]:
                found.setdefault(text, (corruption, None))
        else:
            rng = stream(seed, "training", corruption, name)
            for grade, text in CORRUPTIONS[corruption](subject, rng):
                found.setdefault(text, (corruption, grade))
    return {text: kind for text, kind in found.items() if text.strip()}


def _subject(prompt: Mapping[str, Any], group: pl.DataFrame) -> Subject:
    others = group.filter(pl.col("prompt_id") != prompt["prompt_id"])
    same = pl.col("context") == pl.lit(prompt["context"])
    return Subject(
        prompt["question"],
        prompt["context"],
        prompt["references"],
        _references(others.filter(same)),
        _references(others.filter(~same)),
        others.filter(~same)["context"].unique().sort().to_list(),
    )


def _references(prompts: pl.DataFrame) -> list[str]:
    return [text for references in prompts["references"] for text in references]


def _label(text: str, references: Sequence[str], metric: str) -> float:
    return token_f1(text, references) if metric == "token_f1" else rouge(text, references)[metric]
