"""How much better a choice looks on the outputs that it was made on: what one would report too much
without a split.

**How to read it.** In-sample less held-out, in Pearson's r on the test split: r of what is chosen
on the test split itself, less r of what was chosen on the calibration split. Right of the line is
optimism. *Chosen* are the weights of a calibrated composite, and which evaluator and which
consensus rule are best. At 0 both splits choose the same. *Reliable* and *rank* do not maximise r,
so they may also lose by choosing on the outputs that they are reported on. The table behind the
figure has r on both splits.

**Intervals** are confidence intervals that resample prompts of the test split; both choices stay as
they are, so how much another calibration split would change them is not in the interval.

**What it cannot show.** Default weights and ablations have no optimism here, since nothing is
fitted for them; yet whoever picks the best ablation from the ladder has chosen on the test split. A
model prior is made of the calibration split for every output, in both choices.
"""

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
