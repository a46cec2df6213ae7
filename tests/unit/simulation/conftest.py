from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from poq import kinds
from poq.rewards import RewardSettings
from poq.simulation.pool import Pool
from poq.simulation.settings import Cell

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
