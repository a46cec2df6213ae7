"""Rungs of the ladder of quality signals: a row a rung, a panel a task and a set of signals."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from math import nan
from typing import TYPE_CHECKING, Any

import polars as pl

from poq.figures import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MARKS: dict[str, dict[str, Any]] = {
    "default": {"marker": "D", "color": style.DARK},
    "ablation": {"marker": "o", "color": style.FAINT, "hollow": True},
    "calibrated": {"marker": "o", "color": style.DARK},
    "single": {"marker": "s", "color": style.LIGHT},
    "consensus": {"marker": "^", "color": style.LIGHT},
}
LABELS = {
    "default": "default composite",
    "ablation": "default less one dimension",
    "calibrated": "calibrated composite",
    "single": "best single evaluator",
    "consensus": "best consensus",
}
SETS = {"all": "all signals", "live": "live signals only"}
SORT = [style.PANEL_ORDER, pl.col("signals")]


def draw(
    data: pl.DataFrame,
    *,
    title: str,
    note: str,
    roles: Iterable[str],
    size: tuple[float, float],
    axis: tuple[str, str],
    separator: str,
    prepare: Callable[[Axes], object],
    rung: Callable[[Axes, Mapping[str, Any], int], None],
) -> Figure:
    """Return one row of panels a task and pooled, a column a set of signals.

    Args:
        data: ``task``, ``signals`` ("all", "live"), ``role``, ``rung``, ``reference``, ``n``
            (outputs), ``n_prompts``, and what ``rung`` draws; sorted by :data:`SORT`, role.
        title: heading of the figure.
        note: what stands below it.
        roles: roles that the legend explains, keys of :data:`MARKS`.
        size: width of a panel and height of a row, in inches.
        axis: what x is, with the name of the reference quality after it, and what a row is.
        separator: what stands between a panel's name and its sizes.
        prepare: sets a panel up before its rungs are drawn.
        rung: draws one row of the data at a height.
    """
    tasks = data["task"].unique(maintain_order=True)
    signals = data["signals"].unique(maintain_order=True)
    names = data.filter(pl.col("signals") == signals[0])["rung"].unique(maintain_order=True)
    rank = {name: i for i, name in enumerate(names)}
    width, row_height = size
    with style.theme():
        figure, axes = style.panels(
            len(tasks), len(signals), width=width, height=1.1 + row_height * len(rank), note=note,
            sharex=True, sharey=True,
        )  # fmt: skip
        for i, panel in enumerate(axes):
            task, chosen = tasks[i // len(signals)], signals[i % len(signals)]
            rows = data.filter((pl.col("task") == task) & (pl.col("signals") == chosen))
            prepare(panel)
            for row in rows.iter_rows(named=True):
                rung(panel, row, rank[row["rung"]])
            sizes = style.count(rows["n"], "outputs"), style.count(rows["n_prompts"], "prompts")
            panel.set_title(f"{task}, {SETS[chosen]}:{separator}{', '.join(sizes)}")
            panel.set_xlabel(f"{axis[0]} {rows['reference'][0]}")
            panel.tick_params(labelbottom=True)
        for role in roles:
            style.mark(axes[0], nan, nan, **MARKS[role], label=LABELS[role])
        style.heading(figure, axes[0], title)
        style.rows_of(axes[0], names.to_list())
        for panel in axes[:: len(signals)]:
            panel.set_ylabel(axis[1])
    return figure
