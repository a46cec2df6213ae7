"""Semantic quality: how near the output's meaning is to the reference, or to the context.

The mean score / 10 of the named evaluators. One dimension compares with the reference, or with what
a live network has (the context), never with both. Kind from arXiv 2603.04028, the mean is ours.

It sees as much of meaning as its evaluators do: embeddings see the topic and miss negation and
wrong names; near the context is also what copies it. Evaluators on fitted scales weigh by their
spread. It cannot see whether the question was asked.

Range [0, 1]. An evaluator without a score for an output is left out of its mean; null if none
scored it. An empty output has score 0.
"""

from __future__ import annotations

from typing import ClassVar, Literal

import polars as pl

from poq.dimensions.base import Inputs, ScoredSettings, mean_scores


class Settings(ScoredSettings):
    """Mean score of evaluators that compare with the reference, or with the context."""

    kind: Literal["semantic"]
    targets: ClassVar[tuple[str, ...]] = (
        "reference", "context", "question+context", "question+evidence",
    )  # fmt: skip


def measure(settings: Settings, inputs: Inputs) -> pl.DataFrame:
    """Return the semantic quality of each output that was scored."""
    return mean_scores(inputs, settings.evaluators)
