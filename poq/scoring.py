"""Runs one evaluator over all outputs and maps its raw values to scores in [0, 10]."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from poq import kinds
from poq.errors import PoqError
from poq.evaluators.base import (
    AnyScorer,
    EvaluatorSettings,
    FixedScale,
    Scale,
    Target,
    Verdicts,
)
from poq.sentences import evidence
from poq.streams import stream
from poq.tables import with_prompts

MIDPOINT = 5.0
NOT_SAMPLED = "not in the evaluator's sample"


def score_outputs(
    evaluator: str,
    values: Mapping[str, Any],
    folder: Path | None,
    prompts: pl.DataFrame,
    outputs: pl.DataFrame,
    device: str,
    seed: int,
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return an evaluator's scores of all outputs and the scales that they are on.

    An empty output is not shown to the evaluator: its raw value is null and its score 0, since a
    network pays nothing for nothing. An output that the evaluator fails to score, or that is of
    no prompt of its ``sample``, has no score, and a reason instead.

    Args:
        evaluator: name of the evaluator.
        values: its settings, with their ``kind``.
        folder: folder of its model; None for a kind without one.
        prompts: table ``prompts``.
        outputs: table ``outputs`` of one or several nodes.
        device: "cpu" or "cuda".
        seed: the run's seed, which draws the sample.

    Returns:
        Tables ``scores`` and ``scales``.
    """
    settings, scorer = load_evaluator(values, folder, device)
    rows = with_prompts(outputs, prompts).sort("prompt_id", "model")
    sampled = sampled_prompts(prompts, settings.sample, seed)
    shown = rows.filter(pl.col("prompt_id").is_in(sampled))
    raw, missing = raw_values(
        scorer, shown["output"].to_list(), targets(shown, settings.compares_with)
    )
    keys = ["prompt_id", "model"]
    found = shown.select(keys).with_columns(
        pl.Series("raw", raw, nan_to_null=True), pl.Series("missing", missing, pl.String)
    )
    scored = (
        rows.select(*keys, "task", "split", pl.lit(evaluator).alias("evaluator"))
        .join(found, on=keys, how="left", validate="1:1", maintain_order="left")
        .with_columns(
            missing=pl.when(pl.col("prompt_id").is_in(sampled))
            .then("missing")
            .otherwise(pl.lit(NOT_SAMPLED))
        )
    )
    scales = pl.DataFrame(
        [
            {
                "evaluator": evaluator,
                "task": task,
                "compares_with": settings.compares_with,
                "method": settings.scale.method,
                **fit_scale(group, settings.scale),
            }
            for (task,), group in scored.group_by("task", maintain_order=True)
        ]
    )
    joined = scored.join(
        scales.select("task", "low", "high"), on="task", validate="m:1", maintain_order="left"
    )
    score = to_scores(*(joined[name].to_numpy() for name in ("raw", "low", "high")))
    given = pl.when(pl.col("missing").is_null()).then(pl.Series("score", score))
    return scored.with_columns(score=given), scales


def sampled_prompts(prompts: pl.DataFrame, sample: int | None, seed: int) -> list[str]:
    """Return the prompts that an evaluator scores: all, or ``sample`` of each task's test split.

    Fewer if the split has fewer. The draw does not depend on the evaluator, so that two of them
    are compared on the same prompts.
    """
    if sample is None:
        return prompts["prompt_id"].to_list()
    test = prompts.filter(pl.col("split") == "test").sort("prompt_id")
    drawn: list[str] = []
    for (task,), group in test.group_by("task", maintain_order=True):
        order = stream(seed, "evaluator sample", str(task)).permutation(len(group))
        drawn += group["prompt_id"].gather(order[:sample]).to_list()
    return drawn


def load_evaluator(
    values: Mapping[str, Any], folder: Path | None, device: str
) -> tuple[EvaluatorSettings, AnyScorer]:
    """Return an evaluator's typed settings and the loaded scorer; see :func:`score_outputs`."""
    settings: EvaluatorSettings = kinds.settings("poq.evaluators", values)
    scorer: AnyScorer = kinds.load("poq.evaluators", values["kind"]).load(settings, folder, device)
    return settings, scorer


def targets(rows: pl.DataFrame, compares_with: Target) -> list[list[str]]:
    """Return what each output is compared with; several texts only for references.

    A prompt without a question gives an empty text for "question", and its context or evidence
    alone for "question+context" and "question+evidence".

    Raises:
        PoqError: an output is to be compared with references, and its prompt has none.
    """
    if compares_with == "reference":
        if (lacking := rows.filter(pl.col("references").list.len() == 0)).height:
            raise PoqError(
                f"prompt {lacking['prompt_id'][0]} has no reference; expected one to compare with"
            )
        return rows["references"].to_list()
    question = pl.col("question").fill_null("")
    if compares_with == "question+evidence":
        columns = rows.select("context", question.alias("question"), "output").iter_rows()
        return [
            [f"{asked}\n{evidence(context, asked, output)}".strip()]
            for context, asked, output in columns
        ]
    text = {
        "question": question,
        "context": pl.col("context"),
        "question+context": pl.concat_str(question, pl.lit("\n"), "context").str.strip_chars(),
    }[compares_with]
    return [[value] for value in rows.select(text).to_series()]


def raw_values(
    scorer: AnyScorer, outputs: Sequence[str], targets: Sequence[Sequence[str]]
) -> Verdicts:
    """Return the raw value of each output, maximum over its targets, shape (n,).

    NaN for an empty output, for no reason; and for one that the evaluator failed to compare with
    any of its targets, since the maximum over the others may be too low.

    Raises:
        PoqError: the evaluator gave a value that is not finite.
    """
    pairs = [
        (row, output, target)
        for row, (output, texts) in enumerate(zip(outputs, targets, strict=True))
        for target in texts
        if output.strip()
    ]
    raw = np.full(len(outputs), -np.inf)
    missing: list[str | None] = [None] * len(outputs)
    if pairs:
        rows, shown, compared = zip(*pairs, strict=True)
        values, reasons = _verdicts(scorer(shown, compared))
        for row, output, value, reason in zip(rows, shown, values, reasons, strict=True):
            if reason is not None:
                missing[row] = reason
            elif not np.isfinite(value):
                raise PoqError(
                    f"the evaluator gave a value that is not finite for output {output[:80]!r}"
                )
            raw[row] = max(raw[row], value) if missing[row] is None else np.nan
    return Verdicts(np.where(np.isneginf(raw), np.nan, raw), missing)


def _verdicts(given: NDArray[np.float64] | Verdicts) -> Verdicts:
    return given if isinstance(given, Verdicts) else Verdicts(given, [None] * len(given))


def fit_scale(scored: pl.DataFrame, scale: Scale) -> dict[str, float | int]:
    """Return ``low``, ``high`` and ``n`` of a scale for the outputs of one task.

    A fitted scale takes quantiles of the raw values of the calibration split. Without any, or if
    they all agree, ``low`` equals ``high`` and :func:`to_scores` gives the midpoint.
    """
    if isinstance(scale, FixedScale):
        return {"low": scale.low, "high": scale.high, "n": 0}
    raw = scored.filter(pl.col("split") == "calibration")["raw"].drop_nulls().to_numpy()
    if not len(raw):
        return {"low": 0.0, "high": 0.0, "n": 0}
    low, high = np.quantile(raw, [scale.low_quantile, scale.high_quantile])
    return {"low": float(low), "high": float(high), "n": len(raw)}


def to_scores(
    raw: NDArray[np.float64], low: NDArray[np.float64], high: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return scores in [0, 10]: linear from low to high, clipped; shapes (n,).

    NaN (an empty output) gives 0; a scale of no width gives 5, which favours nobody.
    """
    width = high - low
    with np.errstate(divide="ignore", invalid="ignore"):
        score = np.where(width > 0, 10 * np.clip((raw - low) / width, 0, 1), MIDPOINT)
    return np.where(np.isnan(raw), 0.0, score)
