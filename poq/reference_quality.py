"""Reference quality: offline ground-truth proxies of every output, and their means."""

from __future__ import annotations

import polars as pl

from poq.metrics.bootstrap import mean_estimate
from poq.metrics.rouge import rouge
from poq.metrics.squad import exact_match, token_f1
from poq.schema import REFERENCE_METRICS
from poq.streams import stream
from poq.tables import with_prompts


def reference_quality(outputs: pl.DataFrame, prompts: pl.DataFrame) -> pl.DataFrame:
    """Return token F1, exact match and ROUGE of every output (table ``reference_quality``).

    Args:
        outputs: table ``outputs`` of one or several nodes.
        prompts: table ``prompts``.
    """
    joined = with_prompts(outputs, prompts)
    measured = [
        {
            "token_f1": token_f1(output, references),
            "exact_match": exact_match(output, references),
            **rouge(output, references),
        }
        for output, references in joined.select("output", "references").iter_rows()
    ]
    keys = joined.select("prompt_id", "model", "task", "split")
    return keys.hstack(pl.DataFrame(measured, schema=dict.fromkeys(REFERENCE_METRICS, pl.Float64)))


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
    long = quality.filter(pl.col("split") == "test").unpivot(
        REFERENCE_METRICS, index=["prompt_id", "model", "task"], variable_name="reference"
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
