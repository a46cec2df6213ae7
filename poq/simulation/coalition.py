"""From what size on a coalition of malicious evaluator nodes pays."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import ArrayLike, NDArray

from poq.simulation.statistics import summarize


def break_even(sizes: ArrayLike, profits: ArrayLike) -> NDArray[np.float64]:
    """Return the size from which on a coalition's profit is positive, interpolated linearly.

    Args:
        sizes: numbers of malicious nodes, ascending, shape (S,), at least 1.
        profits: profit of each size in each replication, shape (R, S).

    Returns:
        Shape (R,): where the profit last turns from not positive to positive; the smallest size
        if all profits are positive; NaN if that of the largest size is not.
    """
    size = np.asarray(sizes, dtype=np.float64)
    profit = np.asarray(profits, dtype=np.float64)
    found = np.full(len(profit), np.nan)
    for row, values in enumerate(profit):
        losing = np.flatnonzero(values <= 0)
        if len(losing) == 0:
            found[row] = size[0]
        elif losing[-1] < len(size) - 1:
            i = losing[-1]
            share = values[i] / (values[i] - values[i + 1])
            found[row] = size[i] + share * (size[i + 1] - size[i])
    return found


def break_even_sizes(
    profits: Iterable[tuple[Mapping[str, Any], int, NDArray[np.float64]]], confidence: float
) -> pl.DataFrame:
    """Return the break-even size of the coalition for each group of cells.

    Args:
        profits: keys, number of malicious nodes and profit of each replication, shape (R,), of
            cells; those with the same keys are a group. Cells without a malicious node do not
            count.
        confidence: coverage of the intervals over replications, in (0, 1).

    Returns:
        One row a group: its keys, ``n`` (replications in which the attack pays at the largest
        size), ``value`` (mean number of nodes over these), ``low``, ``high``; null if it never
        pays.
    """
    groups: dict[tuple[Any, ...], dict[int, NDArray[np.float64]]] = defaultdict(dict)
    for keys, malicious, profit in profits:
        sizes = groups[tuple(keys.items())]
        if malicious > 0:
            sizes[malicious] = profit
    found = []
    for items, by_size in groups.items():
        ordered = sorted(by_size)
        columns = [by_size[size] for size in ordered]
        sizes_found = break_even(ordered, np.column_stack(columns)) if columns else np.empty(0)
        found.append((dict(items), {"break_even": sizes_found}))
    return summarize(found, confidence).drop("metric")
