"""Does the audit find what is useless or harmful, and does it say the same of both splits?

    python -m benchmarks.audit --run results/demo --seeds 100

Into a run's own tables, each seed puts ten random dimensions and ten negated ones (1 less the
task's dimension of greatest r on the calibration split, with noise of its own spread there), and
audits them on the calibration split, as calibration does. Each seed also deals the prompts of each
task to the splits anew, and compares the verdicts on both. README.md says what the columns mean.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import polars as pl

from poq import config, tables
from poq.audit import audit, values_of
from poq.pooled import pooled_reference, with_pooled
from poq.streams import stream

USELESS, HARMFUL = "random", "negated"
TIMES = 10
"""Dimensions of each sort that a seed plants: they share the seed's resamples, and little time."""
REFERENCE = "reference"
"""Each task's own reference quality, in one column."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark; see the module."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=_AsItStands)
    parser.add_argument("--run", type=Path, default=Path("results/demo"), help="a run's folder")
    parser.add_argument("--seeds", type=int, default=100, help="repetitions")
    options = parser.parse_args(arguments)
    cfg = config.load_file(options.run / "config.yaml")
    dimensions = tables.read("dimensions", options.run / "dimensions.parquet")
    dimensions = dimensions.drop([name for name in values_of(dimensions) if "." in name])
    references: dict[str, str] = {task: settings.reference for task, settings in cfg.tasks.items()}
    quality = with_pooled(
        tables.read("reference_quality", options.run / "reference_quality.parquet"), references
    ).select(
        "prompt_id", "model", "task", "split", pl.col(pooled_reference(references)).alias(REFERENCE)
    )

    def audited(rows: pl.DataFrame, seed: int) -> pl.DataFrame:
        """Return the audit of each task, and of all."""
        return audit(
            rows, quality, reference_based=dict.fromkeys(values_of(rows), False),
            minimum=cfg.calibration.minimum, resamples=cfg.bootstrap.resamples,
            confidence=cfg.bootstrap.confidence, seed=seed,
        )  # fmt: skip

    calibration = dimensions.filter(pl.col("split") == "calibration")
    source = best_of_each_task(audited(calibration, cfg.seed))
    found, swapped = [], []
    for seed in range(options.seeds):
        with_planted = planted(calibration, source, seed)
        found.append(audited(with_planted.drop(values_of(calibration)), seed))
        swapped.append(verdicts_of_both(audited(dealt(dimensions, seed), seed)))
    print(f"{options.seeds} seeds, {options.run}: minimum r {cfg.calibration.minimum}\n")
    print(planted_table(pl.concat(found)))
    own = verdicts_of_both(audited(dimensions, cfg.seed))
    print(swapped_table({"the run's own split": own, "dealt anew by seed": pl.concat(swapped)}))
    return 0


def best_of_each_task(audited: pl.DataFrame) -> dict[str, str]:
    """Return the reliable dimension of greatest r of each task; tasks without one are left out."""
    reliable = audited.filter((pl.col("verdict") == "reliable") & (pl.col("task") != "pooled"))
    best = reliable.sort("pearson", "dimension").group_by("task").last()
    return dict(best.select("task", "dimension").sort("task").iter_rows())


def planted(rows: pl.DataFrame, source: dict[str, str], seed: int) -> pl.DataFrame:
    """Return the rows with random and negated dimensions, whose names end in their number."""
    rng = stream(seed, "planted")
    names = [pl.when(pl.col("task") == task).then(name) for task, name in source.items()]
    copied = rows.select(
        "task", value=pl.coalesce(names) if names else pl.lit(None, pl.Float64)
    ).with_columns(spread=pl.col("value").std().over("task").fill_null(0.0))
    noise = rng.standard_normal((TIMES, len(rows))) * copied["spread"].to_numpy()
    return rows.with_columns(
        *(pl.Series(f"{USELESS}{i}", rng.random(len(rows))) for i in range(TIMES)),
        *((1 - copied["value"] + noise[i]).clip(0, 1).alias(f"{HARMFUL}{i}") for i in range(TIMES)),
    )


def dealt(rows: pl.DataFrame, seed: int) -> pl.DataFrame:
    """Return the rows with the prompts of each task dealt anew to splits of the same sizes."""
    prompts = rows.select("prompt_id", "task", "split").unique().sort("prompt_id")
    parts = []
    for (task,), group in prompts.group_by("task", maintain_order=True):
        order = stream(seed, "dealt", str(task)).permutation(len(group))
        parts.append(group.select("prompt_id", split=group["split"].gather(order)))
    return rows.drop("split").join(pl.concat(parts), on="prompt_id", maintain_order="left")


def verdicts_of_both(audited: pl.DataFrame) -> pl.DataFrame:
    """Return verdicts on both splits side by side, and whether their intervals overlap.

    An interval that is undefined says nothing, so that it overlaps with any.
    """
    both = audited.filter(pl.col("split") == "calibration").join(
        audited.filter(pl.col("split") == "test"), on=["dimension", "task", "reference"]
    )
    apart = (pl.col("pearson_low") > pl.col("pearson_high_right")) | (
        pl.col("pearson_low_right") > pl.col("pearson_high")
    )
    return both.select(
        "dimension", "task", "verdict", other="verdict_right", overlap=~apart.fill_null(False)
    )


def planted_table(found: pl.DataFrame) -> str:
    """Return in what share of seeds each planted dimension was found for what it is."""
    lines = [
        f"{'task':14} {'planted':8} {'times':>6} {'n':>5} {'r':>6} {'not reliable':>13} "
        f"{'harmful':>8}"
    ]
    sort = pl.col("dimension").str.strip_chars_end("0123456789")
    shares = found.group_by("task", sort, maintain_order=True).agg(
        pl.len(),
        pl.col("n").first(),
        pl.col("pearson").mean().fill_null(float("nan")),
        missed=(pl.col("verdict") == "reliable").mean(),
        harmful=(pl.col("verdict") == "harmful").mean(),
    )
    for task, name, times, n, r, missed, harmful in shares.iter_rows():
        lines.append(
            f"{task:14} {name:8} {times:6} {n:5} {r:+6.2f} {1 - missed:13.3f} {harmful:8.3f}"
        )
    return "\n".join(lines) + "\n"


def swapped_table(both: dict[str, pl.DataFrame]) -> str:
    """Return how often the two splits' verdicts differ, and how many of these may."""
    lines = [f"{'calibration against test':24} {'verdicts':>9} {'differ':>7} {'overlap':>8}"]
    for name, rows in both.items():
        differ = rows.filter(pl.col("verdict") != pl.col("other"))
        may = "-" if differ.is_empty() else f"{differ['overlap'].sum() / len(differ):.3f}"
        lines.append(f"{name:24} {len(rows):9} {len(differ):7} {may:>8}")
    return "\n".join(lines)


class _AsItStands(argparse.RawDescriptionHelpFormatter):
    """Leaves the description's lines as they are."""


if __name__ == "__main__":
    sys.exit(main())
