"""Reference quality: offline ground-truth proxies of every output, and their means."""

from __future__ import annotations

import polars as pl

from poq.metrics.bootstrap import mean_estimate
from poq.metrics.rouge import rouge
from poq.metrics.squad import exact_match, token_f1
from poq.schema import REFERENCE_METRICS
from poq.streams import stream
from poq.tables import evaluated


def reference_quality(
    outputs: pl.DataFrame, prompts: pl.DataFrame, logged: pl.DataFrame | None = None
) -> pl.DataFrame:
    """Return token F1, exact match and ROUGE of every output (table ``reference_quality``).

    Outputs of the training split are left out. All are null where a prompt has no reference.

    Args:
        outputs: table ``outputs`` of one or several nodes.
        prompts: table ``prompts``.
        logged: table ``logged``, whose named qualities stand beside them; None without logs.
    """
    joined = evaluated(outputs, prompts)
    measured = [
        {
            "token_f1": token_f1(output, references),
            "exact_match": exact_match(output, references),
            **rouge(output, references),
        }
        if references
        else dict.fromkeys(REFERENCE_METRICS)
        for output, references in joined.select("output", "references").iter_rows()
    ]
    keys = joined.select("prompt_id", "model", "task", "split")
    quality = keys.hstack(
        pl.DataFrame(measured, schema=dict.fromkeys(REFERENCE_METRICS, pl.Float64))
    )
    if logged is None:
        return quality
    named = logged.drop("task", "seconds", "cost")
    return quality.join(
        named, on=["prompt_id", "model"], how="left", validate="1:1", maintain_order="left"
    )


def references(quality: pl.DataFrame) -> list[str]:
    """Return the names of the reference qualities that rows of table ``reference_quality`` have.

    Those without any value, such as token F1 where no prompt has a reference, are left out.
    """
    keys = ("prompt_id", "model", "task", "split")
    values = quality.drop(keys)
    return [column.name for column in values if column.null_count() < len(column)]


def mean_quality(
    quality: pl.DataFrame, *, resamples: int, confidence: float, seed: int
) -> pl.DataFrame:
    """Return each node's mean reference quality on the test split (table ``quality``).

    Args:
        quality: table ``reference_quality``.
        resamples: bootstrap resamples over prompts.
        confidence: coverage of the intervals.
        seed: the run's seed.
    """
    long = (
        quality.filter(pl.col("split") == "test")
        .unpivot(
            references(quality), index=["prompt_id", "model", "task"], variable_name="reference"
        )
        .drop_nulls("value")
    )
    rows = []
    for (model, task, reference), group in long.group_by(
        "model", "task", "reference", maintain_order=True
    ):
        mean = mean_estimate(
            group["value"],
            group["prompt_id"],
            resamples=resamples,
            confidence=confidence,
            rng=stream(seed, "quality", str(model), str(task), str(reference)),
        )
        rows.append(
            {
                "model": model,
                "task": task,
                "reference": reference,
                "n": len(group),
                "n_prompts": group["prompt_id"].n_unique(),
                **mean.columns("mean"),
            }
        )
    return pl.DataFrame(rows)
