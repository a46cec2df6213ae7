"""What all attacks share.

A module has ``manipulate(score, own, standing, peer, revealed, average, draw, params)``, which
returns the score that a malicious evaluator node reports, in [0, 10]:

- ``score``: what it would report if it were honest;
- ``own``: whether the inference node of the round belongs to its coalition;
- ``standing``: its trust as a share of the cap of the trust update;
- ``peer``: the score of the honest node that reported first in this round, NaN if there is none;
- ``revealed``: the same of the last round that had one; 5 before there was any;
- ``average``: the mean consensus of all rounds so far; 5 in the first round;
- ``draw``: a random number of the kind ``DRAWS``.

``params(settings)`` gives its numbers; ``effort(settings)`` the share of its evaluation cost that
an attacker bears; ``renews_below(settings, initial)`` the trust below which it comes back as a new
node with the initial trust, and ``fee(settings)`` what that costs. ``manipulate`` is plain Python:
:mod:`poq.simulation.kernel` compiles it, the reference calls it.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from poq.settings import Settings

Floats = NDArray[np.float64]
Draws = Literal["nothing", "uniform", "normal"]
"""``uniform`` on [0, 1); ``normal`` with mean 0 and standard deviation 1."""


def never(settings: Settings, initial: float) -> float:
    """Return the trust below which a node that keeps its identity gives it up."""
    return 0.0


def full_effort(settings: Settings) -> float:
    """Return the share of the cost of a node that evaluates before it manipulates."""
    return 1.0


def no_fee(settings: Settings) -> float:
    """Return the cost of identities for a node that needs no new one."""
    return 0.0
