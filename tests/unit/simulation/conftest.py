from __future__ import annotations

from collections.abc import Callable

import polars as pl
import pytest

from tests.conftest import Frames

Played = Callable[..., tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]]


@pytest.fixture
def played(frame: Frames) -> Played:
    """Tables rounds, ratings and costs of given consensus values by (prompt, model).

    One evaluator "e" of cost 0 rates every round at the consensus itself.
    """

    def build(
        consensus: dict[tuple[str, str], float], cost: dict[str, float]
    ) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
        prompts, models = map(list, zip(*consensus, strict=True))
        values, index = [*consensus.values()], [*range(len(consensus))]
        keys = {"prompt_id": prompts, "model": models, "task": "qa"}
        rounds = frame("rounds", round=index, consensus=values, **keys)
        ratings = frame("ratings", round=index, evaluator="e", score=values, deviation=0.0)
        kinds = ["inference"] * len(cost) + ["evaluator"]
        costs = frame("costs", node=[*cost, "e"], kind=kinds, task="qa", cost=[*cost.values(), 0.0])
        return rounds, ratings, costs

    return build
