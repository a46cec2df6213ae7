"""What a weighting is fitted on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Sample:
    """Outputs of known reference quality, their dimensions, and the settings of the choice."""

    values: Floats
    """Dimensions in [0, 1], shape (n, d), NaN where an output lacks one."""
    quality: Floats
    """Reference quality, shape (n,), finite."""
    prompts: NDArray[Any]
    """The prompt of each output, shape (n,)."""
    default: Floats
    """The configuration's weights, shape (d,), not negative."""
    minimum: float
    """Least r of a reliable dimension."""
    resamples: int
    confidence: float
    rng: Callable[[], np.random.Generator]
    """Returns the generator of the intervals, the same one anew at every call."""
