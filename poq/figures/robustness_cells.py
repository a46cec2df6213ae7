"""What figures of networks under attack share: which cells they show, and how rules look."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import cycle, zip_longest
from typing import TYPE_CHECKING, Any, NamedTuple

import polars as pl

from poq.figures import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

HONEST = "honest network"
ATTACKS = ("noise", "boosting", "sabotage", "intermittent")
RULES = ("mean", "median", "trimmed_mean", "trust_weighted_mean")
UPDATES = ("published",)
"""What robust PoQ compares, which comes first in figures; the rest follows by name."""
NETWORKS = ("consensus", "trust", "attack")
"""What makes up the width of a grid, besides K and shares of malicious nodes."""
LINES = ("-", "--", ":", "-.")
SAME = 1e-9
"""Values that agree so far are equal: rules that ignore trust differ in rounding at most."""


class Look(NamedTuple):
    """How a rule is drawn: colour and marker tell rules apart, line and filling trust updates."""

    color: Any
    marker: str
    line: str
    hollow: bool


def cells(robustness: pl.DataFrame, *metrics: str, of: Sequence[str]) -> pl.DataFrame:
    """Return the cells of one grid on the test split, in the order of figures.

    Grids may differ in more than their cells, so that a figure shows one of them.

    Args:
        robustness: table ``robustness`` of all grids.
        metrics: statistics to keep.
        of: columns; the grid with most combinations of their values is chosen, of equal ones
            that with most networks, then the first by name.

    Returns:
        Its columns without ``split``, and ``rule``: the name of the consensus rule, with that of
        the trust update if the rule uses trust, that is if its error in the honest network depends
        on the update. Any other rule is shown under the published update, or the first by
        name; the update may matter to it too, where attackers heed their trust.
    """
    tested = robustness.filter(pl.col("split") == "test")
    sizes = tested.group_by("grid").agg(
        size=pl.struct(*of).n_unique(), width=pl.struct(*NETWORKS).n_unique()
    )
    (grid, *_) = sizes.sort("size", "width", "grid", descending=[True, True, False])["grid"]
    tested = tested.filter(pl.col("grid") == grid).drop("split")
    honest = tested.filter(
        (pl.col("malicious_ratio") == pl.col("malicious_ratio").min()) & (pl.col("metric") == "mae")
    )
    spread = pl.col("value").max() - pl.col("value").min()
    errors = honest.group_by("consensus", "k", "attack").agg(spread=spread)
    uses = pl.col("consensus").is_in(errors.filter(pl.col("spread") > SAME)["consensus"].to_list())
    shown = tested.filter(pl.col("metric").is_in(metrics)).sort(
        *order("attack", ATTACKS), *order("consensus", RULES), *order("trust", UPDATES), "k",
        "malicious_ratio", *order("metric", metrics),
    )  # fmt: skip
    rule, update = (pl.col(name).str.replace_all("_", " ") for name in ("consensus", "trust"))
    return shown.filter(uses | (pl.col("trust") == pl.col("trust").first())).with_columns(
        rule=pl.when(uses).then(pl.format("{} ({})", rule, update)).otherwise(rule)
    )


def order(column: str, first: Sequence[str]) -> tuple[pl.Expr, pl.Expr]:
    """Return sort keys of names: those given come first, in their order, then all by name."""
    place = pl.col(column).replace_strict(
        {name: i for i, name in enumerate(first)}, default=len(first), return_dtype=pl.Int64
    )
    return place, pl.col(column)


def papers(attacks: Sequence[str]) -> list[str]:
    """Return the attacks of robust PoQ among those given; all, if none has its name."""
    return [name for name in attacks if name in ATTACKS] or list(attacks)


def middle(values: pl.Series) -> Any:
    """Return the middle of distinct values, the lower one of two."""
    distinct = values.unique().sort()
    return distinct[(len(distinct) - 1) // 2]


def usual_k(shown: pl.DataFrame) -> int:
    """Return the K that most pairs of rule and attack are played with, of several the middle."""
    pairs = shown.group_by("k").agg(n=pl.struct("rule", "attack").n_unique())
    return int(middle(pairs.filter(pl.col("n") == pl.col("n").max())["k"]))


def looks(shown: pl.DataFrame) -> dict[str, Look]:
    """Return how each rule is drawn, in the order of their first cells."""
    rules = shown.select("rule", "consensus", "trust").unique(
        "rule", keep="first", maintain_order=True
    )
    names = rules["consensus"].unique(maintain_order=True).to_list()
    half = (len(names) + 1) // 2
    shades = style.shades(len(names))
    # Dark and light in turn: rules that stand beside each other differ most.
    turns = [shade for pair in zip_longest(shades[:half], shades[half:]) for shade in pair]
    colors = dict(zip(names, turns, strict=False))
    markers = dict(zip(names, cycle(style.MARKERS), strict=False))
    found = {}
    for name in names:
        updates = rules.filter(pl.col("consensus") == name)["rule"]
        for i, rule in enumerate(updates):
            found[rule] = Look(colors[name], markers[name], LINES[i % len(LINES)], i > 0)
    return found


def curve(panel: Axes, rows: pl.DataFrame, x: str, look: Look, shift: float, label: str) -> None:
    """Draw one rule's values over ``x``, moved aside by ``shift``, with their intervals."""
    defined = rows.drop_nulls("value")
    places = [value + shift for value in defined[x]]
    panel.plot(
        places, defined["value"], color=look.color, linestyle=look.line, linewidth=1.1,
        marker=look.marker, markersize=4.2, markeredgewidth=1.0 if look.hollow else 0.4,
        markerfacecolor="white" if look.hollow else look.color,
        markeredgecolor=look.color if look.hollow else style.INK, label=label,
    )  # fmt: skip
    for at, low, high in zip(places, defined["low"], defined["high"], strict=True):
        style.interval(panel, low, high, at, color=look.color, upright=True)


def curves(
    axes: Sequence[Axes], data: pl.DataFrame, metrics: Mapping[str, str], x: str, *, width: float
) -> None:
    """Draw every rule over ``x``: a row of panels a statistic, a column an attack.

    Args:
        axes: panels, row by row.
        data: rows of :func:`cells`.
        metrics: statistics and their labels, from the first row of panels on.
        x: column of the horizontal axis.
        width: how far the marks of one place spread.
    """
    attacks = data["attack"].unique(maintain_order=True).to_list()
    drawn = looks(data)
    for i, (metric, label) in enumerate(metrics.items()):
        for j, attack in enumerate(attacks):
            panel = axes[i * len(attacks) + j]
            rows = data.filter((pl.col("metric") == metric) & (pl.col("attack") == attack))
            for (rule, look), shift in zip(drawn.items(), shifts(len(drawn), width), strict=True):
                curve(panel, rows.filter(pl.col("rule") == rule), x, look, shift, rule)
            if i == 0:
                panel.set_title(attack.replace("_", " "))
        axes[i * len(attacks)].set_ylabel(label)


def shifts(count: int, width: float) -> list[float]:
    """Return how far each of several series stands aside, so that equal ones can be told apart."""
    return [width * (i - (count - 1) / 2) / max(count - 1, 1) for i in range(count)]


def sample(shown: pl.DataFrame) -> str:
    """Return in words what the statistics of some cells rest on."""
    independent = sorted({f"{value:.1f}" for value in shown["effective_evaluators"]}, key=float)
    ends = independent if len(independent) == 1 else [independent[0], independent[-1]]
    return (
        f"{style.count(shown['nodes'], 'evaluator nodes')}, {' to '.join(ends)} of them "
        f"independent in effect; {style.count(shown['n'], 'replications')} of "
        f"{style.count(shown['rounds'], 'rounds')}"
    )
