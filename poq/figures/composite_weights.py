"""The weight of every quality dimension in the default composite and in those that are fitted, to
each task and to all tasks pooled.

**How to read it.** One column is one composite, one row a dimension; darker is more. *Default* is
configuration. *Reliable* drops what the audit does not call reliable and re-normalises the rest;
*nnls* are non-negative least squares, which leave out what other dimensions say already; *rank*
weighs each dimension by its own Spearman's rho. Weights of a column add up to 1, or are all 0 where
no dimension is left, and then the composite is undefined. An output that lacks a dimension is
weighed by the others.

**Intervals.** There is no confidence interval: these are the weights that were chosen on the
calibration split, as they are used. How sure the choice is, the figure of optimism says; how good
it is, the ladder does.

**What it cannot show.** A weight is no measure of worth: of two dimensions that say the same, nnls
may keep either, and a dimension of little spread needs a large weight to count at all.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import polars as pl

from poq.figures import style
from poq.figures.rung_panels import SETS, SORT

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TITLE = "Which dimensions does each composite weigh?"
TABLES = ("calibration", "weights")


def data(tables: Mapping[str, pl.DataFrame], references: Mapping[str, str]) -> pl.DataFrame:
    """Return one row a task (or "pooled"), set of signals, composite and dimension.

    The default composite, and those that are fitted: to each task, and to all pooled.

    Returns:
        ``task`` and ``reference`` that weights were fitted to, on ``n`` outputs of ``n_prompts``
        prompts, ``signals`` ("all", "live"), ``variant`` (default first), ``dimension``, and its
        ``weight`` in [0, 1]. Sorted in this order.
    """
    ladder = tables["calibration"].filter(
        (pl.col("split") == "calibration") & pl.col("role").is_in(["default", "calibrated"])
    )
    own = pl.when(pl.col("task") == "pooled").then(pl.lit("pooled")).otherwise(pl.lit("task"))
    fitted = pl.col("role") == "default"
    shown = ladder.filter(fitted | (pl.col("scope") == own)).select(
        "task", "signals", "variant", "reference", "scope",
        # A composite without any weight has no outputs of its own.
        pl.col("n", "n_prompts").max().over("task", "signals"),
        weighed=pl.when(fitted).then(pl.lit("pooled")).otherwise("task"),
    )  # fmt: skip
    weights = tables["weights"].rename({"task": "weighed"})
    return (
        shown.join(weights, on=["signals", "scope", "variant", "weighed"])
        .select("task", "reference", "n", "n_prompts", "signals", "variant", "dimension", "weight")
        .sort(*SORT, pl.col("variant") != "default", "variant", "dimension")
    )


def draw(data: pl.DataFrame) -> Figure:
    """Return one row of panels a task and pooled, a column a set; see :func:`data`."""
    tasks, signals, variants = (
        data[name].unique(maintain_order=True).to_list() for name in ("task", "signals", "variant")
    )
    dimensions = data["dimension"].unique().sort().to_list()
    note = (
        "Weights add up to 1 in each column, or are all 0 where no dimension is left; by shade, "
        "white: 0.\nFitted on the calibration split; the default is configuration. Blank: a "
        "dimension that sees the reference."
    )
    with style.theme():
        figure, axes = style.panels(
            len(tasks), len(signals), width=1.9 + 0.75 * len(variants),
            height=1.1 + 0.3 * len(dimensions), note=note, sharey=True,
        )  # fmt: skip
        for i, panel in enumerate(axes):
            task, chosen = tasks[i // len(signals)], signals[i % len(signals)]
            rows = data.filter((pl.col("task") == task) & (pl.col("signals") == chosen))
            for row in rows.iter_rows(named=True):
                place = variants.index(row["variant"]), dimensions.index(row["dimension"])
                _cell(panel, row["weight"], *place)
            sizes = style.count(rows["n"], "outputs"), style.count(rows["n_prompts"], "prompts")
            panel.set_title(f"{task}, {SETS[chosen]}:\nfitted on {' of '.join(sizes)}")
            panel.set_xticks(range(len(variants)), variants)
            panel.set(xlim=(-0.55, len(variants) - 0.45), xlabel="composite")
            panel.grid(visible=False)
        style.heading(figure, axes[0], TITLE)
        style.rows_of(axes[0], dimensions)
        for panel in axes[:: len(signals)]:
            panel.set_ylabel("quality dimension")
    return figure


def _cell(panel: Axes, weight: float, x: int, y: int) -> None:
    """Draw one weight."""
    from matplotlib.colors import LinearSegmentedColormap
    from matplotlib.patches import Rectangle

    shade = LinearSegmentedColormap.from_list("poq-weight", ["white", style.DARK])(weight)
    frame: dict[str, Any] = {"edgecolor": style.FAINT, "linewidth": 0.5, "zorder": 1}
    panel.add_patch(Rectangle((x - 0.48, y - 0.47), 0.96, 0.94, facecolor=shade, **frame))
    ink = "white" if weight > 0.5 else style.INK
    panel.text(x, y, f"{weight:.2f}", color=ink, fontsize=8, ha="center", va="center", zorder=4)
