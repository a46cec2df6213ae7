"""Pearson, Spearman and Kendall correlations with intervals that resample prompts.

The replicates are weighted statistics: a row counts as often as its prompt was drawn, which is
what repeating the row would give. Spearman re-ranks within each resample; Kendall is tau-b.
Undefined correlations (fewer than two rows, a constant variable) are NaN, never 0.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from poq.metrics.bootstrap import Estimate, interval, prompt_counts

Floats = NDArray[np.float64]


def weighted_pearson(x: Floats, y: Floats, weights: Floats) -> Floats:
    """Return Pearson's r under each row of weights.

    Args:
        x: shape (n,), or (b, n) for values that differ by resample (ranks).
        y: as x.
        weights: non-negative, shape (b, n).

    Returns:
        Shape (b,); NaN where x or y is constant under the weights.
    """
    total = weights.sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        dx = x - ((weights * x).sum(axis=1) / total)[:, None]
        dy = y - ((weights * y).sum(axis=1) / total)[:, None]
        sxy, sxx, syy = ((weights * p).sum(axis=1) for p in (dx * dy, dx * dx, dy * dy))
        # Rounding leaves constants a variance of about 1e-32: compare with the scale of the data.
        tiny = (64 * np.finfo(np.float64).eps) ** 2 * total
        flat = (sxx <= tiny * np.square(x).max()) | (syy <= tiny * np.square(y).max())
        # Rounding can pass the bounds by one unit in the last place.
        return np.where(flat, np.nan, np.clip(sxy / np.sqrt(sxx * syy), -1, 1))


def weighted_spearman(x: Floats, y: Floats, weights: Floats) -> Floats:
    """Return Spearman's rho (Pearson's r of the midranks) under each row of weights."""
    return weighted_pearson(_midranks(x, weights), _midranks(y, weights), weights)


def weighted_kendall(
    x: Floats, y: Floats, weights: Floats, prompts: NDArray[np.intp] | None = None
) -> Floats:
    """Return Kendall's tau-b under each row of weights; memory grows with n squared.

    Args:
        x: shape (n,).
        y: shape (n,).
        weights: shape (b, n), or (b, p) if rows share the weight of their prompt.
        prompts: the prompt's column of each row, shape (n,). Pairs are then summed by prompt
            first, which costs a resample p squared steps instead of n squared; signs are whole
            numbers, so the result is the same to the bit.
    """
    sign_x = np.sign(x[:, None] - x[None, :])
    sign_y = np.sign(y[:, None] - y[None, :])
    member = None if prompts is None else np.eye(weights.shape[1])[prompts]

    def total(pairs: Floats) -> Floats:
        if member is not None:
            pairs = member.T @ pairs @ member
        return np.asarray(((weights @ pairs) * weights).sum(axis=1))

    concordance = total(sign_x * sign_y)
    untied = total(np.abs(sign_x)) * total(np.abs(sign_y))
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(untied > 0, np.clip(concordance / np.sqrt(untied), -1, 1), np.nan)


def _midranks(values: Floats, weights: Floats) -> Floats:
    """Return the midrank of each value in each weighted sample, shape (b, n)."""
    _, group = np.unique(values, return_inverse=True)
    order = np.argsort(group, kind="stable")
    starts = np.searchsorted(group[order], np.arange(group.max() + 1))
    sizes = np.add.reduceat(weights[:, order], starts, axis=1)
    ranks = np.cumsum(sizes, axis=1) - (sizes - 1) / 2
    return np.asarray(ranks[:, group])


METHODS: dict[str, Callable[[Floats, Floats, Floats], Floats]] = {
    "pearson": weighted_pearson,
    "spearman": weighted_spearman,
    "kendall": weighted_kendall,
}


def correlations(
    x: ArrayLike,
    y: ArrayLike,
    prompts: ArrayLike,
    *,
    resamples: int,
    confidence: float,
    rng: np.random.Generator,
) -> dict[str, Estimate]:
    """Return each of :data:`METHODS` between x and y, with an interval over prompts.

    Args:
        x: shape (n,), finite.
        y: shape (n,), finite.
        prompts: the prompt of each row, shape (n,).
        resamples: number of bootstrap resamples.
        confidence: coverage of the interval, in (0, 1).
        rng: the only source of randomness.

    Returns:
        Method name -> estimate in [-1, 1]; NaN for fewer than two rows or a constant variable,
        an interval of NaN for one prompt.

    Raises:
        ValueError: the lengths differ or a value is not finite.
    """
    xs, ys = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    labels, index = np.unique(np.asarray(prompts), return_inverse=True)
    if not len(xs) == len(ys) == len(index):
        raise ValueError(f"lengths differ: {len(xs)} x, {len(ys)} y, {len(index)} prompts")
    if not (np.isfinite(xs).all() and np.isfinite(ys).all()):
        raise ValueError("correlations need finite values; found NaN or infinity")
    if len(xs) < 2:
        return dict.fromkeys(METHODS, Estimate(np.nan, np.nan, np.nan))
    once = np.ones((1, len(xs)))
    if len(labels) < 2:
        return {
            name: Estimate(float(method(xs, ys, once)[0]), np.nan, np.nan)
            for name, method in METHODS.items()
        }
    counts = prompt_counts(len(labels), resamples, rng)
    replicates = {
        "pearson": weighted_pearson(xs, ys, counts[:, index]),
        "spearman": weighted_spearman(xs, ys, counts[:, index]),
        "kendall": weighted_kendall(xs, ys, counts, index),
    }
    return {
        name: interval(float(method(xs, ys, once)[0]), replicates[name], confidence)
        for name, method in METHODS.items()
    }


def cross_correlations(
    xs: ArrayLike,
    ys: ArrayLike,
    prompts: ArrayLike,
    *,
    methods: Sequence[str] = ("pearson", "spearman"),
    resamples: int,
    rng: np.random.Generator,
) -> dict[str, Floats]:
    """Return correlations of every column of xs with every column of ys, on shared resamples.

    For many variables over the same rows, where :func:`correlations` would draw and rank anew for
    every pair. :func:`poq.metrics.bootstrap.interval` turns a pair's replicates into its estimate.

    Args:
        xs: shape (n, d), finite.
        ys: shape (n, r), finite.
        prompts: the prompt of each row, shape (n,).
        methods: of :data:`METHODS`, "pearson" and "spearman".
        resamples: number of bootstrap resamples, of prompts.
        rng: the only source of randomness.

    Returns:
        Method name -> shape (1 + resamples, d, r): the value, then its replicates. NaN for fewer
        than two rows or a constant variable; replicates are NaN for one prompt.

    Raises:
        ValueError: the lengths differ or a value is not finite.
    """
    x, y = np.asarray(xs, dtype=np.float64), np.asarray(ys, dtype=np.float64)
    labels, index = np.unique(np.asarray(prompts), return_inverse=True)
    if not len(x) == len(y) == len(index):
        raise ValueError(f"lengths differ: {len(x)} x, {len(y)} y, {len(index)} prompts")
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        raise ValueError("correlations need finite values; found NaN or infinity")
    shape = (1 + resamples, x.shape[1], y.shape[1])
    found = {method: np.full(shape, np.nan) for method in methods}
    if len(x) < 2:
        return found
    counts = np.ones((1, len(labels)))
    if len(labels) > 1:
        counts = np.vstack([counts, prompt_counts(len(labels), resamples, rng)])
    step = max(1, _AT_ONCE // (len(x) * (x.shape[1] + y.shape[1])))
    for start in range(0, len(counts), step):
        weights = counts[start : start + step, index]
        for method in methods:
            left, right = (
                _stacked_midranks(side, weights) if method == "spearman" else side
                for side in (x, y)
            )
            found[method][start : start + len(weights)] = _cross_pearson(left, right, weights)
    return found


_AT_ONCE = 1 << 22
"""Numbers of an array over resamples, rows and columns: 32 MiB."""


def _stacked_midranks(values: Floats, weights: Floats) -> Floats:
    """Return midranks, shape (b, n, columns)."""
    return np.stack([_midranks(column, weights) for column in values.T], axis=-1)


def _cross_pearson(x: Floats, y: Floats, weights: Floats) -> Floats:
    """Return r of all pairs of columns under each row of weights, shape (b, d, r).

    As :func:`weighted_pearson`, with x of shape (n, d) or (b, n, d), and y likewise.
    """
    total = weights.sum(axis=1)[:, None]
    (dx, sxx, flat_x), (dy, syy, flat_y) = (_spread(v, weights, total) for v in (x, y))
    sxy = np.swapaxes(weights[..., None] * dx, 1, 2) @ dy
    with np.errstate(invalid="ignore", divide="ignore"):
        r = np.clip(sxy / np.sqrt(sxx[:, :, None] * syy[:, None, :]), -1, 1)
    return np.where(flat_x[:, :, None] | flat_y[:, None, :], np.nan, r)


def _spread(
    values: Floats, weights: Floats, total: Floats
) -> tuple[Floats, Floats, NDArray[np.bool_]]:
    """Return distances from the mean (b, n, c), sums of their squares (b, c), if they are 0."""
    each = np.broadcast_to(values, (len(weights), *values.shape[-2:]))
    centred = each - (np.einsum("bn,bnc->bc", weights, each) / total)[:, None]
    squares = np.einsum("bn,bnc->bc", weights, centred**2)
    tiny = (64 * np.finfo(np.float64).eps) ** 2 * total
    return centred, squares, squares <= tiny * np.square(values).max(axis=-2)


def pearson_difference(
    first: ArrayLike,
    second: ArrayLike,
    y: ArrayLike,
    prompts: ArrayLike,
    *,
    resamples: int,
    confidence: float,
    rng: np.random.Generator,
) -> Estimate:
    """Return r(first, y) - r(second, y), with an interval from resamples that both share.

    Args:
        first: shape (n,), finite.
        second: as ``first``.
        y: as ``first``.
        prompts: the prompt of each row, shape (n,).
        resamples: number of bootstrap resamples.
        confidence: coverage of the interval, in (0, 1).
        rng: the only source of randomness.

    Returns:
        The difference in [-2, 2]; NaN where either correlation is undefined, an interval of NaN
        for one prompt.
    """
    a, b, target = (np.asarray(values, dtype=np.float64) for values in (first, second, y))
    labels, index = np.unique(np.asarray(prompts), return_inverse=True)
    if len(a) < 2:
        return Estimate(np.nan, np.nan, np.nan)
    counts = np.vstack([np.ones(len(labels)), prompt_counts(len(labels), resamples, rng)])[:, index]
    found = weighted_pearson(a, target, counts) - weighted_pearson(b, target, counts)
    if len(labels) < 2:
        return Estimate(float(found[0]), np.nan, np.nan)
    return interval(float(found[0]), found[1:], confidence)
