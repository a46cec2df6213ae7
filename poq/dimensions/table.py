"""All dimensions of all outputs in one table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl

from poq import kinds
from poq.dimensions.base import OUTPUT, Inputs


def measure_dimensions(dimensions: Mapping[str, Mapping[str, Any]], inputs: Inputs) -> pl.DataFrame:
    """Return every output's quality in every dimension (table ``dimensions``).

    Args:
        dimensions: name -> settings, with their ``kind``.
        inputs: what they are measured on.
    """
    table = inputs.outputs.select(*OUTPUT, "task", "split").sort(OUTPUT)
    for name, values in dimensions.items():
        settings = kinds.settings("poq.dimensions", values)
        measured = kinds.load("poq.dimensions", values["kind"]).measure(settings, inputs)
        signals = [column for column in measured.columns if column not in (*OUTPUT, "value")]
        named = {"value": name} | {signal: f"{name}.{signal}" for signal in signals}
        table = table.join(
            measured.rename(named), on=OUTPUT, how="left", validate="1:1", maintain_order="left"
        )
    # Sums of floats may pass the ends of the range by a rounding.
    return table.with_columns(pl.col(pl.Float64).clip(0, 1))
