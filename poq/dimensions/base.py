"""What the quality dimensions share: their settings, and the tables that they are measured on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import polars as pl
from pydantic import Field

from poq.schema import COMPARES_WITH
from poq.settings import Settings

OUTPUT = ("prompt_id", "model")
"""Key of an output."""


class DimensionSettings(Settings):
    """Settings that every dimension has."""

    weight: float = Field(
        1.0, ge=0, description="Weight in the default composite, whose weights are re-normalised."
    )

    def scored_by(self) -> tuple[str, ...]:
        """Return the evaluators whose scores the dimension is made of."""
        return ()

    def compared_by(self) -> str | None:
        """Return the evaluator by whose similarities outputs are compared; None if they are not."""
        return None


class ScoredSettings(DimensionSettings):
    """Settings of dimensions that are made of evaluators' scores."""

    evaluators: tuple[str, ...] = Field(
        min_length=1, description="Names of evaluators, keys of `evaluators`."
    )
    targets: ClassVar[tuple[str, ...]] = COMPARES_WITH.values or ()
    """What the evaluators may compare the output with; anything, unless a kind says otherwise."""
    mixed: ClassVar[bool] = False
    """Some evaluators may see the reference while others do not."""

    def scored_by(self) -> tuple[str, ...]:
        """Return the evaluators whose scores the dimension is made of."""
        return self.evaluators


class ComparedSettings(DimensionSettings):
    """Settings of dimensions that are made of similarities between nodes' outputs."""

    similarity: str = Field(
        description="Evaluator by which two outputs are compared with each other, whatever it "
        "compares outputs with otherwise: a bi_encoder, static_embedding or lexical one with a "
        "fixed scale, which maps raw similarity to [0, 1]."
    )

    def compared_by(self) -> str:
        """Return the evaluator by whose similarities outputs are compared."""
        return self.similarity


@dataclass(frozen=True)
class Inputs:
    """What dimensions are measured on."""

    outputs: pl.DataFrame
    """Table ``outputs`` of all nodes, joined with ``prompts``, one row an output."""
    quality: pl.DataFrame
    """Table ``reference_quality``."""
    references: Mapping[str, str]
    """Task -> the column of ``quality`` that the configuration chose for it."""
    costs: pl.DataFrame
    """Table ``costs``."""
    scores: pl.DataFrame
    """Table ``scores`` of all evaluators that dimensions name."""
    similarities: Mapping[str, pl.DataFrame]
    """Evaluator -> table ``similarities``."""

    def scores_of(self, evaluators: tuple[str, ...]) -> pl.DataFrame:
        """Return the scores that these evaluators gave, in a fixed order."""
        given = pl.col("evaluator").is_in(evaluators) & pl.col("score").is_not_null()
        return self.scores.filter(given).sort(*OUTPUT, "evaluator")

    def similarities_of(self, evaluator: str) -> pl.DataFrame:
        """Return each pair of outputs twice: once for each of the two as ``model``."""
        pairs = self.similarities[evaluator]
        turned = pairs.rename({"model": "other", "other": "model"}).select(pairs.columns)
        return pl.concat([pairs, turned]).sort(*OUTPUT, "other")


def mean_scores(inputs: Inputs, evaluators: tuple[str, ...]) -> pl.DataFrame:
    """Return the mean of evaluators' scores of each output, as ``value`` in [0, 1].

    Over those that scored it: an output that none did has no row.
    """
    scores = inputs.scores_of(evaluators)
    return scores.group_by(OUTPUT, maintain_order=True).agg(value=pl.col("score").mean() / 10)
