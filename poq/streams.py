"""Named random streams: one seed, as many independent generators as there are names."""

from __future__ import annotations

import numpy as np

from poq.provenance import digest


def stream(seed: int, *names: str) -> np.random.Generator:
    """Return the generator of a named purpose, independent of all other names.

    The same seed and names give the same numbers, whatever else has been drawn before.
    """
    return np.random.default_rng([seed, int(digest(list(names)), 16)])
