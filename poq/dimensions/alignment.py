"""Query-output alignment: does the output answer what was asked?

The mean score / 10 of evaluators that read the question together with the output, such as a
cross-encoder (relevance) or a model of natural language inference (entailment). Kind from
arXiv 2603.04028, the mean is ours.

It sees whether the output is on the question; it cannot see whether it is right, and models of
relevance prefer an output that repeats the question to a short right answer, which is how the
paper found it harmful. Summarization has no question: there, evaluators compare with the context
or evidence alone, and one that compares with nothing but the question sees an empty text.

Range [0, 1]. An evaluator without a score for an output is left out of its mean; null if none
scored it. An empty output has score 0. Live: no evaluator of it sees a reference.
"""

from __future__ import annotations

from typing import ClassVar, Literal

import polars as pl

from poq.dimensions.base import Inputs, ScoredSettings, mean_scores


class Settings(ScoredSettings):
    """Mean score of evaluators that read the question."""

    kind: Literal["alignment"]
    targets: ClassVar[tuple[str, ...]] = ("question", "question+context", "question+evidence")


def measure(settings: Settings, inputs: Inputs) -> pl.DataFrame:
    """Return the alignment of each output that was scored."""
    return mean_scores(inputs, settings.evaluators)
