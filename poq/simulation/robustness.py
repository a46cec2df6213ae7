"""The robustness study: a grid of simulated networks under attack, on the prompts of each split.

What a rule is chosen by is simulated on the calibration split, what is reported of it on the test
split (:mod:`poq.simulation.recommendation`).
"""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from poq.schema import TABLES
from poq.shards import WHOLE, Shard
from poq.simulation import engine
from poq.simulation.pool import Pool
from poq.simulation.settings import Grid


def study_robustness(
    name: str,
    grid: Grid,
    pools: Mapping[str, Pool],
    *,
    confidence: float,
    threads: int = 1,
    shard: Shard = WHOLE,
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return tables ``robustness`` and ``break_even`` of one shard of a grid.

    Cells that differ in the share of malicious nodes alone, which have a break-even size in common,
    are in one shard.

    Args:
        name: name of the grid.
        grid: what to simulate.
        pools: split -> the pool over its prompts.
        confidence: coverage of the intervals over replications, in (0, 1).
        threads: threads that run, and processes that compile, at a time.
        shard: which cells to simulate: consecutive ones, whose kernels and honest twins are few.
    """
    cells = list(grid.cells())
    together = len(grid.malicious_ratios)
    groups = [cells[start : start + together] for start in range(0, len(cells), together)]
    chosen = [cell for group in shard.stretch(groups) for cell in group]
    if not chosen:
        return TABLES["robustness"].frame(), TABLES["break_even"].frame()
    studies = [
        [
            frame.with_columns(grid=pl.lit(name), split=pl.lit(split))
            for frame in engine.study(chosen, pool, threads=threads, confidence=confidence)
        ]
        for split, pool in pools.items()
    ]
    robustness, break_even = (pl.concat(frames) for frames in zip(*studies, strict=True))
    return robustness, break_even


def trace_trust(grid: Grid, pool: Pool, *, confidence: float, threads: int = 1) -> pl.DataFrame:
    """Return table ``trust_trajectories``; arguments as in :func:`study_robustness`."""
    return engine.trajectories(grid.cells(), pool, threads=threads, confidence=confidence)
