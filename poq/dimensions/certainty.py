"""Certainty: do the nodes say one thing to a prompt, or many?

1 - H / ln(n), with the entropy H of the clusters that the prompt's n outputs fall into: semantic
entropy (Kuhn et al., 2023; Farquhar et al., 2024), over nodes in place of samples, and with a
threshold of similarity in place of mutual entailment. Clusters are connected components: outputs at
least ``threshold`` alike are in one, directly or through others (single linkage), which needs no
order of the outputs, unlike the papers' greedy search; many outputs may chain into one cluster.

A signal of the prompt: all its outputs get the same value. It sees how hard a prompt is for these
nodes; it cannot tell one output of the prompt from another, nor common knowledge from a common
mistake, and nodes that run one model count as often as they are.

Range [0, 1]: 1 if all outputs are in one cluster, 0 if no two are alike. An empty output is alike
to none, not even to another empty one. Null for a prompt with one output.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray
from pydantic import Field

from poq.dimensions.base import OUTPUT, ComparedSettings, Inputs


class Settings(ComparedSettings):
    """One less the normalised entropy of clusters of the prompt's outputs."""

    kind: Literal["certainty"]
    threshold: float = Field(
        0.8, gt=0, le=1, description="Similarity from which on two outputs say the same."
    )


def measure(settings: Settings, inputs: Inputs) -> pl.DataFrame:
    """Return the certainty of each output's prompt."""
    alike = inputs.similarities[settings.similarity].filter(
        pl.col("similarity") >= settings.threshold
    )
    pairs = alike.partition_by("prompt_id", as_dict=True)
    found = []
    for (prompt,), group in inputs.outputs.group_by("prompt_id", maintain_order=True):
        nodes = group["model"].sort()
        linked = pairs.get((prompt,), alike.clear())
        ends = [nodes.search_sorted(linked[side]).to_numpy() for side in ("model", "other")]
        found.append({"prompt_id": prompt, "value": certainty(len(nodes), *ends)})
    prompts = pl.DataFrame(found, schema={"prompt_id": pl.String, "value": pl.Float64})
    return inputs.outputs.select(OUTPUT).join(
        prompts, on="prompt_id", validate="m:1", maintain_order="left"
    )


def certainty(n: int, left: NDArray[np.intp], right: NDArray[np.intp]) -> float | None:
    """Return 1 - H / ln(n) of the connected components of n outputs; None for one output.

    Args:
        n: outputs, from 0.
        left: one output of each pair that is alike, shape (pairs,).
        right: the other.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    if n < 2:
        return None
    graph = coo_array((np.ones(len(left)), (left, right)), shape=(n, n))
    _, cluster = connected_components(graph, directed=False)
    sizes = np.bincount(cluster)
    # 1 - H / ln(n), without the rounding of a difference where no two outputs are alike.
    return float((sizes * np.log(sizes)).sum() / (n * np.log(n)))
