from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import polars as pl
import pytest

from poq import kinds
from poq.rewards import RewardSettings
from poq.simulation.pool import Pool
from poq.simulation.settings import Cell
from tests.conftest import Frames

Played = Callable[..., tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]]
MakeCell = Callable[..., Cell]


def setting(package: str, kind: str, **values: Any) -> Any:
    return kinds.settings(f"poq.{package}", {"kind": kind, **values})


@pytest.fixture
def make_cell() -> MakeCell:
    """Make a cell; kinds are given by name or as settings."""

    def make(
        consensus: Any = "mean", trust: Any = "published", attack: Any = "boosting", **values: Any
    ) -> Cell:
        named = {"consensus": consensus, "trust": trust, "attack": attack}
        packages = {"consensus": "consensus", "trust": "trust", "attack": "attacks"}
        chosen = {
            key: setting(packages[key], value) if isinstance(value, str) else value
            for key, value in named.items()
        }
        defaults: dict[str, Any] = {
            "rounds": 60,
            "replications": 2,
            "seed": 3,
            "reward": RewardSettings(alpha=1, beta=0.3),
            "malicious_ratio": 0.4,
            "evaluators_per_round": 5,
        }
        return Cell(**chosen, **(defaults | values))

    return make


@pytest.fixture
def pool() -> Pool:
    """Eleven nodes of five evaluators; seven prompts of two tasks, three inference nodes."""
    rng = np.random.default_rng(0)
    quality = rng.uniform(0, 1, (7, 3))
    errors = rng.normal(0, 1.5, (7, 3, 5))
    return Pool(
        scores=np.clip(10 * quality[..., None] + errors, 0, 10),
        quality=quality,
        task=np.array([0, 1, 0, 1, 0, 1, 0]),
        inference_costs=rng.uniform(0, 1, (2, 3)),
        evaluator_costs=rng.uniform(0, 1, (2, 5)),
        inference_nodes=("m1", "m2", "m3"),
        evaluators=("e1", "e2", "e3", "e4", "e5"),
        evaluator_of=np.arange(5),
        noise=np.zeros(5),
    ).with_nodes(11)


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
