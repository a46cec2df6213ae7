from collections.abc import Callable
from functools import partial

import numpy as np
import pytest

from poq.calibration.sample import Sample

Samples = Callable[..., Sample]


@pytest.fixture
def sample() -> Samples:
    """Make a sample of dimensions (rows) for outputs of one prompt each."""

    def make(
        *dimensions: list[float], quality: list[float], default: list[float] | None = None
    ) -> Sample:
        return Sample(
            np.array(dimensions, dtype=float).T,
            np.array(quality),
            np.arange(len(quality)),
            np.array(default or [1.0] * len(dimensions)),
            minimum=0.1,
            resamples=200,
            confidence=0.9,
            rng=partial(np.random.default_rng, 1),
        )

    return make
