"""How far each evaluator's scores agree with the reference quality of the outputs, for each task
and for all tasks pooled.

**How to read it.** One row is one evaluator; below its name stands what it compares the output
with. Further right is better: at 1 the evaluator orders outputs as the reference quality does, at
0 (the vertical line) it knows nothing of it, below 0 it prefers the worse outputs. Pearson's r
measures a linear relation, Spearman's rho a monotone one. Squares are evaluators that see the
reference answer or summary, which exists offline only; a live network can run those with a
circle. *Undefined* means that all scores or all qualities are equal, so there is no correlation.
A share that is *cut*, at the left of a row, is that of outputs which the evaluator's model could
not read whole, or whose target it could not: its scores rest on the beginning of these texts.

**Intervals** are confidence intervals on the test split. They resample prompts, because outputs of
one prompt are not independent.

**What it cannot show.** The reference quality is itself a proxy that counts shared words: an
evaluator that sees meaning which the proxy misses looks worse than it is, and one that counts the
same words looks better. Pooled, the coefficient also contains the difference between tasks.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product
from math import nan
from typing import TYPE_CHECKING

import polars as pl

from poq.figures import style
from poq.pooled import pooled_reference

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TITLE = "Do evaluators agree with the reference quality?"
TABLES = ("reliability",)
COLORS = {"pearson": style.DARK, "spearman": style.LIGHT}
MARKERS = {"reference-free": "o", "reference-based": "s"}


def data(tables: Mapping[str, pl.DataFrame], references: Mapping[str, str]) -> pl.DataFrame:
    """Return one row an evaluator, panel and coefficient.

    Pooled, each output is set against its own task's reference (``a+b`` if tasks differ).

    Returns:
        ``task`` (or "pooled"), ``reference``, ``compares_with``, ``evaluator``, ``n`` (outputs),
        ``n_prompts``, ``cut_share`` (in [0, 1]; null for an evaluator without a tokenizer),
        ``coefficient`` ("pearson", "spearman"), and ``value``, ``low``, ``high`` in [-1, 1], null
        where undefined. Sorted by panel, ``compares_with``, evaluator.
    """
    panels = {**references, "pooled": pooled_reference(references)}
    chosen = pl.DataFrame({"task": list(panels), "reference": list(panels.values())})
    keys = ["task", "reference", "compares_with", "evaluator"]
    rows = tables["reliability"].join(chosen, on=["task", "reference"])
    long = [
        rows.select(
            *keys, "n", "n_prompts", "cut_share", coefficient=pl.lit(name),
            value=name, low=f"{name}_low", high=f"{name}_high",
        )
        for name in COLORS
    ]  # fmt: skip
    return pl.concat(long).sort(style.PANEL_ORDER, *keys[2:], "coefficient")


def draw(data: pl.DataFrame) -> Figure:
    """Return one panel a task and one pooled, with the frame that :func:`data` describes."""
    evaluators = data.select("compares_with", "evaluator").unique().sort(pl.all())
    rank = {name: i for i, name in enumerate(evaluators["evaluator"])}
    tasks = data["task"].unique(maintain_order=True)
    note = (
        "Bars: confidence interval, resampling prompts of the test split. Below each name: what "
        "the evaluator compares\nthe output with; a reference exists offline only. Undefined: "
        "the scores or the qualities are constant.\nCut: outputs that the evaluator reads in part, "
        "or whose target it reads in part."
    )
    with style.theme():
        figure, axes = style.panels(
            1, len(tasks), width=3.4, height=1.9 + 0.5 * len(rank), note=note, sharey=True
        )
        for panel, task in zip(axes, tasks, strict=True):
            rows = data.filter(pl.col("task") == task)
            panel.axvline(0, color=style.INK, linewidth=1)
            for row in rows.iter_rows(named=True):
                pearson = row["coefficient"] == "pearson"
                color = COLORS[row["coefficient"]]
                y = rank[row["evaluator"]] + (-0.16 if pearson else 0.16)
                if row["value"] is None:
                    panel.text(0.05, y, "undefined", color=style.INK, fontsize=8, va="center")
                    continue
                marker = MARKERS[basis(row["compares_with"])]
                style.interval(panel, row["low"], row["high"], y, color=color)
                style.mark(panel, row["value"], y, marker=marker, color=color, hollow=not pearson)
            for name, share in rows.select("evaluator", "cut_share").unique().sort(pl.all()).rows():
                if share:
                    text = f"{share:.0%} cut" if share >= 0.005 else "under 1% cut"
                    panel.text(-0.97, rank[name], text, color=style.INK, fontsize=8, va="center")
            outputs = style.count(rows["n"], "outputs")
            prompts = style.count(rows["n_prompts"], "prompts")
            panel.set(xlim=(-1, 1), xlabel=f"correlation with {rows['reference'][0]}\n(-1 to 1)")
            panel.set_title(f"{task}\n{outputs}, {prompts}")
        for group, coefficient in product(MARKERS, COLORS):
            style.mark(
                axes[0], nan, nan, marker=MARKERS[group], color=COLORS[coefficient],
                hollow=coefficient == "spearman", label=f"{coefficient.title()}, {group}",
            )  # fmt: skip
        style.heading(figure, axes[0], TITLE)
        style.rows_of(axes[0], [f"{name}\n({what})" for what, name in evaluators.iter_rows()])
        axes[0].set_ylabel("evaluator")
    return figure


def basis(compares_with: str) -> str:
    """Return which of :data:`MARKERS` an evaluator has: does it see the reference?"""
    return "reference-based" if compares_with == "reference" else "reference-free"
