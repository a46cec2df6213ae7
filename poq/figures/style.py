"""The one place for the style of figures: theme, marks that survive a grey print, files.

Series differ in lightness and in marker, never in hue alone. Functions that draw are called
inside :func:`theme`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from poq.files import complete
from poq.schema import TASKS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap
    from matplotlib.figure import Figure

PANEL_ORDER = pl.col("task").cast(pl.Enum([*TASKS, "pooled"]))
"""Sort key of panels: the tasks, then all of them pooled."""

DARK, LIGHT, INK, FAINT = "#0b3c6f", "#e08e0b", "#262626", "#8c8c8c"
"""Two series colours that colour-blind readers and grey prints tell apart; text; leaders."""

MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">", "*")
"""Markers of nodes, in order, again from the start if there are more nodes."""

SURE = 0.95
"""Share of resamples from which on what is drawn at the means counts as sure: a filled mark."""

LABEL_GAP = 0.075
"""Least distance of labels beside a panel, as a share of its height."""

THEME: dict[Any, Any] = (
    {
        "font.family": "DejaVu Sans",  # comes with matplotlib, so metrics never differ
        "font.size": 9.6,
        "text.color": ".15",
        "svg.fonttype": "path",
        "svg.hashsalt": "poq",
        "axes.axisbelow": True,
        "axes.edgecolor": ".6",
        "axes.grid": True,
        "axes.labelcolor": ".15",
        "axes.labelsize": 9.6,
        "axes.linewidth": 1.0,
        "axes.titlelocation": "left",
        "axes.titlesize": 9.6,
        "grid.color": ".88",
        "legend.fontsize": 8.8,
        "legend.title_fontsize": 9.6,
        "lines.linewidth": 1.2,
        "lines.markersize": 4.8,
        "lines.solid_capstyle": "round",
        "patch.edgecolor": "w",
        "patch.linewidth": 0.8,
    }
    | {
        f"{axis}.{key}": value
        for axis in ("xtick", "ytick")
        for key, value in {
            "color": ".15",
            "labelsize": 8.8,
            "major.size": 4.8,
            "major.width": 1.0,
            "minor.size": 3.2,
            "minor.width": 0.8,
        }.items()
    }
    | {"xtick.bottom": False, "ytick.left": False}
)
"""A white grid, and sizes for print."""


@contextmanager
def theme() -> Iterator[None]:
    """Apply the theme inside a ``with`` block, whatever the user's own matplotlib settings."""
    import matplotlib as mpl

    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(THEME)
        yield


def shades(n: int) -> list[tuple[float, float, float]]:
    """Return n colours, dark to light in even steps, so that they differ in grey too."""
    from matplotlib import colormaps

    colors = (colormaps["viridis"](i / (n + 2)) for i in range(1, n + 1))
    return [(float(red), float(green), float(blue)) for red, green, blue, _ in colors]


def ramp() -> Colormap:
    """Return the colours of :func:`shades` as a continuous scale, dark for the least value."""
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list("poq", shades(8))


def panels(
    rows: int, columns: int, *, width: float, height: float, note: str, **share: Any
) -> tuple[Figure, list[Axes]]:
    """Return a figure of rows x columns panels, row by row.

    Args:
        rows: rows of panels, at least 1.
        columns: columns of panels, at least 1.
        width: width of one panel, in inches.
        height: height of one panel, in inches.
        note: small print below it: what marks and bars are.
        share: ``sharex`` and ``sharey`` of ``Figure.subplots``.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(columns * width, rows * height), layout="constrained")
    FigureCanvasAgg(figure)
    figure.supxlabel(note, x=0.01, ha="left", fontsize=8, color=INK)
    return figure, list(figure.subplots(rows, columns, squeeze=False, **share).flat)


def nothing(title: str) -> Figure:
    """Return the figure of a run that has nothing to draw: its title, and one line that says so."""
    with theme():
        figure, (axes,) = panels(1, 1, width=9, height=1.2, note="")
        axes.set_axis_off()
        axes.set_title(title, fontsize=12, fontweight="bold")
        text = "Nothing to draw: this run's data do not tell what the figure needs."
        axes.text(0, 0.5, text, color=INK, transform=axes.transAxes)
    return figure


def interval(
    axes: Axes,
    low: float | None,
    high: float | None,
    at: float,
    *,
    color: Any,
    upright: bool = False,
) -> None:
    """Draw an interval from low to high at a place of the other axis; nothing if an end is null.

    It need not contain the estimate, which the interval of a bootstrap may miss; that is why it
    is not drawn as lengths from the estimate.
    """
    if low is None or high is None:
        return
    ends, places = (low, high), (at, at)
    x, y = (places, ends) if upright else (ends, places)
    tick = "_" if upright else "|"
    axes.plot(x, y, color=color, marker=tick, markersize=5, linewidth=1.2, label="_interval")


def mark(
    axes: Axes,
    x: float,
    y: float,
    *,
    marker: str,
    color: Any,
    hollow: bool = False,
    label: str = "_mark",
) -> None:
    """Draw one estimate, over its interval, as a filled or hollow marker.

    With a NaN place and a label, only the legend shows it.
    """
    face = "white" if hollow else color
    edge = color if hollow else INK
    axes.plot(
        [x], [y], linestyle="none", marker=marker, markersize=6.5, markerfacecolor=face,
        markeredgecolor=edge, markeredgewidth=1.3 if hollow else 0.6, zorder=3, label=label,
    )  # fmt: skip


def heading(figure: Figure, axes: Axes, title: str) -> None:
    """Put a title above all panels and, under it, the legend of one panel's labelled marks."""
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(
        handles, labels, title=title, title_fontproperties={"size": 12, "weight": "bold"},
        alignment="left", loc="outside upper left", ncols=2, frameon=False, borderpad=0.2,
    )  # fmt: skip


def rows_of(axes: Axes, labels: Sequence[str]) -> None:
    """Turn the vertical axis into rows 0, 1, ... from the top, one a label."""
    axes.set_yticks(range(len(labels)), labels)
    axes.set_ylim(len(labels) - 0.45, -0.55)


def count(values: pl.Series, noun: str) -> str:
    """Return a number of things in words, e.g. "48 prompts", or "12 to 48 prompts" if it varies."""
    numbers = values.to_list()
    low, high = min(numbers), max(numbers)
    return f"{low} {noun}" if low == high else f"{low} to {high} {noun}"


def label_points(axes: Axes, points: Sequence[tuple[float, float, str]]) -> None:
    """Write names to the right of a panel, as high as their points, led there by thin lines.

    Names keep :data:`LABEL_GAP` between them, so they never overlap; with more names than fit,
    they run past the top of the panel. The limits of the axes must stand.

    Args:
        axes: the panel, with a linear vertical axis.
        points: place on both axes, and name, of each point.
    """
    ordered = sorted(points, key=lambda point: (-point[1], point[2]))
    bottom, top = axes.get_ylim()
    heights = [(y - bottom) / (top - bottom) for _, y, _ in ordered]
    for i in range(1, len(heights)):
        heights[i] = min(heights[i], heights[i - 1] - LABEL_GAP)
    for i in reversed(range(len(heights))):
        below = heights[i + 1] + LABEL_GAP if i + 1 < len(heights) else 0
        heights[i] = max(heights[i], below)
    for (x, y, name), height in zip(ordered, heights, strict=True):
        axes.annotate(
            name, (x, y), xytext=(1.02, height), textcoords="axes fraction", color=INK, zorder=1,
            fontsize=8, va="center",
            arrowprops={"arrowstyle": "-", "color": FAINT, "linewidth": 0.6, "relpos": (0, 0.5)},
        )  # fmt: skip


def save(figure: Figure, svg: str | Path, png: str | Path) -> None:
    """Write a figure as SVG and as PNG (160 dpi); equal figures give equal bytes.

    The files appear under their names only when complete; their folders must exist.
    """
    with theme():
        # A layout that is computed again drifts: fix it, for both files and for the next call.
        figure.draw_without_rendering()
        figure.set_layout_engine("none")
        with complete(svg) as path:
            _export(figure, path, "svg", {"Date": None})
        with complete(png) as path:
            _export(figure, path, "png", {"Software": None})


def _export(figure: Figure, path: Path, form: str, metadata: dict[str, None]) -> None:
    figure.savefig(path, format=form, dpi=160, bbox_inches="tight", metadata=metadata)
