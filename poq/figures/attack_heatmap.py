"""How far the consensus of each rule is from the reference quality under each attack, at one share
of malicious evaluator nodes and one K.

**How to read it.** One row is one consensus rule, one column one attack; the first column is the
honest network. The upper number is the mean absolute error of the consensus against ten times the
reference quality, in points on the scale of 0 to 10; the lower one, and the shade, how much more
that is than the same rule's error in the honest network. White is no more. A rule that uses trust
has one row for each trust update; the others are shown under the published one.

**Intervals.** The widest confidence interval of all errors stands below. It is Student's t over
replications: how sure the simulation is of the prompts of the test split, not of other prompts. For
these see the table ``contrasts`` and the findings.

**What it cannot show.** The error holds what the honest evaluators are wrong by, and an attack may
happen to correct it: then the lower number is negative. Nodes that run the same evaluator err
alike; the effective number of independent ones says how far. How strong an attack is, is
configuration. Malicious nodes do not adapt, unless the attack says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import polars as pl

from poq.figures import robustness_cells as robust
from poq.figures import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TITLE = "Which rule withstands which attack?"
TABLES = ("robustness",)


def data(tables: Mapping[str, pl.DataFrame], references: Mapping[str, str]) -> pl.DataFrame:
    """Return one row a rule and attack, after one a rule for the honest network.

    K is the one that most rules and attacks are played with, the share of malicious nodes the
    middle of those above 0. The references play no part: ``robustness`` is measured by them.

    Returns:
        ``rule``, ``attack`` ("honest network" without), ``k``, ``malicious_ratio``,
        ``malicious``, ``nodes``, ``effective_evaluators``, ``rounds``, ``n`` (replications),
        ``mae``, ``low``, ``high`` (points) and ``increase`` over the honest network, null for it
        and where it is not played. Sorted by attack and rule, the paper's first.
    """
    cells = robust.cells(tables["robustness"], "mae", of=robust.NETWORKS)
    cells = cells.filter(pl.col("k") == robust.usual_k(cells))
    attacked = cells.filter(pl.col("malicious_ratio") > 0)
    ratio = robust.middle(attacked["malicious_ratio"])
    honest = cells.filter(pl.col("malicious_ratio") == 0).unique(
        "rule", keep="first", maintain_order=True
    )
    shown = pl.concat(
        [
            honest.with_columns(attack=pl.lit(robust.HONEST)),
            attacked.filter(pl.col("malicious_ratio") == ratio),
        ]
    )
    return shown.join(
        honest.select("rule", honest="value"), on="rule", how="left", maintain_order="left"
    ).select(
        "rule", "attack", "k", "malicious_ratio", "malicious", "nodes", "effective_evaluators",
        "rounds", "n", "low", "high", mae="value",
        increase=pl.when(pl.col("malicious_ratio") > 0).then(pl.col("value") - pl.col("honest")),
    )  # fmt: skip


def draw(data: pl.DataFrame) -> Figure:
    """Return rules by attacks, with the frame that :func:`data` describes."""
    rules, attacks = (data[name].unique(maintain_order=True).to_list() for name in TURNS)
    most = max((value for value in data["increase"] if value is not None), default=0.0)
    half = max(
        (
            (high - low) / 2
            for low, high in data.select("low", "high").drop_nulls().iter_rows()
        ),
        default=None,
    )  # fmt: skip
    precision = "no interval" if half is None else f"intervals of at most +/-{half:.2f}"
    attacked = data.filter(pl.col("attack") != robust.HONEST)
    ratios = ", ".join(f"{100 * value:.0f} %" for value in attacked["malicious_ratio"].unique())
    note = (
        f"Above: mean absolute error of the consensus, in points of 10; below and by shade: more "
        f"than in the honest network\n(white: no more). {ratios} malicious, K = {data['k'][0]}; "
        f"{robust.sample(data)};\n{precision}, over replications on the prompts of the test split."
    )
    with style.theme():
        figure, (panel,) = style.panels(
            1, 1, width=2.6 + 0.72 * len(attacks), height=2.2 + 0.42 * len(rules), note=note
        )
        for row in data.iter_rows(named=True):
            _cell(panel, row, attacks.index(row["attack"]), rules.index(row["rule"]), most)
        names = [name.replace("_", "\n") for name in attacks]
        panel.set_xticks(range(len(attacks)), [name.replace(" ", "\n") for name in names])
        panel.xaxis.tick_top()
        style.rows_of(panel, rules)
        panel.set(xlim=(-0.55, len(attacks) - 0.45), ylabel="consensus rule (trust update)")
        panel.grid(visible=False)
        style.heading(figure, panel, TITLE)
    return figure


TURNS = ("rule", "attack")


def _cell(panel: Axes, row: dict[str, Any], x: int, y: int, most: float) -> None:
    """Draw one rule under one attack: the error above its increase."""
    from matplotlib.colors import LinearSegmentedColormap
    from matplotlib.patches import Rectangle

    increase = row["increase"]
    share = max(increase or 0.0, 0.0) / most if most > 0 else 0.0
    shade = LinearSegmentedColormap.from_list("poq-increase", ["white", style.DARK])(share)
    ink = "white" if share > 0.7 else style.INK
    panel.add_patch(
        Rectangle(
            (x - 0.48, y - 0.48), 0.96, 0.96, facecolor=shade, edgecolor=style.FAINT,
            linewidth=0.5, zorder=1,
        )
    )  # fmt: skip
    value = "none" if row["mae"] is None else f"{row['mae']:.2f}"
    shift = 0 if increase is None else 0.17
    texts: dict[str, Any] = {"color": ink, "ha": "center", "va": "center", "zorder": 4}
    panel.text(x, y - shift, value, fontsize=8, **texts)
    if increase is not None:
        panel.text(x, y + shift + 0.03, f"{increase:+.2f}", fontsize=7, **texts)
