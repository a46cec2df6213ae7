"""Which node earns most at each pair of alpha, the weight of quality, and beta, the weight of cost,
for inference nodes and evaluator nodes, each task and all rounds pooled.

**How to read it.** Each cell is one pair of weights. Its mark names the node with the greatest mean
reward; below stands that node's mean normalised reward, 0 the least and 1 the greatest that can be
earned, and the darker the cell, the higher. A frame marks the weights that this run pays by. Cells
with the same beta / alpha agree. With alpha = beta = 0 there is nothing to earn: all nodes tie and
the reward is *none*.

**Intervals.** Marks are filled where the node leads in at least 95 % of the resamples of prompts of
the test split, hollow where it leads in fewer. The confidence interval of each number stands in
the table behind the figure.

**What it cannot show.** It names the leader only: the table ``reward_study`` holds every node's
rank. The same rounds are paid again; nodes do not change what they do when other things are paid.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import cycle
from math import nan
from typing import TYPE_CHECKING, Any

import polars as pl

from poq.figures import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TITLE = "Who earns most under which weights?"
TABLES = ("reward_study",)
KINDS = ("inference", "evaluator")


def data(tables: Mapping[str, pl.DataFrame], references: Mapping[str, str]) -> pl.DataFrame:
    """Return one row a kind, panel and point: the node that earns most there.

    The references play no part: nodes are paid for consensus, not for reference quality.

    Returns:
        ``kind``, ``task`` (or "pooled"), ``alpha``, ``beta``, ``own`` (the run's own weights),
        ``node`` (of equal ones the first by name; ``ties`` says how many others earn the same),
        ``ties``, ``rounds``, ``n_prompts``, ``normalized_reward``, ``low``, ``high`` (in [0, 1],
        null where undefined) and ``lead_share``. Inference nodes first, then by panel and point.
    """
    place = ["kind", "task", "alpha", "beta"]
    first = tables["reward_study"].filter(pl.col("rank") == 1).sort("node")
    leaders = first.group_by(place, maintain_order=True).agg(
        pl.exclude("rank").first(), ties=pl.len() - 1
    )
    return leaders.sort(
        pl.col("kind").cast(pl.Enum(KINDS)), style.PANEL_ORDER, "alpha", "beta"
    ).select(
        *place, "own", "node", "ties", "rounds", "n_prompts", "normalized_reward",
        "lead_share", low="normalized_reward_low", high="normalized_reward_high",
    )  # fmt: skip


def draw(data: pl.DataFrame) -> Figure:
    """Return a row of grids a kind, one column a task and one pooled; see :func:`data`."""
    tasks = data["task"].unique(maintain_order=True)
    kinds = data["kind"].unique(maintain_order=True)
    alphas, betas = (data[name].unique().sort().to_list() for name in ("alpha", "beta"))
    nodes = (
        data.filter(pl.col("ties") == 0)
        .select("kind", "node")
        .unique()
        .sort("kind", "node", descending=[True, False])
    )
    markers = dict(zip(nodes.rows(), cycle(style.MARKERS), strict=False))
    note = (
        "Mark: the node that earns most; hollow: in less than 95 % of the resamples of prompts "
        "(test split). Number: its mean normalised\nreward, which depends on beta / alpha alone. "
        "=: all that could lead earn the same. Frame: the run's own weights."
    )
    with style.theme():
        figure, axes = style.panels(
            len(kinds), len(tasks), width=0.9 + 0.47 * len(betas), height=1.0 + 0.47 * len(alphas),
            note=note, sharex=True, sharey=True,
        )  # fmt: skip
        for i, kind in enumerate(kinds):
            for j, task in enumerate(tasks):
                panel = axes[i * len(tasks) + j]
                rows = data.filter((pl.col("kind") == kind) & (pl.col("task") == task))
                for row in rows.iter_rows(named=True):
                    x, y = betas.index(row["beta"]), alphas.index(row["alpha"])
                    _cell(panel, row, x, y, markers.get((kind, row["node"]), ""))
                panel.set_xticks(range(len(betas)), [f"{beta:g}" for beta in betas])
                panel.set_yticks(range(len(alphas)), [f"{alpha:g}" for alpha in alphas])
                panel.set(xlim=(-0.5, len(betas) - 0.5), ylim=(-0.5, len(alphas) - 0.5))
                panel.grid(visible=False)
                panel.set_title(f"{kind} nodes, {task}")
                if i == len(kinds) - 1:
                    panel.set_xlabel("beta, weight of cost")
            axes[i * len(tasks)].set_ylabel("alpha, weight of quality")
        for (kind, node), marker in markers.items():
            style.mark(axes[0], nan, nan, marker=marker, color=style.DARK, label=f"{kind}: {node}")
        style.heading(figure, axes[0], TITLE)
    return figure


def _cell(panel: Axes, row: dict[str, Any], x: int, y: int, marker: str) -> None:
    """Draw one point of the grid: its leader above what the leader earns."""
    from matplotlib.patches import Rectangle

    value = row["normalized_reward"]
    shade = str(1 - 0.35 * (value or 0))  # light enough for text
    edge, width = (style.INK, 1.5) if row["own"] else ("white", 0.5)
    panel.add_patch(
        Rectangle(
            (x - 0.47, y - 0.47), 0.94, 0.94, facecolor=shade, edgecolor=edge, linewidth=width,
            zorder=1,
        )
    )  # fmt: skip
    if marker and not row["ties"]:
        sure = row["lead_share"] is not None and row["lead_share"] >= style.SURE
        style.mark(panel, x, y + 0.17, marker=marker, color=style.DARK, hollow=not sure)
    else:
        panel.text(x, y + 0.17, "=", color=style.INK, ha="center", va="center")
    text = "none" if value is None else f"{value:.2f}"
    panel.text(x, y - 0.25, text, color=style.INK, fontsize=7, ha="center", va="center", zorder=4)
