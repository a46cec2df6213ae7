"""Runs one evaluator over outputs: raw values, on the evaluator's own scale.

How they map to scores is the matter of :mod:`poq.scaling`, which needs no evaluator.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from tqdm import tqdm

from poq import hardware, kinds
from poq.checkpoint import Checkpoint
from poq.errors import PoqError
from poq.evaluators.base import (
    AnyScorer,
    EvaluatorSettings,
    NetworkScorer,
    Reading,
    Target,
    Verdicts,
)
from poq.schema import RAW
from poq.sentences import evidence
from poq.shards import WHOLE, Shard
from poq.streams import stream
from poq.tables import cut, evaluated

NOT_SAMPLED = "not in the evaluator's sample"
ANY_SCALE = {"method": "fixed", "low": 0, "high": 1}
log = logging.getLogger(__name__)


def score_outputs(
    evaluator: str,
    scorer: AnyScorer,
    settings: EvaluatorSettings,
    prompts: pl.DataFrame,
    outputs: pl.DataFrame,
    *,
    seed: int,
    chunk: int,
    checkpoint: Checkpoint,
    shard: Shard = WHOLE,
) -> pl.DataFrame:
    """Return an evaluator's raw values of the outputs of one shard (table ``raw_scores``).

    Outputs of the training split are left out. Those of all shards are cut into chunks, in the
    order of their keys, and every chunk is scored by itself: an evaluator that makes batches of it
    rounds alike whatever the number of shards, and a chunk that the checkpoint holds is not scored
    again.

    An empty output is not shown to the evaluator: its raw value is null. An output that the
    evaluator fails to score, or that is of no prompt of its ``sample``, has a reason instead.
    An evaluator that runs a network also reports how many tokens each text has and how many it
    reads; one warning says how many outputs it reads in part.

    Args:
        evaluator: name of the evaluator.
        scorer: the loaded evaluator.
        settings: its settings.
        prompts: table ``prompts``.
        outputs: table ``outputs`` of one or several nodes.
        seed: the run's seed, which draws the sample.
        chunk: outputs in a chunk.
        checkpoint: keeps every finished chunk.
        shard: which chunks to score.
    """
    rows = evaluated(outputs, prompts).sort("prompt_id", "model")
    sampled = pl.col("prompt_id").is_in(sampled_prompts(prompts, settings.sample, seed))
    chunks = shard.deal(list(rows.filter(sampled).iter_slices(chunk)))
    shown = [(part["output"].to_list(), targets(part, settings.compares_with)) for part in chunks]
    kept = [checkpoint.get(pairs) for pairs in shown]
    total = sum(map(len, chunks))
    taken_over = sum(len(part) for part, stored in zip(chunks, kept, strict=True) if stored)
    log.info("%s: %d of %d outputs taken over", evaluator, taken_over, total)
    unshown = rows.filter(~sampled).gather_every(shard.count, shard.number - 1)
    found = [_raw(unshown, {"missing": [NOT_SAMPLED] * len(unshown)})]
    with tqdm(total=total, initial=taken_over, desc=evaluator, unit="output") as progress:
        for part, pairs, stored in zip(chunks, shown, kept, strict=True):
            if not stored:
                values, missing = raw_values(scorer, *pairs)
                raw = [None if np.isnan(value) else value for value in values.tolist()]
                stored = {"raw": raw, "missing": missing, **tokens_read(scorer, *pairs)}
                checkpoint.put(pairs, stored)
                progress.update(len(part))
                log.info("%s: %d of %d outputs", evaluator, progress.n, total)
            found.append(_raw(part, stored))
    raw_scores = pl.concat(found).with_columns(evaluator=pl.lit(evaluator))
    shares = raw_scores.select(
        target=cut("target").mean(), output=cut("output").mean(), n=cut("output").count()
    ).row(0, named=True)
    if shares["target"] or shares["output"]:
        log.warning(
            "%s: reads at most %s tokens: the target of %.0f %% of %d outputs is cut, and %.0f %% "
            "of the outputs are",
            *(evaluator, getattr(scorer, "limit", None)),
            *(100 * shares["target"], shares["n"], 100 * shares["output"]),
        )
    return raw_scores


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
    values: Mapping[str, Any], folder: Path | None, *, between_outputs: bool = False
) -> tuple[EvaluatorSettings, AnyScorer]:
    """Return an evaluator's typed settings and the loaded scorer, its model on CUDA if it is there.

    Args:
        values: its settings, with their ``kind``; ``scale``, on which no raw value depends, may be
            left out.
        folder: folder of its model; None for a kind without one.
        between_outputs: it compares outputs with each other, not with their targets.
    """
    device = hardware.device() if folder else "cpu"
    settings: EvaluatorSettings = kinds.settings("poq.evaluators", {"scale": ANY_SCALE, **values})
    if between_outputs:
        settings = settings.between_outputs()
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


def tokens_read(
    scorer: AnyScorer, outputs: Sequence[str], targets: Sequence[Sequence[str]]
) -> dict[str, list[int | None]]:
    """Return the columns of :class:`poq.evaluators.base.Reading`, one entry an output.

    Of several targets the longest one counts: if it is read whole, all are. None for an empty
    output, and for an evaluator without a tokenizer.
    """
    found: list[tuple[int | None, ...]] = [(None,) * len(Reading._fields)] * len(outputs)
    pairs = [
        (row, output, target)
        for row, (output, texts) in enumerate(zip(outputs, targets, strict=True))
        for target in texts
        if output.strip()
    ]
    if isinstance(scorer, NetworkScorer) and pairs:
        rows, shown, compared = zip(*pairs, strict=True)
        reading = np.stack(scorer.reading(shown, compared), axis=1).tolist()
        for row, counts in zip(rows, reading, strict=True):
            longest = found[row][0]
            if longest is None or counts[0] > longest:
                found[row] = tuple(counts)
    return {name: [counts[i] for counts in found] for i, name in enumerate(Reading._fields)}


def _verdicts(given: NDArray[np.float64] | Verdicts) -> Verdicts:
    return given if isinstance(given, Verdicts) else Verdicts(given, [None] * len(given))


def _raw(rows: pl.DataFrame, values: Mapping[str, Sequence[Any]]) -> pl.DataFrame:
    """Return the rows of an evaluator's outputs; what ``values`` lacks is null."""
    none = [None] * len(rows)
    return rows.select("prompt_id", "model").with_columns(
        pl.Series(column.name, values.get(column.name, none), dtype=column.dtype) for column in RAW
    )
