from collections.abc import Callable

import numpy as np
import pytest

from poq import kinds

Move = Callable[..., list[float]]


@pytest.fixture
def move() -> Move:
    """Return the weights of a round after an update of some kind, with its settings."""

    def after(
        kind: str, weights: list[float], deviations: list[float], **values: float
    ) -> list[float]:
        module = kinds.load("poq.trust", kind)
        settings = kinds.settings("poq.trust", {"kind": kind, **values})
        changed, deviation = np.array(weights, dtype=float), np.array(deviations)
        typical = float(np.median(deviation)) if module.USES_TYPICAL else 0.0
        module.update(changed, deviation, typical, module.params(settings))
        found: list[float] = changed.tolist()
        return found

    return after
