from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from poq import kinds

Report = Callable[..., float]
SITUATION = {
    "own": False,
    "standing": 1.0,
    "peer": 4.0,
    "revealed": 7.0,
    "average": 5.5,
    "draw": 0.0,
}


@pytest.fixture
def report() -> Report:
    """Return what an attacker of some kind reports; the situation can be varied."""

    def reported(
        kind: str, score: float, settings: dict[str, Any] | None = None, **now: Any
    ) -> float:
        module: ModuleType = kinds.load("poq.attacks", kind)
        chosen = kinds.settings("poq.attacks", {"kind": kind, **(settings or {})})
        situation = SITUATION | now
        return float(module.manipulate(score, *situation.values(), np.array(module.params(chosen))))

    return reported
