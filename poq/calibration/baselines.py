"""What composites are compared with: a consensus of all evaluators on every output.

Unlike in a round of Proof of Quality, no evaluators are sampled: all that scored an output count.
"""

from __future__ import annotations

from functools import partial

import numpy as np
from numpy.typing import NDArray

from poq.consensus import mean, median, trust_weighted_mean
from poq.trust import published

Floats = NDArray[np.float64]

RULES = {
    "mean": partial(mean.consensus, settings=mean.Settings(kind="mean")),
    "median": partial(median.consensus, settings=median.Settings(kind="median")),
    "trust_weighted_mean": partial(
        trust_weighted_mean.consensus,
        settings=trust_weighted_mean.Settings(kind="trust_weighted_mean"),
    ),
}
"""Consensus rules; of equally good ones the first counts as the best."""


def consensus(rule: str, scores: Floats, weights: Floats) -> Floats:
    """Return the consensus on each output, in [0, 10].

    Args:
        rule: one of :data:`RULES`.
        scores: shape (n, K), in [0, 10], NaN where an evaluator gave none.
        weights: trust of the evaluators, shape (K,), positive.

    Returns:
        Shape (n,); NaN for an output without any score.
    """
    found = np.full(len(scores), np.nan)
    has = np.isfinite(scores)
    for able in np.unique(has, axis=0):
        if able.any():
            rows = (has == able).all(axis=1)
            found[rows] = RULES[rule](scores[rows][:, able], weights=weights[able])
    return found


def trust(scores: Floats) -> Floats:
    """Return the evaluators' trust after one pass over outputs, shape (K,).

    By the published update with its default settings; every output is a round of the trust-weighted
    mean in which all that scored it take part. It saturates: after many outputs all of whose scores
    lie near each other, every evaluator stands at the cap, and the rule is the mean.

    Args:
        scores: shape (n, K), in the order of the rounds, NaN where an evaluator gave none.
    """
    settings = published.Settings(kind="published")
    weights = np.full(scores.shape[1], settings.initial)
    for row in scores:
        able = np.isfinite(row)
        if able.any():
            own = weights[able]
            agreed = RULES["trust_weighted_mean"](row[able], weights=own)
            published.update(own, np.abs(row[able] - agreed) / 10, 0.0, published.params(settings))
            weights[able] = own
    return weights
