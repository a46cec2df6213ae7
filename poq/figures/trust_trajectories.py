"""Mean trust of honest and of malicious evaluator nodes over the rounds, one panel for each trust
update.

**How to read it.** Solid lines with filled marks are honest nodes, dashed lines with hollow marks
malicious ones; marks tell attacks apart. Rounds are on a logarithmic axis. An update tells
attackers from honest nodes as far as the two kinds of lines stand apart. Under the published update
both rise to the cap and stay there: it saturates, and the trust-weighted mean becomes the plain
mean. The dotted line is the round by which half of the nodes of an honest network should stand at
the cap, by the update's formula and how far the nodes are from the consensus.

**Intervals.** Bands are confidence intervals (Student's t) over replications: how sure the
simulation is of the prompts of the test split. The shade beside the dotted line is a confidence
interval that resamples prompts.

**What it cannot show.** The dotted line is for a network without attackers; these make others
deviate more and come a little later. Means hide nodes: an evaluator that often disagrees may lose
trust though it is honest. Updates with a fixed sum have no cap; their trust is relative.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import cycle
from math import nan
from typing import TYPE_CHECKING

import polars as pl

from poq.figures import robustness_cells as robust
from poq.figures import style

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TITLE = "Does trust tell attackers from honest nodes?"
TABLES = ("contrasts", "trust_trajectories")
NODES = {"trust_honest": ("honest", style.DARK), "trust_malicious": ("malicious", style.LIGHT)}
PREDICTED = "rounds_predicted"
COLUMNS = 3


def data(tables: Mapping[str, pl.DataFrame], references: Mapping[str, str]) -> pl.DataFrame:
    """Return one row a trust update, attack, recorded round and kind of node.

    The references play no part.

    Returns:
        ``trust``, ``attack``, ``metric`` ("trust_honest", "trust_malicious": mean trust), the
        cell's ``consensus``, ``k``, ``malicious_ratio``, ``nodes``, ``effective_evaluators``,
        then ``round``, ``n`` (replications), ``value``, ``low``, ``high``; and for the published
        update ``predicted``, ``predicted_low``, ``predicted_high``: the round by which, by its
        formula, half of the nodes of an honest network stand at the cap, null for others. Sorted
        by these keys, the published update and the paper's attacks first.
    """
    predicted = tables["contrasts"].filter(pl.col("contrast") == PREDICTED)
    prediction = predicted.select(
        "consensus", "trust", "k", "nodes", predicted="value", predicted_low="value_low",
        predicted_high="value_high",
    )  # fmt: skip
    shown = tables["trust_trajectories"].filter(pl.col("metric").is_in([*NODES]))
    return (
        shown.join(prediction, on=["consensus", "trust", "k", "nodes"], how="left")
        .sort(
            *robust.order("trust", predicted["trust"].to_list()),
            *robust.order("attack", robust.ATTACKS),
            "metric",
            "round",
        )
        .select(
            "trust", "attack", "metric", "consensus", "k", "malicious_ratio", "nodes",
            "effective_evaluators", "round", "n", "value", "low", "high", "predicted",
            "predicted_low", "predicted_high",
        )
    )  # fmt: skip


def draw(data: pl.DataFrame) -> Figure:
    """Return a panel a trust update, with the frame that :func:`data` describes."""
    from matplotlib.ticker import StrMethodFormatter

    updates, attacks = (
        data[name].unique(maintain_order=True).to_list() for name in ("trust", "attack")
    )
    markers = dict(zip(attacks, cycle(style.MARKERS), strict=False))
    first = data.row(0, named=True)
    columns = min(COLUMNS, len(updates))
    note = (
        f"Mean trust under the {first['consensus'].replace('_', ' ')}, "
        f"{100 * first['malicious_ratio']:.0f} % malicious, K = {first['k']}; "
        f"{robust.sample(data.with_columns(rounds=pl.col('round').max()))}.\nBands: interval "
        "over replications on the prompts of the test split. Dotted: the round by which half of "
        "the nodes of an honest network\nshould stand at the cap by the published update's "
        "formula; shade: its interval, resampling prompts."
    )
    with style.theme():
        figure, axes = style.panels(
            -(-len(updates) // columns), columns, width=3.5, height=3.0, note=note,
            sharex=True, sharey=True,
        )  # fmt: skip
        for panel, update in zip(axes, updates, strict=False):
            rows = data.filter(pl.col("trust") == update)
            for (attack, metric), line in rows.group_by("attack", "metric", maintain_order=True):
                color = NODES[str(metric)][1]
                every = (attacks.index(str(attack)), len(attacks))  # so that marks part
                honest = metric == "trust_honest"
                panel.plot(
                    line["round"], line["value"], color=color, linewidth=1.1,
                    linestyle="-" if honest else "--", marker=markers[str(attack)], markevery=every,
                    markersize=4.5, markeredgecolor=color,
                    markerfacecolor=color if honest else "white", label="_line",
                )  # fmt: skip
                known = line.drop_nulls(["low", "high"])
                panel.fill_between(
                    known["round"], known["low"], known["high"], color=color, alpha=0.15,
                    linewidth=0,
                )  # fmt: skip
            for at, low, high in (
                rows.select("predicted", "predicted_low", "predicted_high")
                .drop_nulls("predicted")
                .unique()
                .iter_rows()
            ):
                panel.axvline(at, color=style.INK, linestyle=":", linewidth=1.4)
                if low is not None and high is not None:
                    panel.axvspan(low, high, color=style.FAINT, alpha=0.25, linewidth=0)
            panel.set_title(update.replace("_", " "))
            panel.set_xscale("log")
            panel.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
            panel.tick_params(labelbottom=True)
        for panel in axes[len(updates) :]:
            panel.set_axis_off()
        for panel in axes[: len(updates)][-columns:]:
            panel.set_xlabel("round (log scale)")
        for panel in axes[: len(updates) : columns]:
            panel.set_ylabel("mean trust")
        for name, color in NODES.values():
            axes[0].plot(
                nan, nan, color=color, linestyle="-" if name == "honest" else "--",
                label=f"{name} nodes",
            )  # fmt: skip
        for attack, marker in markers.items():
            style.mark(
                axes[0], nan, nan, marker=marker, color=style.INK,
                label=f"attack: {attack.replace('_', ' ')}",
            )  # fmt: skip
        style.heading(figure, axes[0], TITLE)
    return figure
