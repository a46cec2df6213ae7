"""How far evaluators of each architecture agree with the reference quality of the outputs and,
where the run has a judge, with the judge, for each task and for all tasks pooled.

**How to read it.** One row is one evaluator; rows of one architecture lie together, parted by
bands. Left: Pearson's r of its scores with the reference quality; right: with the score that the
judge, a large language model with a rubric, gave the same outputs. Further right is better. The
judge is one of the evaluators on the left and has no row on the right. Squares see the reference,
which exists offline only; compare architectures among marks of one shape. Without a judge there is
only the left column. *Undefined* means that all scores, or all that they are compared with, are
equal.

**Intervals** are confidence intervals on the test split. They resample prompts, because outputs of
one prompt are not independent. Outputs that an evaluator or the judge gave no score are left out;
the counts above each panel say how many remain.

**What it cannot show.** One or two evaluators do not make an architecture: what they were trained
for and what they compare the output with matter as much. The judge is no truth either: a weak
judge agrees with nobody. Pooled, the coefficient also contains the difference between tasks.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import nan
from typing import TYPE_CHECKING

import polars as pl

from poq.figures import style
from poq.figures.evaluator_reliability import MARKERS, basis
from poq.pooled import pooled_reference
from poq.schema import JUDGE

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TITLE = "Which architecture of evaluators can be relied on?"
TABLES = ("reliability",)


def data(tables: Mapping[str, pl.DataFrame], references: Mapping[str, str]) -> pl.DataFrame:
    """Return one row an evaluator, panel and reference: the chosen one, and the judge if any.

    Pooled, each output is set against its own task's reference (``a+b`` if tasks differ).

    Returns:
        ``task`` (or "pooled"), ``against`` ("quality" or "judge"), ``reference``,
        ``architecture``, ``evaluator``, ``compares_with``, ``n`` (outputs), ``n_prompts``, and
        Pearson's r ``pearson``, ``low``, ``high`` in [-1, 1], null where undefined. Sorted by
        panel, quality before judge, architecture, evaluator.
    """
    panels = {**references, "pooled": pooled_reference(references)}
    chosen = pl.DataFrame(
        [
            {"task": task, "reference": name, "against": against}
            for task, quality in panels.items()
            for name, against in ((quality, "quality"), (JUDGE, "judge"))
        ]
    )
    rows = tables["reliability"].join(chosen, on=["task", "reference"])
    return rows.select(
        "task", "against", "reference", "architecture", "evaluator", "compares_with", "n",
        "n_prompts", "pearson", low="pearson_low", high="pearson_high",
    ).sort(
        style.PANEL_ORDER, pl.col("against").cast(pl.Enum(["quality", "judge"])), "architecture",
        "evaluator",
    )  # fmt: skip


def draw(data: pl.DataFrame) -> Figure:
    """Return one row of panels a task and one pooled, a column a reference; see :func:`data`.

    Without a judge there is the one column; the judge has no mark against itself.
    """
    tasks = data["task"].unique(maintain_order=True)
    against = data["against"].unique(maintain_order=True)
    evaluators = data.select("architecture", "evaluator", "compares_with").unique().sort(pl.all())
    architectures = evaluators["architecture"].unique(maintain_order=True).to_list()
    rank = {name: i for i, name in enumerate(evaluators["evaluator"])}
    colors = dict(zip(architectures, style.shades(len(architectures)), strict=True))
    note = (
        "Bars: confidence interval, resampling prompts of the test split. Bands part "
        "architectures. Squares see the reference, which exists\noffline only. Undefined: the "
        "scores or what they are compared with are constant."
    )
    with style.theme():
        figure, axes = style.panels(
            len(tasks), len(against), width=3.4 + 4 / len(against),
            height=1.0 + 0.27 * len(rank), note=note, sharex=True, sharey=True,
        )  # fmt: skip
        for i, panel in enumerate(axes):
            task, what = tasks[i // len(against)], against[i % len(against)]
            rows = data.filter((pl.col("task") == task) & (pl.col("against") == what))
            _bands(panel, evaluators["architecture"].to_list())
            panel.axvline(0, color=style.INK, linewidth=1)
            for row in rows.iter_rows(named=True):
                y, color = rank[row["evaluator"]], colors[row["architecture"]]
                if row["pearson"] is None:
                    panel.text(0.05, y, "undefined", color=style.INK, fontsize=8, va="center")
                    continue
                style.interval(panel, row["low"], row["high"], y, color=color)
                marker = MARKERS[basis(row["compares_with"])]
                style.mark(panel, row["pearson"], y, marker=marker, color=color)
            outputs, prompts = rows["n"], rows["n_prompts"]
            panel.set_title(
                f"{task}: {style.count(outputs, 'outputs')}, {style.count(prompts, 'prompts')}"
            )
            named = "the judge's score" if what == "judge" else rows["reference"][0]
            panel.set(xlim=(-1, 1), xticks=(-1, -0.5, 0, 0.5, 1))
            panel.set(xlabel=f"Pearson's r with {named} (-1 to 1)")
            panel.tick_params(labelbottom=True)
        for name, marker in MARKERS.items():
            style.mark(axes[0], nan, nan, marker=marker, color=style.FAINT, label=name)
        style.heading(figure, axes[0], TITLE)
        built = evaluators["architecture"].str.replace_all("_", "-")
        names = zip(built, evaluators["evaluator"], strict=True)
        style.rows_of(axes[0], [f"{what}: {name}" for what, name in names])
        for panel in axes[:: len(against)]:
            panel.set_ylabel("architecture: evaluator")
    return figure


def _bands(panel: Axes, architectures: list[str]) -> None:
    """Shade every other architecture's rows."""
    for i, name in enumerate(dict.fromkeys(architectures)):
        if i % 2 == 0:
            first = architectures.index(name)
            last = first + architectures.count(name) - 1
            panel.axhspan(first - 0.5, last + 0.5, color="0.95", zorder=0)
