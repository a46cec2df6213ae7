"""Rewards of one kind of node, with the quality and the cost that they are made of."""

from __future__ import annotations

from math import nan
from typing import TYPE_CHECKING

import polars as pl

from poq.figures import style

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MARKS = {"reward": (style.DARK, "o"), "quality": (style.DARK, "s"), "cost": (style.LIGHT, "D")}
SHIFTS = {"reward": 0, "quality": -0.16, "cost": 0.16}
"""How far below the middle of a node's row its marks stand, in rows."""


def data(rewards: pl.DataFrame, kind: str) -> pl.DataFrame:
    """Return one row a panel, node and quantity.

    Args:
        rewards: table ``rewards``.
        kind: "inference" or "evaluator".

    Returns:
        ``task`` (or "pooled"), ``node``, ``rounds``, ``n_prompts``, ``quantity`` ("reward",
        "quality", "cost"), and the mean over rounds ``value`` with ``low`` and ``high``, null
        where undefined: rewards in [-beta, alpha], quality and cost in [0, 1]. Sorted by panel,
        then the node with the greatest pooled reward first.
    """
    nodes = rewards.filter(pl.col("kind") == kind)
    best = nodes.filter(pl.col("task") == "pooled").sort(
        "reward", "node", descending=[True, False], nulls_last=True
    )
    order = pl.col("node").cast(pl.Enum(best["node"]))
    long = [
        nodes.select(
            "task", "node", "rounds", "n_prompts", quantity=pl.lit(name),
            value=name, low=f"{name}_low", high=f"{name}_high",
        )
        for name in MARKS
    ]  # fmt: skip
    quantity = pl.col("quantity").cast(pl.Enum([*MARKS]))
    return pl.concat(long).sort(style.PANEL_ORDER, order, quantity)


def draw(data: pl.DataFrame, *, title: str, quality: str, node: str) -> Figure:
    """Return rewards above, quality and cost below, one column a task and one pooled.

    Args:
        data: the frame that :func:`data` describes.
        title: heading of the figure.
        quality: what quality means for this kind of node.
        node: what a node of this kind is called.
    """
    tasks = data["task"].unique(maintain_order=True)
    nodes = data["node"].unique(maintain_order=True).to_list()
    note = (
        "Bars: confidence interval of the mean, resampling the prompts (test split) of the "
        "rounds.\nReward = alpha x quality - beta x cost, without unit. Nodes are ordered by "
        "their pooled reward."
    )
    with style.theme():
        figure, axes = style.panels(
            2, len(tasks), width=3.4, height=1.5 + 0.26 * len(nodes), note=note,
            sharex="row", sharey=True,
        )  # fmt: skip
        for i, task in enumerate(tasks):
            above, below = axes[i], axes[len(tasks) + i]
            rows = data.filter(pl.col("task") == task)
            for row in rows.drop_nulls("value").iter_rows(named=True):
                color, marker = MARKS[row["quantity"]]
                panel = above if row["quantity"] == "reward" else below
                hollow = row["quantity"] == "cost"
                y = nodes.index(row["node"]) + SHIFTS[row["quantity"]]
                style.interval(panel, row["low"], row["high"], y, color=color)
                style.mark(panel, row["value"], y, marker=marker, color=color, hollow=hollow)
            rounds, prompts = style.count(rows["rounds"], "rounds"), rows["n_prompts"]
            above.set_title(f"{task}: {rounds} a node,\n{style.count(prompts, 'prompts')}")
            above.axvline(0, color=style.INK, linewidth=1)
            above.set_xlabel("mean reward a round")
            below.set(
                xlim=(-0.04, 1.04), xlabel=f"quality ({quality})\nand normalised cost, 0 to 1"
            )
        for name, label in (("quality", "mean quality"), ("cost", "mean normalised cost")):
            color, marker = MARKS[name]
            hollow = name == "cost"
            style.mark(below, nan, nan, marker=marker, color=color, hollow=hollow, label=label)
        style.heading(figure, below, title)
        for panel in (axes[0], axes[len(tasks)]):
            style.rows_of(panel, nodes)
            panel.set_ylabel(node)
    return figure
