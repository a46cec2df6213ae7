"""What each inference node returns and what that costs: mean reference quality against seconds a
request, one panel a task.

**How to read it.** One mark is one inference node; a thin line leads to its name. Up is better,
left is cheaper, so a node with another one above and to the left of it is beaten on both. The
dashed stairs are the front: the best quality to be had for that many seconds or fewer. Filled marks
stand on it, hollow ones are beaten; equal nodes stand on it together. The horizontal axis is
logarithmic: equal steps are equal ratios. A node that runs no model answers in microseconds and
stands far to the left.

**Intervals.** Vertical bars are confidence intervals of the mean that resample prompts, on the test
split. Horizontal bars run from the first to the third quartile of the measured requests; they show
how much requests differ, not how sure the median is. Behind each name stands the share of resamples
of prompts in which the node is on the front, with the median seconds as they were measured.

**What it cannot show.** Seconds belong to the hardware, the thread count and batch size 1, which
the table ``costs`` names; another machine may order the nodes differently. The quality is a proxy
that counts words shared with a reference.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import cycle
from typing import TYPE_CHECKING

import polars as pl

from poq.figures import style

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TITLE = "What does quality cost?"
TABLES = ("quality", "costs", "pareto")
CLOCK_TICK = 1e-6
"""Seconds below which a request counts as one microsecond, so that a log axis can show it."""


def data(tables: Mapping[str, pl.DataFrame], references: Mapping[str, str]) -> pl.DataFrame:
    """Return one row a task and inference node that has both a quality and seconds.

    Logged models whose log tells no latency have none.

    Returns:
        ``task``, ``reference``, ``node``, ``n`` (outputs), ``n_prompts``, ``mean``, ``mean_low``,
        ``mean_high`` (reference quality in [0, 1], ends null where undefined), ``requests``,
        ``seconds``, ``seconds_q1``, ``seconds_q3`` (median and quartiles a request, in s, at
        least 1e-6), ``front`` (no other node beats it on both), ``front_share`` (share of
        resamples in which that is so, null for one prompt). Sorted by task and node.
    """
    chosen = pl.DataFrame({"task": [*references], "reference": [*references.values()]})
    quality = tables["quality"].rename({"model": "node"}).join(chosen, on=["task", "reference"])
    seconds = pl.col("seconds", "seconds_q1", "seconds_q3").clip(lower_bound=CLOCK_TICK)
    costs = tables["costs"].filter(pl.col("kind") == "inference")
    joined = quality.join(
        costs.select("node", "task", seconds, requests="n").drop_nulls("seconds"),
        on=["node", "task"],
        validate="m:1",
    )
    fronts = tables["pareto"].select("task", "reference", "node", "front", "front_share")
    return joined.join(fronts, on=["task", "reference", "node"], validate="1:1").select(
        "task", "reference", "node", "n", "n_prompts", "mean", "mean_low", "mean_high",
        "requests", "seconds", "seconds_q1", "seconds_q3", "front", "front_share",
    ).sort(style.PANEL_ORDER, "node")  # fmt: skip


def draw(data: pl.DataFrame) -> Figure:
    """Return one panel a task, with the frame that :func:`data` describes; null means no point."""
    tasks = data["task"].unique(maintain_order=True)
    nodes = data["node"].unique().sort()
    looks = dict(zip(nodes, zip(style.shades(len(nodes)), cycle(style.MARKERS)), strict=False))
    note = (
        "Vertical bars: confidence interval of the mean, resampling prompts of the test split. "
        "Horizontal bars: first to third quartile\nof the measured requests. Up and to the left "
        "is better. Dashed stairs: the front, the best quality for that many seconds or fewer;"
        "\nfilled marks stand on it. Percentages: share of resamples in which the node is on it."
    )
    with style.theme():
        figure, axes = style.panels(len(tasks), 1, width=9, height=3.6, note=note, sharex=True)
        for panel, task in zip(axes, tasks, strict=True):
            rows = data.filter(pl.col("task") == task)
            known = rows.drop_nulls("mean")
            for row in known.iter_rows(named=True):
                color, marker = looks[row["node"]]
                x, y = row["seconds"], row["mean"]
                style.interval(
                    panel, row["mean_low"], row["mean_high"], x, color=color, upright=True
                )
                style.interval(panel, row["seconds_q1"], row["seconds_q3"], y, color=color)
                style.mark(panel, x, y, marker=marker, color=color, hollow=not row["front"])
            panel.set_title(heading(task, rows))
            top = rows.select(pl.max_horizontal("mean", "mean_high").max()).item()
            panel.set(xscale="log", ylim=(0, 1.15 * (top or 1)))
            panel.set_ylabel(f"mean reference quality\n({rows['reference'][0]}, 0 to 1)")
            front = known.filter("front").sort("seconds", "mean")
            if len(front):
                panel.plot(
                    [*front["seconds"], data["seconds_q3"].max()],
                    [*front["mean"], front["mean"][-1]],
                    drawstyle="steps-post", color=style.INK, linestyle="--", linewidth=1,
                    zorder=1, label="_front",
                )  # fmt: skip
            points = known.select("seconds", "mean", "node", "front_share").iter_rows()
            style.label_points(panel, [(x, y, named(node, share)) for x, y, node, share in points])
        style.heading(figure, axes[0], TITLE)
        axes[-1].set_xlabel("median seconds a request at batch size 1 (s, log scale)")
    return figure


def named(node: str, share: float | None) -> str:
    """Return a node's name with its share of resamples on the front, if that is known."""
    return node if share is None else f"{node} ({share:.0%})"


def heading(task: str, rows: pl.DataFrame) -> str:
    """Return a panel's heading: its task and what its nodes were measured on."""
    outputs, prompts = style.count(rows["n"], "outputs"), style.count(rows["n_prompts"], "prompts")
    requests = style.count(rows["requests"], "timed requests")
    return f"{task}: {outputs} of {prompts} and {requests} a node"
