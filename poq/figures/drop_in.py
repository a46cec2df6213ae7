"""A composite of quality dimensions as the quality signal of PoQ, under each attack of robust PoQ:
what the composite adds, what a robust network adds, and what both add.

**How to read it.** One column for each attack, the honest network first. Above: the mean absolute
error of the consensus against ten times the reference quality, in points; lower is better. Below:
Pearson's correlation of the two; higher is better. Rows are defences: the plain mean, a robust
rule, trust-weighting under an adaptive trust update, and a robust rule that weighs by that trust.
Marks are what the evaluator nodes score by: the evaluators as they are, the composite alone, or the
composite as one more evaluator. Compare marks within a row for what the composite adds, rows of one
mark for what a defence adds, and the first row's evaluators with the last row's others for both.

**Intervals** are confidence intervals that resample prompts; each resample is played anew. Marks
share the rounds, so that two intervals may overlap where the difference is sure: the table
``drop_in`` has the differences.

**What it cannot show.** The composite was fitted on the calibration split's reference quality,
which the evaluators were not: a network needs such references from time to time. Nodes that all run
the same composite agree with one another, so that any robust rule finds the malicious ones easily;
whether the composite itself is right, their agreement does not tell. An output whose composite is
undefined, since none of its dimensions is left, is played as 5; the note counts such outputs.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import polars as pl

from poq.figures import robustness_cells as robust
from poq.figures import style

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TITLE = "What do a composite and a robust network each add?"
TABLES = ("drop_in",)
HONEST = "honest"
SIGNALS = ("evaluators", "composite", "evaluators+composite")
DEFENCES = ("none", "rule", "trust", "both")
METRICS = {"mae": "mean absolute error (points of 10)", "pearson": "Pearson's r with the quality"}
WIDTH = 0.5
"""How far the marks of one defence spread."""


def data(tables: Mapping[str, pl.DataFrame], references: Mapping[str, str]) -> pl.DataFrame:
    """Return one row an attack, defence, signal and statistic of table ``drop_in``.

    The references play no part: ``drop_in`` is measured by them.

    Returns:
        ``attack``, ``defence``, ``consensus``, ``trust``, ``signal``, ``k``, ``malicious_ratio``,
        ``nodes``, ``effective_evaluators``, ``rounds``, ``n_prompts``, ``undefined`` (outputs
        without a composite), ``metric`` ("mae", "pearson"), ``value``, ``low``, ``high``, null
        where undefined. Sorted by attack (the honest network first, then those of robust PoQ),
        defence, signal, metric.
    """
    keys = (
        "attack", "defence", "consensus", "trust", "signal", "k", "malicious_ratio", "nodes",
        "effective_evaluators", "rounds", "n_prompts", "undefined",
    )  # fmt: skip
    ends = {"value": "{}", "low": "{}_low", "high": "{}_high"}
    return pl.concat(
        tables["drop_in"].select(
            *keys,
            metric=pl.lit(metric),
            **{name: pl.col(column.format(metric)) for name, column in ends.items()},
        )
        for metric in METRICS
    ).sort(
        *robust.order("attack", (HONEST, *robust.ATTACKS)), *robust.order("defence", DEFENCES),
        *robust.order("signal", SIGNALS), *robust.order("metric", tuple(METRICS)),
    )  # fmt: skip


def draw(data: pl.DataFrame) -> Figure:
    """Return a column an attack, error above correlation, with the frame of :func:`data`."""
    attacks = data["attack"].unique(maintain_order=True).to_list()
    defences = data.select("defence", "consensus", "trust").unique("defence", maintain_order=True)
    signals = data["signal"].unique(maintain_order=True).to_list()
    labels = [_label(*row) for row in defences.select("defence", "consensus", "trust").iter_rows()]
    colors = dict(zip(signals, style.shades(len(signals)), strict=True))
    note = (
        f"K = {data['k'][0]}, {100 * data['malicious_ratio'][0]:.0f} % of "
        f"{style.count(data['nodes'], 'nodes')} malicious but in the honest network; "
        f"{style.count(data['rounds'], 'rounds')}, {style.count(data['n_prompts'], 'prompts')} of "
        "the test split. Bars: confidence interval over prompts."
    )
    undefined = data.select(pl.col("undefined").max()).item()
    if undefined:
        note += f"\nUndefined composites, each played as 5, the middle: {undefined} outputs."
    with style.theme():
        figure, axes = style.panels(
            len(METRICS), len(attacks), width=2.6, height=2.9, note=note, sharex="row", sharey=True
        )
        for i, (metric, label) in enumerate(METRICS.items()):
            for j, attack in enumerate(attacks):
                panel = axes[i * len(attacks) + j]
                rows = data.filter(attack=attack, metric=metric).drop_nulls("value")
                shifts = dict(zip(signals, robust.shifts(len(signals), WIDTH), strict=True))
                for defence, signal, value, low, high in rows.select(
                    "defence", "signal", "value", "low", "high"
                ).iter_rows():
                    at = defences["defence"].to_list().index(defence) + shifts[signal]
                    style.interval(panel, low, high, at, color=colors[signal])
                    marker = style.MARKERS[signals.index(signal)]
                    style.mark(panel, value, at, marker=marker, color=colors[signal])
                style.rows_of(panel, labels)
                panel.set_xlabel(label)
                if i == 0:
                    panel.set_title("honest network" if attack == HONEST else attack)
        for signal in signals:
            style.mark(
                axes[0], float("nan"), float("nan"), marker=style.MARKERS[signals.index(signal)],
                color=colors[signal], label=signal,
            )  # fmt: skip
        style.heading(figure, axes[0], TITLE)
    return figure


def _label(defence: str, consensus: str, trust: str) -> str:
    """Return a defence in words: its rule, and the trust update if it uses trust."""
    rule = consensus.replace("_", " ")
    return f"{rule}\n({trust.replace('_', ' ')})" if defence in ("trust", "both") else rule
