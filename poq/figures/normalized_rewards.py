"""The mean normalised reward of every inference node and evaluator node in the Proof of Quality
rounds, for each task and for all rounds pooled.

**How to read it.** At 1 a node earns the most that a round can bring, for quality 1 at cost 0; at 0
the least, for quality 0 at cost 1. So nodes, tasks and runs with other weights can be compared,
which the plain reward does not allow. An inference node is paid for the consensus on its output, an
evaluator node for its closeness to the consensus; both pay for their measured cost. Nodes are
ordered by their pooled reward. *Undefined* means that both weights are 0 and there is nothing to
earn.

**Intervals** are confidence intervals of the mean on the test split. They resample the prompts of
the rounds; more rounds over the same prompts do not make them vanish. A bar that is not to be seen
is shorter than its mark.

**What it cannot show.** A high reward is no high quality: a node that costs nothing starts with a
large part of it. The two kinds of node are paid for different things and do not compete. Cost is
relative to the pool: adding a node can change everyone's. All nodes are honest here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import polars as pl

from poq.figures import style

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TITLE = "How much of what they could earn do nodes earn?"
TABLES = ("rewards",)
KINDS = {"inference": (style.DARK, "o"), "evaluator": (style.LIGHT, "s")}


def data(tables: Mapping[str, pl.DataFrame], references: Mapping[str, str]) -> pl.DataFrame:
    """Return one row a kind, panel and node.

    The references play no part: nodes are paid for consensus, not for reference quality.

    Returns:
        ``kind``, ``task`` (or "pooled"), ``node``, ``rounds``, ``n_prompts``,
        ``normalized_reward``, ``low``, ``high`` in [0, 1], null where undefined. Inference nodes
        first, then by panel, the node with the greatest pooled reward first.
    """
    rewards = tables["rewards"]
    best = rewards.filter(pl.col("task") == "pooled").sort(
        "normalized_reward", "node", descending=[True, False], nulls_last=True
    )
    place = best.with_row_index("place").select("kind", "node", "place")
    return (
        rewards.join(place, on=["kind", "node"], validate="m:1")
        .sort(pl.col("kind").cast(pl.Enum([*KINDS])), style.PANEL_ORDER, "place")
        .select(
            "kind", "task", "node", "rounds", "n_prompts", "normalized_reward",
            low="normalized_reward_low", high="normalized_reward_high",
        )
    )  # fmt: skip


def draw(data: pl.DataFrame) -> Figure:
    """Return a row of panels a kind, one column a task and one pooled; see :func:`data`."""
    tasks = data["task"].unique(maintain_order=True)
    kinds = data["kind"].unique(maintain_order=True)
    nodes = {
        kind: data.filter(pl.col("kind") == kind)["node"].unique(maintain_order=True).to_list()
        for kind in kinds
    }
    note = (
        "Bars: confidence interval of the mean, resampling the prompts (test split) of the "
        "rounds. 0: the least that a round can bring (cost 1, quality 0);\n1: the greatest "
        "(cost 0, quality 1). Nodes are ordered by their pooled reward."
    )
    most = max(map(len, nodes.values()))
    with style.theme():
        figure, axes = style.panels(
            len(kinds), len(tasks), width=3.4, height=1.2 + 0.26 * most, note=note,
            sharex=True, sharey="row",
        )  # fmt: skip
        for i, kind in enumerate(kinds):
            color, marker = KINDS[kind]
            for j, task in enumerate(tasks):
                panel = axes[i * len(tasks) + j]
                rows = data.filter((pl.col("kind") == kind) & (pl.col("task") == task))
                for row in rows.iter_rows(named=True):
                    y, value = nodes[kind].index(row["node"]), row["normalized_reward"]
                    if value is None:
                        panel.text(0.05, y, "undefined", color=style.INK, fontsize=8, va="center")
                        continue
                    style.interval(panel, row["low"], row["high"], y, color=color)
                    style.mark(panel, value, y, marker=marker, color=color)
                rounds = style.count(rows["rounds"], "rounds")
                prompts = style.count(rows["n_prompts"], "prompts")
                panel.set_title(f"{task}: {rounds} a node,\n{prompts}")
                panel.set_xlim(-0.02, 1.02)
                if i == len(kinds) - 1:
                    panel.set_xlabel("mean normalised reward\n(0 to 1)")
            style.rows_of(axes[i * len(tasks)], nodes[kind])
            axes[i * len(tasks)].set_ylabel(f"{kind} node")
        style.heading(figure, axes[0], TITLE)
    return figure
