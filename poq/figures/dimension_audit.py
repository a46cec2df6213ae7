"""How far each quality dimension, and each signal that a dimension is made of, goes with the
reference quality of the outputs, for each task and for all tasks pooled.

**How to read it.** One row is one dimension; the rows that begin with a dot are signals of the
dimension above them. A *live* dimension needs nothing that a live network lacks; a *reference
based* one sees the output's own reference. The upper number is Pearson's r on the test split: at 1
the dimension says what the reference quality says, at 0 nothing of it, below 0 the opposite. Below
stands the verdict. *Reliable*: r is at least the configured minimum and its interval lies above 0.
*Harmful*: the interval lies below 0, so that paying for the dimension pays for worse outputs.
*Useless*: all else. The first verdict is that of the calibration split, by which dimensions are
chosen; a second one is that of the test split, where it differs.

**Intervals** are confidence intervals. They resample prompts, because outputs of one prompt are not
independent.

**What it cannot show.** The reference quality is itself a proxy. Two dimensions may say the same:
see the table ``dimension_redundancy``. A dimension of no use alone may be of use beside others. A
model prior is the same for all of a node's outputs of a task, certainty for all outputs of a
prompt, so these order nodes, or prompts, and nothing else. Pooled, r also contains the difference
between tasks.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import polars as pl

from poq.figures import style
from poq.pooled import pooled_reference

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TITLE = "Which quality dimensions go with reference quality?"
TABLES = ("dimension_audit",)


def data(tables: Mapping[str, pl.DataFrame], references: Mapping[str, str]) -> pl.DataFrame:
    """Return one row a dimension or signal and task, as found on the test split.

    Pooled, each output is set against its own task's reference (``a+b`` if tasks differ).

    Returns:
        ``dimension``, ``part_of`` (null for a dimension), ``reference_based``, ``task`` (or
        "pooled"), ``reference``, ``n`` (outputs), ``n_prompts``, ``pearson``, ``low``, ``high`` in
        [-1, 1], null where undefined, and the ``verdict`` of the calibration split, by which a
        dimension is chosen, and of the ``test`` split. Live dimensions first, each followed by
        its signals.
    """
    panels = {**references, "pooled": pooled_reference(references)}
    chosen = pl.DataFrame({"task": list(panels), "reference": list(panels.values())})
    keys = ["dimension", "task", "reference"]
    rows = tables["dimension_audit"].join(chosen, on=["task", "reference"])
    before = rows.filter(pl.col("split") == "calibration").select(*keys, calibration="verdict")
    return (
        rows.filter(pl.col("split") == "test")
        .join(before, on=keys, how="left", validate="1:1")
        .sort("reference_based", "dimension", style.PANEL_ORDER)
        .select(
            "dimension", "part_of", "reference_based", "task", "reference", "n", "n_prompts",
            "pearson", low="pearson_low", high="pearson_high", verdict="calibration",
            test="verdict",
        )
    )  # fmt: skip


def draw(data: pl.DataFrame) -> Figure:
    """Return dimensions by tasks, with the frame that :func:`data` describes."""
    rows = data.select("dimension", "part_of", "reference_based").unique(maintain_order=True)
    names = rows["dimension"].to_list()
    tasks = data.sort(style.PANEL_ORDER)["task"].unique(maintain_order=True).to_list()
    note = (
        "Each cell: Pearson's r on the test split; its confidence interval, resampling prompts; "
        "the verdict\nof the calibration split, by which dimensions are chosen, then that of the "
        "test split if it differs.\nBlue: above 0. Orange: below. Dashed frame: harmful on the "
        "calibration split. Undefined: constant, or of no output."
    )
    with style.theme():
        figure, (panel,) = style.panels(
            1, 1, width=3.6 + 1.3 * len(tasks), height=2.1 + 0.52 * len(names), note=note
        )
        for row in data.iter_rows(named=True):
            _cell(panel, row, tasks.index(row["task"]), names.index(row["dimension"]))
        sizes = [data.filter(pl.col("task") == task) for task in tasks]
        labels = [
            f"{task}: {cells['reference'][0]}\n{style.count(cells['n'], 'outputs')},\n"
            f"{style.count(cells['n_prompts'], 'prompts')}"
            for task, cells in zip(tasks, sizes, strict=True)
        ]
        panel.set_xticks(range(len(tasks)), labels)
        panel.xaxis.tick_top()
        style.rows_of(panel, [_label(*row) for row in rows.iter_rows()])
        panel.set(xlim=(-0.55, len(tasks) - 0.45), ylabel="quality dimension, and its signals")
        panel.grid(visible=False)
        style.heading(figure, panel, TITLE)
    return figure


def _label(dimension: str, part_of: str | None, reference_based: bool) -> str:
    """Return the name of a row, and what a dimension needs."""
    if part_of is not None:
        return dimension.removeprefix(part_of)
    return f"{dimension}\n({'reference based' if reference_based else 'live'})"


def _cell(panel: Axes, row: dict[str, Any], x: int, y: int) -> None:
    """Draw one dimension of one task: r, its interval, the verdict."""
    from matplotlib.colors import LinearSegmentedColormap
    from matplotlib.patches import Rectangle

    r = row["pearson"]
    end = style.DARK if (r or 0) > 0 else style.LIGHT
    shade = LinearSegmentedColormap.from_list("poq-r", ["white", end])(abs(r or 0))
    frame: dict[str, Any] = {"edgecolor": style.FAINT, "linewidth": 0.5}
    if row["verdict"] == "harmful":
        frame = {"edgecolor": style.INK, "linewidth": 1.6, "linestyle": "--"}
    panel.add_patch(Rectangle((x - 0.48, y - 0.47), 0.96, 0.94, facecolor=shade, zorder=1, **frame))
    value = "undefined" if r is None else f"{r:+.2f}"
    ends = "" if row["low"] is None else f"{row['low']:+.2f} to {row['high']:+.2f}"
    verdicts = dict.fromkeys(v for v in (row["verdict"], row["test"]) if v is not None)
    ink = "white" if (r or 0) > 0.5 else style.INK
    texts: dict[str, Any] = {"color": ink, "ha": "center", "va": "center", "zorder": 4}
    panel.text(x, y - 0.26, value, fontsize=8, **texts)
    panel.text(x, y + 0.03, ends, fontsize=6.5, **texts)
    panel.text(x, y + 0.3, ", ".join(verdicts), fontsize=7, **texts)
