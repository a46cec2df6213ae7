"""How the consensus of each rule departs from the reference quality as more evaluator nodes are
malicious, one column for each attack of robust PoQ.

**How to read it.** Above: the mean absolute error of the consensus against ten times the reference
quality, in points; lower is better. Below: Pearson's correlation of the two; higher is better. Each
line is one consensus rule; dashed lines with hollow marks are the same rule under another trust
update. Rules that do not use trust are shown under the published update.

**Intervals** are confidence intervals (Student's t) over replications: how sure the simulation is
of the prompts of the test split, not of other prompts. For these see the table ``contrasts``.

**What it cannot show.** At share 0 an error remains: what the honest evaluators are wrong by. An
attack that pushes scores the other way may reduce it. Error and correlation need not agree: a
constant shift changes the one and not the other.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import polars as pl

from poq.figures import robustness_cells as robust
from poq.figures import style

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TITLE = "How many attackers does a consensus bear?"
TABLES = ("robustness",)
METRICS = {"mae": "mean absolute error\n(points of 10)", "pearson": "Pearson's r with\nthe quality"}
WIDTH = 0.05
"""How far the marks of one share of malicious nodes spread."""


def data(tables: Mapping[str, pl.DataFrame], references: Mapping[str, str]) -> pl.DataFrame:
    """Return one row an attack of the paper, rule, share of malicious nodes and statistic.

    K is the one that most rules and attacks are played with. The references play no part:
    ``robustness`` is measured by them.

    Returns:
        ``attack``, ``consensus``, ``trust``, ``rule``, ``k``, ``malicious_ratio``, ``malicious``,
        ``nodes``, ``effective_evaluators``, ``rounds``, ``metric`` ("mae", "pearson"), ``n``
        (replications), ``value``, ``low``, ``high``, null where undefined. Sorted by these keys,
        the paper's attacks and rules first.
    """
    cells = robust.cells(tables["robustness"], *METRICS, of=robust.NETWORKS)
    attacks = robust.papers(cells["attack"].unique(maintain_order=True).to_list())
    return cells.filter(
        (pl.col("k") == robust.usual_k(cells)) & pl.col("attack").is_in(attacks)
    ).select(
        "attack", "consensus", "trust", "rule", "k", "malicious_ratio", "malicious", "nodes",
        "effective_evaluators", "rounds", "metric", "n", "value", "low", "high",
    )  # fmt: skip


def draw(data: pl.DataFrame) -> Figure:
    """Return a column an attack, error above correlation, with the frame of :func:`data`."""
    attacks = data["attack"].unique(maintain_order=True).to_list()
    note = (
        f"K = {data['k'][0]}; {robust.sample(data)}. Bars: interval over replications on "
        "the prompts of the test split.\nMarks of one share stand side by side. In brackets: the "
        "trust update of rules that use trust."
    )
    with style.theme():
        figure, axes = style.panels(
            len(METRICS), len(attacks), width=3.1, height=3.1, note=note,
            sharex=True, sharey="row",
        )  # fmt: skip
        robust.curves(axes, data, METRICS, "malicious_ratio", width=WIDTH)
        for panel in axes[-len(attacks) :]:
            panel.set_xlabel("share of malicious nodes")
        style.heading(figure, axes[0], TITLE)
    return figure
