"""Mean reference quality of each inference node against the size of its model, shaded by the
seconds that a request takes, one row a task.

**How to read it.** One mark is one inference node; a thin line leads to its name. Left: size as the
number of parameters; right: size as the bytes that the weights take up as they are served. Up is
better, and the lighter a mark, the slower the node. Nodes that stand above each other run the same
model and differ in how they serve it, so size alone explains nothing between them. A node that runs
no model of its own, or one elsewhere, has no place here; the heading names it.

**Intervals.** The bars are confidence intervals of the mean that resample prompts, on the test
split. Seconds are medians, without an interval.

**What it cannot show.** A few models are no sample of sizes: families differ in training, data and
prompt format as well. Quantising the layers of a small model may take more memory, not less, where
its embeddings stay as they are and a layer that shared them gets a copy. Seconds belong to the
hardware that the table ``costs`` names. The quality is a proxy that counts words shared with a
reference.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import cycle
from typing import TYPE_CHECKING

import polars as pl

from poq.figures import quality_cost, style

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TITLE = "Is a larger model better, and what does it cost?"
TABLES = quality_cost.TABLES
SIZES = {
    "parameters": "parameters of the model",
    "model_bytes": "bytes of its weights, as served",
}


def data(tables: Mapping[str, pl.DataFrame], references: Mapping[str, str]) -> pl.DataFrame:
    """Return one row a task and inference node that has both a quality and seconds.

    Returns:
        ``task``, ``reference``, ``node``, ``n`` (outputs), ``n_prompts``, ``requests``,
        ``parameters``, ``model_bytes`` (null where the node has no weights of its own), ``mean``,
        ``mean_low``, ``mean_high`` (reference quality in [0, 1], ends null where undefined),
        ``seconds`` (median a request, in s, at least 1e-6). Sorted by task and node.
    """
    sizes = tables["costs"].filter(pl.col("kind") == "inference")
    rows = quality_cost.data(tables, references).join(
        sizes.select("node", "task", *SIZES), on=["node", "task"], validate="1:1",
        maintain_order="left",
    )  # fmt: skip
    return rows.select(
        "task", "reference", "node", "n", "n_prompts", "requests", *SIZES, "mean", "mean_low",
        "mean_high", "seconds",
    )  # fmt: skip


def draw(data: pl.DataFrame) -> Figure:
    """Return one row of panels a task, one column a size, with the frame of :func:`data`.

    Nodes without a size or a quality have no mark; those without a size are named in the heading.
    """
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import LogNorm

    tasks = data["task"].unique(maintain_order=True)
    nodes = data["node"].unique().sort()
    markers = dict(zip(nodes, cycle(style.MARKERS), strict=False))
    sized = data.drop_nulls("parameters")
    seconds = sized["seconds"].to_list() or [1.0]
    low, high = min(seconds), max(seconds)
    # One value would give the scale no width.
    norm = LogNorm(low / 1.25, high * 1.25)
    shades = ScalarMappable(norm, style.ramp())
    note = (
        "Bars: confidence interval of the mean quality, resampling prompts of the test split. "
        "Shade: median seconds a request at batch size 1,\nlighter is slower. Nodes of one model "
        "stand above each other: they differ in how they serve it."
    )
    with style.theme():
        figure, axes = style.panels(
            len(tasks), 2, width=4.9, height=3.4, note=note, sharex="col", sharey="row"
        )
        for i, task in enumerate(tasks):
            rows = data.filter(pl.col("task") == task)
            top = rows.select(pl.max_horizontal("mean", "mean_high").max()).item()
            for panel, (size, label) in zip(axes[2 * i : 2 * i + 2], SIZES.items(), strict=True):
                known = rows.drop_nulls([size, "mean"])
                for row in known.iter_rows(named=True):
                    color = shades.to_rgba(row["seconds"])
                    x, y = row[size], row["mean"]
                    style.interval(
                        panel, row["mean_low"], row["mean_high"], x, color=color, upright=True
                    )
                    style.mark(panel, x, y, marker=markers[row["node"]], color=color)
                panel.set(xscale="log", ylim=(0, 1.15 * (top or 1)))
                if sizes := sized[size].drop_nulls().to_list():
                    panel.set_xlim(min(sizes) / 1.5, max(sizes) * 1.5)
                if i == len(tasks) - 1:
                    panel.set_xlabel(f"{label} (log scale)")
            left, right = axes[2 * i], axes[2 * i + 1]
            left.set_ylabel(f"mean reference quality\n({rows['reference'][0]}, 0 to 1)")
            left.set_title(_heading(task, rows))
            points = rows.drop_nulls(["model_bytes", "mean"])
            style.label_points(right, points.select("model_bytes", "mean", "node").rows())
        if len(sized):
            bar = figure.colorbar(shades, ax=axes, shrink=0.6, pad=0.02, label="median seconds (s)")
            bar.ax.minorticks_off()
            bar.set_ticks(sorted({low, high}), labels=[f"{s:.3g}" for s in sorted({low, high})])
        style.heading(figure, axes[0], TITLE)
    return figure


def _heading(task: str, rows: pl.DataFrame) -> str:
    unknown = rows.filter(pl.col("parameters").is_null())["node"]
    without = f"\nwithout a known size: {', '.join(unknown)}" if len(unknown) else ""
    return quality_cost.heading(task, rows) + without
