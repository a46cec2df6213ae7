"""The order of inference nodes by mean reward as the weight of cost grows against that of quality,
for each task and for all rounds pooled.

**How to read it.** One line is one inference node, the best on top. At the left edge quality alone
counts, at the right edge cost alone; names stand at both. The order depends on beta / alpha alone:
two nodes swap where it equals the difference of their mean quality over that of their mean cost,
marked with a diamond. The dashed line is the ratio that this run pays by. A node whose line never
crosses another is better or cheaper at any weights.

**Intervals.** The bars are confidence intervals of the ratio of a swap, resampling prompts of the
test split and cut off at 0, below which there is no swap. A hollow diamond means that the two nodes
swap at a positive ratio in less than 95 % of the resamples.

**What it cannot show.** Ranks hide how close nodes are: see the rewards themselves. Quality is the
consensus of the run's evaluators, not reference quality. The lines are drawn at the means; where
bars overlap, the order in between is not sure.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from itertools import cycle, pairwise
from math import inf
from typing import TYPE_CHECKING, Any

import polars as pl

from poq.figures import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TITLE = "Whom does a higher weight of cost favour?"
TABLES = ("rewards", "reward_flips", "reward_study")
SHIFTS = (0, -0.16, 0.16)
"""How far from the middle swaps of the same two ranks stand, so that their bars part."""
TICKS = (0, 0.1, 0.3, 1, 3, 10, inf)


def data(tables: Mapping[str, pl.DataFrame], references: Mapping[str, str]) -> pl.DataFrame:
    """Return one row a panel, inference node and stretch of beta / alpha in which its rank stays.

    The references play no part: nodes are paid for consensus, not for reference quality.

    Returns:
        ``task`` (or "pooled"), ``node``, ``start``, ``end`` (the stretch of beta / alpha; ``end``
        null for no end), ``rank`` (1 earns most; of equal ones the cheaper, then the first by
        name), ``n_prompts``, ``own`` (beta / alpha of the run, null for alpha = 0), and of the
        pair whose swap begins the stretch ``swaps_with``, ``low``, ``high`` (interval of
        ``start``) and ``flip_share``, null at the start of all. Sorted by panel, node, start.
    """
    rewards = tables["rewards"].filter(pl.col("kind") == "inference")
    flips = tables["reward_flips"].filter((pl.col("kind") == "inference") & (pl.col("ratio") > 0))
    weights = tables["reward_study"].filter("own").row(0, named=True)
    own = weights["beta"] / weights["alpha"] if weights["alpha"] else None
    rows: list[dict[str, Any]] = []
    for (task,), nodes in rewards.group_by("task", maintain_order=True):
        swaps = flips.filter(pl.col("task") == task).sort("ratio", "dearer", "cheaper").to_dicts()
        ends = sorted({0.0, *(swap["ratio"] for swap in swaps)})
        stretches = [*pairwise(ends), (ends[-1], None)]
        ranks = [_ranks(nodes, start, end) for start, end in stretches]
        for node in nodes["node"]:
            for i, (start, end) in enumerate(stretches):
                if i and ranks[i][node] == ranks[i - 1][node]:
                    rows[-1]["end"] = end
                    continue
                pair = ("dearer", "cheaper")
                swap = next(
                    (s for s in swaps if s["ratio"] == start and node in (s[k] for k in pair)), {}
                )
                others = [swap[k] for k in pair if swap and swap[k] != node]
                rows.append(
                    {
                        "task": task,
                        "node": node,
                        "start": start,
                        "end": end,
                        "rank": ranks[i][node],
                        "n_prompts": nodes["n_prompts"].max(),
                        "own": own,
                        "swaps_with": others[0] if others else None,
                        "low": swap.get("ratio_low"),
                        "high": swap.get("ratio_high"),
                        "flip_share": swap.get("flip_share"),
                    }
                )
    floats = ("end", "own", "low", "high", "flip_share")
    types = {**dict.fromkeys(floats, pl.Float64), "swaps_with": pl.String}
    frame = pl.DataFrame(rows, schema_overrides=types, infer_schema_length=None)
    return frame.sort(style.PANEL_ORDER, "node", "start")


def draw(data: pl.DataFrame) -> Figure:
    """Return one panel a task and one pooled, with the frame that :func:`data` describes."""
    tasks = data["task"].unique(maintain_order=True)
    nodes = data["node"].unique().sort().to_list()
    looks = dict(zip(nodes, zip(style.shades(len(nodes)), cycle(style.MARKERS)), strict=False))
    note = (
        "Left: reward is quality alone; right: cost alone. Lines cross where two nodes earn the "
        "same; bars: confidence interval of that ratio,\nresampling prompts of the test split, "
        "cut at 0; hollow: they swap in less than 95 % of resamples. Dashed: the run's own "
        "weights."
    )
    with style.theme():
        figure, axes = style.panels(
            len(tasks), 1, width=9, height=1.2 + 0.3 * len(nodes), note=note, sharex=True
        )
        for panel, task in zip(axes, tasks, strict=True):
            rows = data.filter(pl.col("task") == task)
            for (node,), stretches in rows.group_by("node", maintain_order=True):
                color, marker = looks[str(node)]
                starts = [_place(start) for start in stretches["start"]]
                ranks = stretches["rank"].to_list()
                panel.plot(
                    [*starts, 1], [*ranks, ranks[-1]], drawstyle="steps-post", color=color,
                    linewidth=1.6, label="_line",
                )  # fmt: skip
                style.mark(panel, 0, ranks[0], marker=marker, color=color)
                style.mark(panel, 1, ranks[-1], marker=marker, color=color)
            falls = rows.with_columns(before=pl.col("rank").shift().over("node")).filter(
                pl.col("before") < pl.col("rank")
            )
            crowded: Counter[float] = Counter()
            for row in falls.sort("start").iter_rows(named=True):
                between = (row["before"] + row["rank"]) / 2
                _swap(panel, row, between + SHIFTS[crowded[between] % len(SHIFTS)])
                crowded[between] += 1
            own = rows["own"][0]
            if own is not None:
                panel.axvline(_place(own), color=style.INK, linestyle="--", linewidth=1)
            first = rows.filter(pl.col("start") == 0).sort("rank")
            last = rows.filter(pl.col("end").is_null()).sort("rank")
            panel.set_yticks(first["rank"], first["node"])
            panel.set(xlim=(-0.015, 1.015), ylim=(len(first) + 0.6, 0.4))
            panel.set_ylabel("inference node,\nthe best on top")
            right = panel.secondary_yaxis("right")
            right.set_yticks(last["rank"], last["node"])
            panel.set_xticks([_place(tick) for tick in TICKS], [_text(tick) for tick in TICKS])
            panel.tick_params(labelbottom=True)
            panel.grid(visible=False, axis="y")
            panel.set_title(f"{task}: {style.count(rows['n_prompts'], 'prompts')}")
        axes[-1].set_xlabel("beta / alpha: how much cost weighs against quality")
        style.heading(figure, axes[0], TITLE)
    return figure


def _ranks(nodes: pl.DataFrame, start: float, end: float | None) -> dict[str, int]:
    """Return each node's rank inside a stretch of beta / alpha, where none swaps."""
    ratio = start + 1 if end is None else (start + end) / 2
    ordered = nodes.with_columns(paid=pl.col("quality") - ratio * pl.col("cost")).sort(
        "paid", "cost", "node", descending=[True, False, False]
    )
    return {node: i + 1 for i, node in enumerate(ordered["node"])}


def _place(ratio: float) -> float:
    """Return where beta / alpha stands: its share beta / (alpha + beta), in [0, 1]."""
    return 1.0 if ratio == inf else ratio / (1 + ratio)


def _text(ratio: float) -> str:
    return "cost\nalone" if ratio == inf else "0\n(quality alone)" if ratio == 0 else f"{ratio:g}"


def _swap(panel: Axes, row: dict[str, Any], y: float) -> None:
    if row["low"] is not None and row["high"] is not None:
        ends = (_place(max(row["low"], 0)), _place(row["high"]))
        style.interval(panel, *ends, y, color=style.INK)
    sure = row["flip_share"] is not None and row["flip_share"] >= style.SURE
    style.mark(panel, _place(row["start"]), y, marker="D", color=style.LIGHT, hollow=not sure)
