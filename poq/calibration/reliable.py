"""The dimensions that the audit calls reliable, by their default weights, re-normalised.

Source: multi-dimensional scoring (arXiv 2603.04028), which audits dimensions and drops those that
are unreliable; by which rule is ours, :func:`poq.audit.verdict`, with the
audit's own resamples. Without any reliable dimension of
positive weight, all weights are 0.
"""

from __future__ import annotations

import numpy as np

from poq.audit import verdict
from poq.calibration.composite import Floats, normalized
from poq.calibration.sample import Sample
from poq.metrics.shared import SharedCorrelations


def fit(sample: Sample) -> Floats:
    """Return weights, shape (d,)."""
    names = [str(i) for i in range(len(sample.default))]
    audited = SharedCorrelations(
        dict(zip(names, sample.values.T, strict=True)),
        sample.quality,
        sample.prompts,
        resamples=sample.resamples,
        confidence=sample.confidence,
        rng=sample.rng,
    )
    verdicts = [verdict(audited.estimate(name), sample.minimum) for name in names]
    return normalized(np.where(np.array(verdicts, dtype=str) == "reliable", sample.default, 0.0))
