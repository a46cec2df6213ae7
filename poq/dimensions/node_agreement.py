"""Agreement among nodes: how alike an output is to the other nodes' outputs for the prompt.

The mean similarity (table ``similarities``) to every other node's output. Self-consistency (Wang et
al., 2023) over nodes in place of samples; the formula is ours.

It sees what the other nodes say, and needs no reference; it cannot see whether they are right.
Nodes that run one model agree with each other, so a majority of clones, or of colluding nodes,
makes its own truth; and the one node that knows better stands alone.

Range [0, 1]. An empty output has similarity 0 to all. Null if the prompt has no other output.
"""

from __future__ import annotations

from typing import Literal

import polars as pl

from poq.dimensions.base import OUTPUT, ComparedSettings, Inputs


class Settings(ComparedSettings):
    """Mean similarity to the other nodes' outputs of the same prompt."""

    kind: Literal["node_agreement"]


def measure(settings: Settings, inputs: Inputs) -> pl.DataFrame:
    """Return the agreement of each output with the others."""
    pairs = inputs.similarities_of(settings.similarity)
    return pairs.group_by(OUTPUT, maintain_order=True).agg(value=pl.col("similarity").mean())
