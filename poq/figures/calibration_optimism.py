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
from math import nan
from typing import TYPE_CHECKING

import polars as pl

from poq.calibration.rungs import rungs
from poq.figures import style
from poq.figures.composite_ladder import LABELS, MARKS, SETS, SORT

if TYPE_CHECKING:
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
        .sort(*SORT, maintain_order=True)
    )  # fmt: skip


def draw(data: pl.DataFrame) -> Figure:
    """Return one row of panels a task and pooled, a column a set; see :func:`data`."""
    tasks = data["task"].unique(maintain_order=True)
    signals = data["signals"].unique(maintain_order=True)
    names = data.filter(pl.col("signals") == signals[0])["rung"].unique(maintain_order=True)
    rank = {name: i for i, name in enumerate(names)}
    note = (
        "In-sample less held-out: r on the test split of what is chosen on the test split itself, "
        "less r there of what was chosen\non the calibration split. Bars: confidence interval, "
        "resampling prompts of the test split, both choices as they are."
    )
    with style.theme():
        figure, axes = style.panels(
            len(tasks), len(signals), width=4.6, height=1.1 + 0.24 * len(rank), note=note,
            sharex=True, sharey=True,
        )  # fmt: skip
        for i, panel in enumerate(axes):
            task, chosen = tasks[i // len(signals)], signals[i % len(signals)]
            rows = data.filter((pl.col("task") == task) & (pl.col("signals") == chosen))
            panel.axvline(0, color=style.INK, linewidth=1)
            for row in rows.iter_rows(named=True):
                y, look = rank[row["rung"]], MARKS[row["role"]]
                if row["optimism"] is None:
                    panel.text(0, y, " undefined", color=style.INK, fontsize=8, va="center")
                    continue
                style.interval(panel, row["low"], row["high"], y, color=look["color"])
                style.mark(panel, row["optimism"], y, **look)
            sizes = style.count(rows["n"], "outputs"), style.count(rows["n_prompts"], "prompts")
            panel.set_title(f"{task}, {SETS[chosen]}:\n{', '.join(sizes)}")
            panel.locator_params(axis="x", nbins=5)
            panel.set_xlabel(f"optimism, in Pearson's r with {rows['reference'][0]}")
            panel.tick_params(labelbottom=True)
        for role in ROLES:
            style.mark(axes[0], nan, nan, **MARKS[role], label=LABELS[role])
        style.heading(figure, axes[0], TITLE)
        style.rows_of(axes[0], names.to_list())
        for panel in axes[:: len(signals)]:
            panel.set_ylabel("what is chosen")
    return figure
