"""What nodes earn, and how much that varies, as more evaluator nodes score each output: in the
honest network and under each attack of robust PoQ.

**How to read it.** One column is one network, one line one consensus rule. From top to bottom: mean
and standard deviation of an evaluator node's reward in a round that it scores in, then of an
inference node's reward in a round that it serves. A reward is alpha times quality less beta times
normalised cost; an evaluator's quality is its closeness to the consensus.

**Intervals** are confidence intervals (Student's t) over replications: how sure the simulation is
of the prompts of the test split, not of other prompts. For these see the table ``contrasts``.

**What it cannot show.** With a small K a node's own score makes up more of the consensus, which
brings it closer and pays it more without making it better. The cost of asking K evaluators is not
in these rewards: each is paid for itself. Evaluator rewards are those of all nodes, honest and
malicious.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import polars as pl

from poq.figures import robustness_cells as robust
from poq.figures import style

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TITLE = "What does a larger K change?"
TABLES = ("robustness",)
METRICS = {
    "evaluator_reward": "evaluator reward,\nmean",
    "evaluator_reward_sd": "evaluator reward,\nstandard deviation",
    "inference_reward": "inference reward,\nmean",
    "inference_reward_sd": "inference reward,\nstandard deviation",
}
WIDTH = 0.5
"""How far the marks of one K spread."""


def data(tables: Mapping[str, pl.DataFrame], references: Mapping[str, str]) -> pl.DataFrame:
    """Return one row an attack of the paper, rule, K and statistic, after the honest network's.

    Of the grid with most values of K; the share of malicious nodes is the middle of those above 0.
    The references play no part: nodes are paid for consensus, not for reference quality.

    Returns:
        ``attack`` ("honest network" without), ``consensus``, ``trust``, ``rule``, ``k``,
        ``malicious_ratio``, ``malicious``, ``nodes``, ``effective_evaluators``, ``rounds``,
        ``metric`` (a mean or standard deviation over ratings or rounds), ``n`` (replications),
        ``value``, ``low``, ``high``. Sorted by these keys, the paper's attacks and rules first.
    """
    cells = robust.cells(tables["robustness"], *METRICS, of=["k"])
    attacks = robust.papers(cells["attack"].unique(maintain_order=True).to_list())
    attacked = cells.filter((pl.col("malicious_ratio") > 0) & pl.col("attack").is_in(attacks))
    ratio = robust.middle(attacked["malicious_ratio"])
    honest = cells.filter(pl.col("malicious_ratio") == 0).unique(
        ["rule", "k", "metric"], keep="first", maintain_order=True
    )
    return pl.concat(
        [
            honest.with_columns(attack=pl.lit(robust.HONEST)),
            attacked.filter(pl.col("malicious_ratio") == ratio),
        ]
    ).select(
        "attack", "consensus", "trust", "rule", "k", "malicious_ratio", "malicious", "nodes",
        "effective_evaluators", "rounds", "metric", "n", "value", "low", "high",
    )  # fmt: skip


def draw(data: pl.DataFrame) -> Figure:
    """Return a column a network, a row a statistic, with the frame that :func:`data` describes."""
    attacks = data["attack"].unique(maintain_order=True).to_list()
    ks = data["k"].unique().sort().to_list()
    ratios = data.filter(pl.col("malicious_ratio") > 0)["malicious_ratio"].unique()
    shares = ", ".join(f"{100 * value:.0f} %" for value in ratios)
    note = (
        f"Attacked networks: {shares} malicious. {robust.sample(data)}. Bars: interval over "
        "replications on the prompts of the test\nsplit. Evaluator rewards are those of all "
        "nodes, malicious ones too; spread over ratings (evaluators) and rounds (inference)."
    )
    with style.theme():
        figure, axes = style.panels(
            len(METRICS), len(attacks), width=2.2, height=1.75, note=note,
            sharex=True, sharey="row",
        )  # fmt: skip
        robust.curves(axes, data, METRICS, "k", width=WIDTH)
        for panel in axes:
            panel.set_xticks(ks)
        for panel in axes[-len(attacks) :]:
            panel.set_xlabel("K, evaluators a round")
        style.heading(figure, axes[0], TITLE)
    return figure
