"""Optimism: what choosing weights, or the best, on the split that one reports would add."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import polars as pl

from poq.calibration.rungs import rungs
from poq.figures import rung_panels, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TITLE = "How much better does a choice look on the outputs that it was made on?"
TABLES = ("calibration",)
ROLES = ("calibrated", "single", "consensus")


def data(tables: Mapping[str, pl.DataFrame], references: Mapping[str, str]) -> pl.DataFrame:
    """Return one row a task (or "pooled"), set of signals and rung that is chosen.

    Returns:
        ``task``, ``signals`` ("all", "live"), ``role``, ``rung``, ``variant``, ``reference``,
        ``n`` (outputs), ``n_prompts``, ``calibration`` (r on the calibration split, where it was
        chosen), ``held_out`` (r on the test split), and ``optimism``, ``low``, ``high``: r of the
        same choice made on the test split, less ``held_out``; null where undefined. Sorted by
        task, signals, role.
    """
    return (
        rungs(tables["calibration"])
        .filter(pl.col("role").is_in(ROLES))
        .select(
            "task", "signals", "role", "rung", "variant", "reference", "n", "n_prompts",
            "optimism", calibration="in_sample", held_out="pearson", low="optimism_low",
            high="optimism_high",
        )
        .sort(*rung_panels.SORT, maintain_order=True)
    )  # fmt: skip


def draw(data: pl.DataFrame) -> Figure:
    """Return one row of panels a task and pooled, a column a set; see :func:`data`."""
    note = (
        "In-sample less held-out: r on the test split of what is chosen on the test split itself, "
        "less r there of what was chosen\non the calibration split. Bars: confidence interval, "
        "resampling prompts of the test split, both choices as they are."
    )
    return rung_panels.draw(
        data,
        title=TITLE,
        note=note,
        roles=ROLES,
        size=(4.6, 0.24),
        axis=("optimism, in Pearson's r with", "what is chosen"),
        separator="\n",
        prepare=_prepare,
        rung=_rung,
    )


def _prepare(panel: Axes) -> None:
    panel.axvline(0, color=style.INK, linewidth=1)
    panel.locator_params(axis="x", nbins=5)


def _rung(panel: Axes, row: Mapping[str, Any], y: int) -> None:
    look = rung_panels.MARKS[row["role"]]
    if row["optimism"] is None:
        panel.text(0, y, " undefined", color=style.INK, fontsize=8, va="center")
        return
    style.interval(panel, row["low"], row["high"], y, color=look["color"])
    style.mark(panel, row["optimism"], y, **look)
