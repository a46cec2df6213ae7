"""Mean consensus: the average of the sampled scores.

Source: the baseline rule of robust PoQ (arXiv 2601.21189). Breakdown point 0: a single evaluator
moves it by up to 10 / K.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from poq.settings import Settings as BaseSettings


class Settings(BaseSettings):
    """The plain average; nothing to set."""

    kind: Literal["mean"]


def consensus(scores: NDArray[np.float64], settings: Settings) -> NDArray[np.float64]:
    """Return the consensus of K scores, shape (..., K) -> (...), in [0, 10].

    Raises:
        ValueError: K is 0.
    """
    if scores.shape[-1] == 0:
        raise ValueError("a consensus needs at least one score")
    return np.asarray(scores.mean(axis=-1))
