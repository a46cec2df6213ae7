"""Mean reference quality divided by median seconds a request, for each inference node and task.

**How to read it.** Nodes are ordered, the best one on top; the value stands beside the bar. The
axis is logarithmic: compare where bars end, not how long they are.

**Intervals.** The lines are the confidence interval of the mean quality, which resamples prompts of
the test split, divided by the median seconds. The spread of the seconds is not part of them. An
interval that reaches zero runs to the edge of the panel.

**What it cannot show.** A ratio rewards speed without limit: a node that runs no model and copies a
few sentences wins it by far, however poor its answers. This is why the reward of Proof of Quality
weighs quality against cost in a sum, not as a ratio. Seconds belong to the hardware that the table
``costs`` names.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import floor, log10
from typing import TYPE_CHECKING

import polars as pl

from poq.figures import quality_cost, style
from poq.pages import rounded

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TITLE = "How much quality does a second buy?"
TABLES = quality_cost.TABLES


def data(tables: Mapping[str, pl.DataFrame], references: Mapping[str, str]) -> pl.DataFrame:
    """Return one row a task and inference node that has both a quality and seconds.

    Returns:
        ``task``, ``reference``, ``node``, ``n`` (outputs), ``n_prompts``, ``requests``, ``mean``
        (reference quality in [0, 1]), ``seconds`` (median a request, in s, at least 1e-6), and
        ``quality_per_second``, ``low``, ``high`` (1/s): mean and the ends of its interval divided
        by ``seconds``, null where they are null. Sorted by task, the best node first.
    """
    rows = quality_cost.data(tables, references)
    return rows.select(
        "task", "reference", "node", "n", "n_prompts", "requests", "mean", "seconds",
        quality_per_second=pl.col("mean") / pl.col("seconds"),
        low=pl.col("mean_low") / pl.col("seconds"),
        high=pl.col("mean_high") / pl.col("seconds"),
    ).sort(
        style.PANEL_ORDER, "quality_per_second", "node",
        descending=[False, True, False], nulls_last=True,
    )  # fmt: skip


def draw(data: pl.DataFrame) -> Figure:
    """Return one panel a task, with the frame that :func:`data` describes.

    A quality of zero has no bar on a log axis, only its value.
    """
    tasks = data["task"].unique(maintain_order=True)
    ends = [*data["quality_per_second"], *data["low"], *data["high"]]
    positive = [end for end in ends if end] or [1.0]
    left, right = 10.0 ** floor(log10(min(positive))), 5 * max(positive)
    note = (
        "Lines: confidence interval of the mean quality, resampling prompts of the test split, "
        "divided by the median seconds;\nthe spread of the seconds is not in it. The axis is "
        "logarithmic: compare where bars end, not how long they are."
    )
    most = max(data["task"].value_counts()["count"].to_list())
    with style.theme():
        figure, axes = style.panels(
            len(tasks),
            1,
            width=9,
            height=1.2 + 0.32 * most,
            note=note,
            sharex=True,
        )
        for panel, task in zip(axes, tasks, strict=True):
            rows = data.filter(pl.col("task") == task)
            for y, row in enumerate(rows.iter_rows(named=True)):
                value, high = row["quality_per_second"], row["high"]
                if value:
                    panel.barh(y, value - left, left=left, height=0.6, color=style.LIGHT)
                style.interval(panel, row["low"], high, y, color=style.DARK)
                text = "undefined" if value is None else rounded(value)
                place = max(value or left, high or left, left)
                panel.annotate(
                    text,
                    (place, y),
                    xytext=(7, 0),
                    textcoords="offset points",
                    va="center",
                    fontsize=8,
                )
            style.rows_of(panel, rows["node"].to_list())
            panel.grid(visible=False, axis="y")
            panel.set_title(quality_cost.heading(task, rows))
            panel.set(xscale="log", xlim=(left, right), ylabel="inference node")
            panel.set_xlabel(f"quality per second ({rows['reference'][0]} / s, log scale)")
            panel.tick_params(labelbottom=True)
        style.heading(figure, axes[0], TITLE)
    return figure
