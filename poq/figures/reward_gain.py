"""What each node gains or loses in normalised reward when cost weighs more or less than in this
run, for each task and for all rounds pooled.

**How to read it.** One line is one node, one mark a point of the grid of alpha and beta. The
horizontal axis is the share of cost in the weights: at 0 quality alone is paid, at 1 cost alone is
charged. The vertical dashed line is the run itself, where nobody gains. Above the horizontal line a
node earns more of what can be earned than it does in this run, below it less. Cheap nodes gain to
the right, good but dear ones to the left; the steeper the line, the more a node depends on the
weights.

**Intervals.** The bars are confidence intervals of the gain that resample prompts of the test
split; both rewards of the difference come from the same resamples.

**What it cannot show.** Everyone can gain at once, since the range of what can be earned moves with
the weights; who overtakes whom is in the figure on ordering. The same rounds are paid again: no
node joins, leaves or changes its price.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import cycle
from typing import TYPE_CHECKING

import polars as pl

from poq.figures import style

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TITLE = "Who gains and who loses if cost weighs more, or less?"
TABLES = ("reward_study",)
KINDS = ("inference", "evaluator")


def data(tables: Mapping[str, pl.DataFrame], references: Mapping[str, str]) -> pl.DataFrame:
    """Return one row a kind, panel, node and weight of cost.

    The references play no part: nodes are paid for consensus, not for reference quality. Points
    of one beta / alpha have one normalised reward, so only the first of them is kept; alpha =
    beta = 0, where there is nothing to earn, has none.

    Returns:
        ``kind``, ``task`` (or "pooled"), ``node``, ``weight`` (beta / (alpha + beta), in [0, 1]),
        ``alpha``, ``beta``, ``own`` (the run's own weight), ``rounds``, ``n_prompts``, and
        ``gain``, ``low``, ``high`` in [-1, 1], ends null where undefined. Inference nodes first,
        then by panel, node and weight.
    """
    weight = pl.col("beta") / (pl.col("alpha") + pl.col("beta"))
    keys = ["kind", "task", "node", "weight"]
    points = tables["reward_study"].drop_nulls("gain").with_columns(weight=weight.round(12))
    first = points.sort(pl.col("own"), descending=True, maintain_order=True).unique(
        keys, keep="first", maintain_order=True
    )
    return first.sort(
        pl.col("kind").cast(pl.Enum(KINDS)), style.PANEL_ORDER, "node", "weight"
    ).select(
        *keys, "alpha", "beta", "own", "rounds", "n_prompts", "gain",
        low="gain_low", high="gain_high",
    )  # fmt: skip


def draw(data: pl.DataFrame) -> Figure:
    """Return a row of panels a kind, one column a task and one pooled; see :func:`data`."""
    tasks = data["task"].unique(maintain_order=True)
    kinds = data["kind"].unique(maintain_order=True)
    note = (
        "Bars: confidence interval, resampling prompts (test split). Gain: mean normalised reward "
        "less that under the run's own weights (dashed).\nLeft: reward is quality alone; right: "
        "cost alone. All points of the grid with one beta / alpha stand at one place."
    )
    with style.theme():
        figure, axes = style.panels(
            len(kinds), len(tasks), width=3.3, height=3.0, note=note, sharex=True, sharey="row"
        )
        for i, kind in enumerate(kinds):
            of_kind = data.filter(pl.col("kind") == kind)
            nodes = of_kind["node"].unique().sort()
            looks = dict(
                zip(nodes, zip(style.shades(len(nodes)), cycle(style.MARKERS)), strict=False)
            )
            ends = of_kind.select(
                pl.min_horizontal("gain", "low").min(), high=pl.max_horizontal("gain", "high").max()
            )
            low, high = ends.row(0)
            for j, task in enumerate(tasks):
                panel = axes[i * len(tasks) + j]
                rows = of_kind.filter(pl.col("task") == task)
                panel.axhline(0, color=style.INK, linewidth=1)
                for own in rows.filter("own")["weight"].unique():
                    panel.axvline(own, color=style.INK, linestyle="--", linewidth=1)
                for (node,), line in rows.group_by("node", maintain_order=True):
                    color, marker = looks[str(node)]
                    panel.plot(line["weight"], line["gain"], color=color, linewidth=1)
                    for row in line.iter_rows(named=True):
                        x, y = row["weight"], row["gain"]
                        style.interval(panel, row["low"], row["high"], x, color=color, upright=True)
                        style.mark(panel, x, y, marker=marker, color=color)
                room = 0.08 * (high - low) or 0.1
                panel.set(xlim=(-0.04, 1.04), ylim=(low - room, high + room))
                panel.set_title(
                    f"{kind} nodes, {task}:\n{style.count(rows['n_prompts'], 'prompts')}"
                )
                if i == len(kinds) - 1:
                    panel.set_xlabel("weight of cost,\nbeta / (alpha + beta)")
                if j == len(tasks) - 1:
                    last = rows.group_by("node", maintain_order=True).last()
                    style.label_points(panel, last.select("weight", "gain", "node").rows())
            axes[i * len(tasks)].set_ylabel("gain in normalised reward")
        style.heading(figure, axes[0], TITLE)
    return figure
