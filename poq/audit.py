"""The audit: does a quality dimension go with reference quality, and is it said elsewhere already?

A dimension that a live network pays by is worth its weight only if it orders outputs as their
reference quality does. The audit of multi-dimensional scoring (arXiv 2603.04028) looks at the
correlation of each dimension per task; intervals over prompts and the rule of :func:`verdict` are
ours. A verdict hangs on the ends of an interval, and a calibration split may hold few prompts, so
these are expanded percentile intervals (:func:`poq.metrics.bootstrap.expanded`). Choose by the
calibration split and report the test split: a verdict on the outputs that it was chosen by is too
good.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from poq.metrics.bootstrap import Estimate, expanded, interval
from poq.metrics.correlation import cross_correlations
from poq.pooled import POOLED, references_of
from poq.schema import TABLES
from poq.streams import stream

KEYS = ("prompt_id", "model", "task", "split")
"""Columns of ``dimensions`` and ``reference_quality`` that are not values."""


def verdict(pearson: Estimate, minimum: float) -> str:
    """Return what a dimension's correlation with reference quality says of it.

    ``reliable``: r is at least ``minimum`` and its interval lies above 0. ``harmful``: the interval
    lies below 0, so that weight on it pays worse outputs more. ``useless``: all else, a correlation
    that is undefined (a constant dimension) or has no interval (one prompt) among it.
    """
    if pearson.value >= minimum and pearson.low > 0:
        return "reliable"
    return "harmful" if pearson.high < 0 else "useless"


def audit(
    dimensions: pl.DataFrame,
    quality: pl.DataFrame,
    *,
    reference_based: Mapping[str, bool],
    minimum: float,
    resamples: int,
    confidence: float,
    seed: int,
) -> pl.DataFrame:
    """Return every dimension's and signal's correlations (table ``dimension_audit``).

    With each reference quality, per task and pooled over tasks, on each split that the rows have.
    An output that lacks either value is left out, and n says so. All variables of a task and split
    that have the same prompts share their resamples.

    Args:
        dimensions: table ``dimensions``; a column ``<dimension>.<signal>`` is a signal.
        quality: table ``reference_quality``; every column that is no key is a reference.
        reference_based: dimension -> whether it is made with the output's own reference.
        minimum: least r of a reliable dimension.
        resamples: bootstrap resamples over prompts.
        confidence: coverage of the intervals.
        seed: the run's seed.
    """
    names, references = values_of(dimensions), values_of(quality)
    measured = dimensions.join(
        quality.select("prompt_id", "model", *(pl.col(n).alias(f"={n}") for n in references)),
        on=["prompt_id", "model"], how="left", validate="1:1", maintain_order="left",
    )  # fmt: skip
    rows = []
    for (task, split), group in _by_task(measured):
        known = [f"={name}" for name in references_of(task, references)]
        pairs = _pairs(
            group, names, known, ("pearson", "spearman"),
            resamples=resamples, confidence=confidence, seed=seed, purpose=("audit", task, split),
        )  # fmt: skip
        for pair in pairs:
            dimension, _, signal = pair.left.partition(".")
            rows.append(
                {
                    "dimension": pair.left,
                    "part_of": dimension if signal else None,
                    "task": task,
                    "reference": pair.right.removeprefix("="),
                    "split": split,
                    "reference_based": reference_based[dimension],
                    "n": pair.n,
                    "n_prompts": pair.n_prompts,
                    **pair.estimates["pearson"].columns("pearson"),
                    **pair.estimates["spearman"].columns("spearman"),
                    "verdict": verdict(pair.estimates["pearson"], minimum),
                }
            )
    return _table("dimension_audit", rows)


def redundancy(
    dimensions: pl.DataFrame, *, resamples: int, confidence: float, seed: int
) -> pl.DataFrame:
    """Return Pearson's r between dimensions (table ``dimension_redundancy``), on the test split.

    Per task and pooled; signals are left out, which go with their dimension by construction. Two
    dimensions near 1 count one thing twice. A run of one dimension has no pair, and no row.

    Args:
        dimensions: table ``dimensions``.
        resamples: bootstrap resamples over prompts.
        confidence: coverage of the intervals.
        seed: the run's seed.
    """
    names = [name for name in values_of(dimensions) if "." not in name]
    rows = [
        {
            "dimension": pair.left,
            "other": pair.right,
            "task": task,
            "n": pair.n,
            "n_prompts": pair.n_prompts,
            **pair.estimates["pearson"].columns("pearson"),
        }
        for (task, _), group in _by_task(dimensions.filter(pl.col("split") == "test"))
        for pair in _pairs(
            group, names, names, ("pearson",),
            resamples=resamples, confidence=confidence, seed=seed, purpose=("redundancy", task),
        )
        if pair.left < pair.right
    ]  # fmt: skip
    return _table("dimension_redundancy", rows)


def values_of(frame: pl.DataFrame) -> list[str]:
    """Return the names of the columns that are no keys, in their order."""
    return [name for name in frame.columns if name not in KEYS]


def _table(name: str, rows: Sequence[Mapping[str, Any]]) -> pl.DataFrame:
    """Return rows in the types of their contract, which no row would show."""
    return pl.DataFrame(rows, schema={c.name: c.dtype for c in TABLES[name].columns})


class _Pair(NamedTuple):
    """Two columns, and what their common rows say."""

    left: str
    right: str
    n: int
    n_prompts: int
    estimates: dict[str, Estimate]


def _by_task(rows: pl.DataFrame) -> Iterator[tuple[tuple[str, str], pl.DataFrame]]:
    """Return the rows of each task, and of all, on each split, sorted by key."""
    both = pl.concat([rows, rows.with_columns(task=pl.lit(POOLED))])
    ordered = both.sort(pl.col("task") == POOLED, "task", "split", "prompt_id", "model")
    for (task, split), group in ordered.group_by("task", "split", maintain_order=True):
        yield (str(task), str(split)), group


def _pairs(
    rows: pl.DataFrame,
    left: Sequence[str],
    right: Sequence[str],
    methods: Sequence[str],
    *,
    resamples: int,
    confidence: float,
    seed: int,
    purpose: tuple[str, ...],
) -> Iterator[_Pair]:
    """Correlate all columns of two sides, those that lack the same rows at once."""
    for have_x, xs in _by_presence(rows, left):
        for have_y, ys in _by_presence(rows, right):
            common = rows.filter(pl.Series(have_x & have_y))
            found = cross_correlations(
                common.select(xs).to_numpy(), common.select(ys).to_numpy(), common["prompt_id"],
                methods=methods, resamples=resamples, rng=stream(seed, *purpose),
            )  # fmt: skip
            n_prompts = common["prompt_id"].n_unique()
            coverage = expanded(confidence, n_prompts)
            for i, x in enumerate(xs):
                for j, y in enumerate(ys):
                    estimates = {
                        method: interval(float(r[0, i, j]), r[1:, i, j], coverage)
                        for method, r in found.items()
                    }
                    yield _Pair(x, y, len(common), n_prompts, estimates)


def _by_presence(
    rows: pl.DataFrame, names: Sequence[str]
) -> list[tuple[NDArray[np.bool_], list[str]]]:
    """Return the columns that have a value in the same rows, with those rows."""
    groups: dict[bytes, list[str]] = {}
    present = {name: rows[name].is_not_null().to_numpy() for name in names}
    for name, have in present.items():
        groups.setdefault(have.tobytes(), []).append(name)
    return [(present[members[0]], members) for members in groups.values()]
