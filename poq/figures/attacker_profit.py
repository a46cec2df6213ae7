"""What a coalition of malicious evaluator nodes earns in a round more than the same nodes would
earn if they were honest, as the coalition grows, one panel for each attack.

**How to read it.** Each line is one consensus rule; dashed lines with hollow marks are the same
rule under another trust update; rules that do not use trust are shown under the published one.
Above the line of no profit the attack pays. A large mark on that line is the share of malicious
nodes from which on it pays, up to the largest that is played; there is none if at the largest it
pays in less than half of the replications. Where the coalition has an inference node of its own,
that node's rewards count.

**Intervals.** Bars are confidence intervals (Student's t) over replications, upright of the profit
and level of the break-even share, among the replications in which the attack pays at last; the
table behind the figure says in how many. They say how sure the simulation is of the prompts of the
test split, not of other prompts.

**What it cannot show.** Profit is in rewards of the network alone: what a manipulated consensus is
worth to somebody outside is not in it, nor what it costs to run nodes beyond their evaluation. An
attack that does not pay may still do harm: see the other figures.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import polars as pl

from poq.figures import robustness_cells as robust
from poq.figures import style

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TITLE = "When does an attack pay?"
TABLES = ("break_even", "robustness")
WIDTH = 0.05
COLUMNS = 3


def data(tables: Mapping[str, pl.DataFrame], references: Mapping[str, str]) -> pl.DataFrame:
    """Return one row an attack, rule and share of malicious nodes.

    K is the one that most rules and attacks are played with. The references play no part.

    Returns:
        ``attack``, ``consensus``, ``trust``, ``rule``, ``k``, ``malicious_ratio``, ``malicious``,
        ``nodes``, ``effective_evaluators``, ``rounds``, ``n`` (replications), ``value``, ``low``,
        ``high`` (profit of the coalition in a round), and of the attack under the rule
        ``break_even``, the number of nodes from which on it pays, ``break_even_low``,
        ``break_even_high`` and ``paying`` (replications in which it pays at last; null if
        unknown). Sorted by these keys, the paper's attacks and rules first.
    """
    cells = robust.cells(tables["robustness"], "profit", of=robust.NETWORKS)
    keys = ["grid", "consensus", "trust", "k", "attack"]
    sizes = (
        tables["break_even"]
        .filter(pl.col("split") == "test")
        .select(*keys, paying="n", break_even="value", break_even_low="low", break_even_high="high")
    )
    shown = cells.filter((pl.col("k") == robust.usual_k(cells)) & (pl.col("malicious_ratio") > 0))
    return shown.join(sizes, on=keys, how="left", maintain_order="left").select(
        "attack", "consensus", "trust", "rule", "k", "malicious_ratio", "malicious", "nodes",
        "effective_evaluators", "rounds", "n", "value", "low", "high", "break_even",
        "break_even_low", "break_even_high", "paying",
    )  # fmt: skip


def draw(data: pl.DataFrame) -> Figure:
    """Return a panel an attack, with the frame that :func:`data` describes."""
    attacks = data["attack"].unique(maintain_order=True).to_list()
    looks = robust.looks(data)
    columns = min(COLUMNS, len(attacks))
    note = (
        f"K = {data['k'][0]}; {robust.sample(data)}. Bars: interval over replications on "
        "the prompts of the test split.\nMarks of one share stand side by side. Large marks on "
        "the line of no profit: the share from which on the attack pays, with its interval,\n"
        "if it pays at last in half of the replications. Profit: income of the coalition less that "
        "of the same nodes if they were honest."
    )
    with style.theme():
        figure, axes = style.panels(
            -(-len(attacks) // columns), columns, width=3.6, height=2.8, note=note, sharex=True
        )
        for panel, attack in zip(axes, attacks, strict=False):
            panel.axhline(0, color=style.INK, linewidth=1)
            for (rule, look), shift in zip(
                looks.items(), robust.shifts(len(looks), WIDTH), strict=True
            ):
                rows = data.filter((pl.col("attack") == attack) & (pl.col("rule") == rule))
                robust.curve(panel, rows, "malicious_ratio", look, shift, rule)
                pays = rows.head(1).filter(2 * pl.col("paying") >= pl.col("n"))
                for row in pays.drop_nulls("break_even").iter_rows(named=True):
                    nodes, color = row["nodes"], look.color
                    if row["break_even_low"] is not None:
                        low, high = row["break_even_low"] / nodes, row["break_even_high"] / nodes
                        style.interval(panel, low, high, 0, color=color)
                    place = row["break_even"] / nodes
                    style.mark(panel, place, 0, marker=look.marker, color=color, hollow=look.hollow)
            panel.set_title(attack.replace("_", " "))
            panel.tick_params(labelbottom=True)
        for panel in axes[len(attacks) :]:
            panel.set_axis_off()
        for panel in axes[: len(attacks)][-columns:]:
            panel.set_xlabel("share of malicious nodes")
        for panel in axes[: len(attacks) : columns]:
            panel.set_ylabel("profit in a round")
        style.heading(figure, axes[0], TITLE)
    return figure
