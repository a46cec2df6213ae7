"""Correlations of many variables with one target, all on the same resamples of prompts.

Differences between any two of them are paired: on resamples that both share. A missing value (NaN)
leaves its row out; a difference is taken on the rows that both variables have. Verdicts hang on the
ends of these intervals, also where prompts are few: they are expanded percentile intervals
(:func:`poq.metrics.bootstrap.expanded`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from poq.metrics.bootstrap import Estimate, expanded, interval
from poq.metrics.correlation import Floats, cross_correlations

Mask = NDArray[np.bool_]


class Size(NamedTuple):
    """Rows that a correlation rests on, and their prompts."""

    n: int
    n_prompts: int


class SharedCorrelations:
    """Variables that are set against one target."""

    def __init__(
        self,
        variables: Mapping[str, ArrayLike],
        target: ArrayLike,
        prompts: ArrayLike,
        *,
        resamples: int,
        confidence: float,
        rng: Callable[[], np.random.Generator],
    ) -> None:
        """Keep what is to be compared; nothing is computed yet.

        Args:
            variables: name -> values, shape (n,), NaN where missing.
            target: shape (n,), finite.
            prompts: the prompt of each row, shape (n,).
            resamples: number of bootstrap resamples.
            confidence: coverage of the intervals, in (0, 1).
            rng: returns the same generator anew at every call, so that all variables with values
                in the same rows share their resamples.
        """
        self._variables = {k: np.asarray(v, dtype=np.float64) for k, v in variables.items()}
        self._rows = {name: np.isfinite(values) for name, values in self._variables.items()}
        self._target = np.asarray(target, dtype=np.float64)
        self._prompts = np.asarray(prompts)
        self._resamples, self._confidence, self._rng = resamples, confidence, rng
        self._found: dict[tuple[str, str, bytes], Floats] = {}

    def size(self, name: str) -> Size:
        """Return how many rows and prompts a variable's correlation rests on."""
        return self._size(self._rows[name])

    def estimate(self, name: str, method: str = "pearson") -> Estimate:
        """Return a variable's correlation with the target, by "pearson" or "spearman".

        In [-1, 1]; NaN for fewer than two rows or a constant variable, an interval of NaN for one
        prompt.
        """
        rows = self._rows[name]
        return self._interval(self._replicates(method, name, rows), rows)

    def difference(self, name: str, other: str) -> Estimate:
        """Return Pearson's r of a variable less that of another, on the rows that both have.

        In [-2, 2]; NaN where either is undefined, an interval of NaN for one prompt.
        """
        rows = self._rows[name] & self._rows[other]
        ours, theirs = (self._replicates("pearson", key, rows) for key in (name, other))
        return self._interval(ours - theirs, rows)

    def _size(self, rows: Mask) -> Size:
        return Size(int(rows.sum()), len(np.unique(self._prompts[rows])))

    def _interval(self, found: Floats, rows: Mask) -> Estimate:
        coverage = expanded(self._confidence, self._size(rows).n_prompts)
        return interval(float(found[0]), found[1:], coverage)

    def _replicates(self, method: str, name: str, rows: Mask) -> Floats:
        """Return the correlation on some rows, then that of each resample; shape (1 + b,)."""
        key = rows.tobytes()
        if (method, name, key) not in self._found:
            # At once for all variables that have just these rows: they share most of the work.
            names = sorted({name, *(n for n, own in self._rows.items() if own.tobytes() == key)})
            found = cross_correlations(
                np.column_stack([self._variables[n][rows] for n in names]),
                self._target[rows, None],
                self._prompts[rows],
                methods=(method,),
                resamples=self._resamples,
                rng=self._rng(),
            )[method]
            self._found |= {(method, n, key): found[:, i, 0] for i, n in enumerate(names)}
        return self._found[method, name, key]
