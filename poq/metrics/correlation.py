"""Pearson, Spearman and Kendall correlations with intervals that resample prompts.

The replicates are weighted statistics: a row counts as often as its prompt was drawn, which is
what repeating the row would give. Spearman re-ranks within each resample; Kendall is tau-b.
Undefined correlations (fewer than two rows, a constant variable) are NaN, never 0.
"""

from __future__ import annotations

from collections.abc import Callable

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
    """Return Kendall's tau-b under each row of weights.

    Args:
        x: shape (n,).
        y: shape (n,).
        weights: shape (b, n), or (b, p) if rows share the weight of their prompt.
        prompts: the prompt's column of each row, shape (n,). Pairs are then summed by prompt
            first, which costs a resample p squared steps instead of n squared, and memory that
            grows with n and p squared; signs are whole numbers, so the result is the same to the
            bit.
    """
    size = weights.shape[1]
    order = np.arange(size) if prompts is None else np.argsort(prompts, kind="stable")
    group = order if prompts is None else np.asarray(prompts)[order]
    xs, ys = np.asarray(x)[order], np.asarray(y)[order]
    present, starts = np.unique(group, return_index=True)
    concordant, untied_x, untied_y = (np.zeros((size, size)) for _ in range(3))
    for i, start in enumerate(starts):
        rows = slice(start, starts[i + 1] if i + 1 < len(starts) else len(xs))
        sign_x = np.sign(xs[rows, None] - xs[None, :])
        sign_y = np.sign(ys[rows, None] - ys[None, :])
        pairs = sign_x * sign_y, np.abs(sign_x), np.abs(sign_y)
        for sums, of_rows in zip((concordant, untied_x, untied_y), pairs, strict=True):
            sums[present[i], present] = np.add.reduceat(of_rows.sum(axis=0), starts)

    def total(sums: Floats) -> Floats:
        return np.asarray(((weights @ sums) * weights).sum(axis=1))

    concordance = total(concordant)
    untied = total(untied_x) * total(untied_y)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(untied > 0, np.clip(concordance / np.sqrt(untied), -1, 1), np.nan)


def _midranks(values: Floats, weights: Floats) -> Floats:
    """Return the midrank of each value in each weighted sample, shape (b, n)."""
    _, group = np.unique(values, return_inverse=True)
    sizes = np.zeros((len(weights), group.max() + 1))
    np.add.at(sizes.T, group, weights.T)
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
    values = {
        "pearson": weighted_pearson(xs, ys, once),
        "spearman": weighted_spearman(xs, ys, once),
        "kendall": weighted_kendall(xs, ys, np.ones((1, len(labels))), index),
    }
    if len(labels) < 2:
        return {name: Estimate(float(value[0]), np.nan, np.nan) for name, value in values.items()}
    counts = prompt_counts(len(labels), resamples, rng)
    replicates = {
        "pearson": weighted_pearson(xs, ys, counts[:, index]),
        "spearman": weighted_spearman(xs, ys, counts[:, index]),
        "kendall": weighted_kendall(xs, ys, counts, index),
    }
    return {
        name: interval(float(value[0]), replicates[name], confidence)
        for name, value in values.items()
    }


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
