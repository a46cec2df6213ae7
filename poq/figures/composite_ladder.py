"""How far composites of quality dimensions, the best single evaluator and the best consensus agree
with the reference quality, for each task and pooled: with all signals, and with those alone that a
live network has.

**How to read it.** One row is one quality signal; further right is better. From the top: the
default composite (the configuration's weights), the same less one dimension each, calibrated
composites, and the best of the evaluators and of the consensus rules. Dropping a dimension that
helps moves the circle to the left of the dashed line, dropping a harmful one to its right.
*Reliable* keeps the dimensions that the audit calls reliable, at their default weights; *nnls* are
non-negative least squares; *rank* weighs by Spearman's rho; fitted per task, or once for all tasks
pooled. Beside each composite stands how it compares with the best single evaluator, then with the
best consensus: exceeds (>), matches (=) or falls short (<). All weights, and which evaluator and
which consensus are best, were chosen on the calibration split. *Undefined*: the signal or the
reference quality is constant, or no dimension is left.

**Intervals** are confidence intervals on the test split, which resample prompts. The signs rest on
the interval of the difference, on the same resamples for both sides; *matches* is an interval that
holds 0, which a small sample gives easily. Overlap of two bars does not decide.

**What it cannot show.** A consensus here is that of all evaluators, not of the K that are sampled
in a round. Pooled, r also holds the difference between tasks, and weights fitted per task put each
task on a scale of its own, which mixing may undo. The reference quality is itself a proxy; signals
that see the reference win by construction where the proxy counts the reference's words.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import polars as pl

from poq.calibration.rungs import rungs, standing
from poq.figures import rung_panels, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TITLE = "Does a calibrated composite beat single evaluators and consensus?"
TABLES = ("calibration",)
SIGNS = {"exceeds": ">", "matches": "=", "falls short of": "<", "undecided against": "?"}


def data(tables: Mapping[str, pl.DataFrame], references: Mapping[str, str]) -> pl.DataFrame:
    """Return one row a task (or "pooled"), set of signals and rung, on the test split.

    Returns:
        ``task``, ``signals`` ("all", "live"), ``role``, ``rung``, ``variant``, ``reference``,
        ``n`` (outputs), ``n_prompts``, Pearson's r ``pearson``, ``low``, ``high`` in [-1, 1],
        null where undefined; the difference ``over_single`` to the best single evaluator with its
        ends, and in words ``than_single``, see :func:`poq.calibration.rungs.standing`;
        ``over_consensus`` likewise. Sorted by task, signals, role.
    """
    compared = [
        pl.struct(f"over_{name}_low", f"over_{name}_high")
        .map_elements(lambda ends: standing(*ends.values()), pl.String)
        .alias(f"than_{name}")
        for name in ("single", "consensus")
    ]
    over = [f"over_{n}{end}" for n in ("single", "consensus") for end in ("", "_low", "_high")]
    found = rungs(tables["calibration"]).with_columns(compared)
    return found.select(
        "task", "signals", "role", "rung", "variant", "reference", "n", "n_prompts", "pearson",
        "than_single", "than_consensus", *over, low="pearson_low", high="pearson_high",
    ).sort(*rung_panels.SORT, maintain_order=True)  # fmt: skip


def draw(data: pl.DataFrame) -> Figure:
    """Return one row of panels a task and pooled, a column a set; see :func:`data`."""
    note = (
        "Bars: confidence interval, resampling prompts of the test split; weights and the best "
        "were chosen on the calibration split.\nTo the right: whether a composite exceeds (>), "
        "matches (=) or falls short of (<) the best single evaluator, then the best consensus,\n"
        "by the interval of the difference on the same resamples. Line: the default composite."
    )
    return rung_panels.draw(
        data,
        title=TITLE,
        note=note,
        roles=rung_panels.MARKS,
        size=(5.4, 0.21),
        axis=("Pearson's r, from -1 to 1, with", "quality signal"),
        separator=" ",
        prepare=lambda panel: panel.set(xlim=_limits(data)),
        rung=_rung,
    )


def _limits(data: pl.DataFrame) -> tuple[float, float]:
    ends = data.select("pearson", "low", "high").unpivot()["value"].drop_nulls().to_list()
    return min([0.0, *ends]) - 0.05, 1.0


def _rung(panel: Axes, row: Mapping[str, Any], y: int) -> None:
    """Draw one rung: its r and interval, and how it compares or what it is."""
    look = rung_panels.MARKS[row["role"]]
    if row["role"] == "default" and row["pearson"] is not None:
        panel.axvline(row["pearson"], color=style.INK, linewidth=0.8, linestyle="--", zorder=1)
    said = f"{SIGNS[row['than_single']]} {SIGNS[row['than_consensus']]}"
    if row["role"] in ("single", "consensus"):
        said = row["variant"].partition(":")[2]
    if row["pearson"] is None:
        panel.text(0.02, y, "undefined", color=style.INK, fontsize=8, va="center")
    else:
        style.interval(panel, row["low"], row["high"], y, color=look["color"])
        style.mark(panel, row["pearson"], y, **look)
    panel.annotate(
        said, (1.015, y), xycoords=("axes fraction", "data"), va="center", fontsize=7,
        color=style.INK, annotation_clip=False,
    )  # fmt: skip
