"""Cost prior: 1 less the normalised cost of the node for the task.

The cost is that of cost-aware PoQ (arXiv 2512.16317), as a dimension it is ours. It sees
what a node costs, measured alone; it cannot see the output, and says of quality only what cheapness
happens to say. Cost comes from clocks, so it differs from run to run.

Range [0, 1]: 1 the cheapest node of the task, 0 the dearest; 1 for all where all cost the same, a
node that costs nothing too. Null where nothing was measured (``n`` is 0 in table ``costs``: a log
that tells neither cost nor latency), whatever the reward then takes for the cost.
"""

from __future__ import annotations

from typing import Literal

import polars as pl

from poq.dimensions.base import OUTPUT, DimensionSettings, Inputs


class Settings(DimensionSettings):
    """Cheapness of the node, per task."""

    kind: Literal["cost_prior"]


def measure(settings: Settings, inputs: Inputs) -> pl.DataFrame:
    """Return the prior of each output."""
    measured = (pl.col("kind") == "inference") & (pl.col("n") > 0)
    costs = inputs.costs.filter(measured).select("task", model="node", value=1 - pl.col("cost"))
    return inputs.outputs.select(*OUTPUT, "task").join(
        costs, on=["task", "model"], how="left", validate="m:1", maintain_order="left"
    ).drop("task")  # fmt: skip
