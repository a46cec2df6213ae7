"""Pearson, Spearman and Kendall correlations with intervals that resample prompts.

The replicates are weighted statistics: a row counts as often as its prompt was drawn, which is
what repeating the row would give. Spearman re-ranks within each resample; Kendall is tau-b.
Undefined correlations (fewer than two rows, a constant variable) are NaN, never 0.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

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
    return _block_midranks(_groups(values), weights.T).T


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
    xs, ys, labels, index = _checked(x, y, prompts)
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


def _checked(
    x: ArrayLike, y: ArrayLike, prompts: ArrayLike
) -> tuple[Floats, Floats, NDArray[Any], NDArray[np.intp]]:
    """Return both sides as arrays, the distinct prompts, and the prompt of each row by index.

    Raises:
        ValueError: the lengths differ or a value is not finite.
    """
    xs, ys = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    labels, index = np.unique(np.asarray(prompts), return_inverse=True)
    if not len(xs) == len(ys) == len(index):
        raise ValueError(f"lengths differ: {len(xs)} x, {len(ys)} y, {len(index)} prompts")
    if not (np.isfinite(xs).all() and np.isfinite(ys).all()):
        raise ValueError("correlations need finite values; found NaN or infinity")
    return xs, ys, labels, index


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
    x, y, labels, index = _checked(xs, ys, prompts)
    shape = (1 + resamples, x.shape[1], y.shape[1])
    found = {method: np.full(shape, np.nan) for method in methods}
    if len(x) < 2:
        return found
    counts = np.ones((1, len(labels)))
    if len(labels) > 1:
        counts = np.vstack([counts, prompt_counts(len(labels), resamples, rng)])
    for method in methods:
        found[method][: len(counts)] = _CROSSED[method](x, y, index, counts)
    return found


def _cross_pearson(x: Floats, y: Floats, prompts: NDArray[np.intp], counts: Floats) -> Floats:
    """Return r of all pairs of columns, shape (b, d, r), from the moments of each prompt.

    What :func:`weighted_pearson` gives up to rounding, in a time that hardly grows with n.
    """
    dx, dy = x - x.mean(axis=0), y - y.mean(axis=0)
    dxy = (dx[:, :, None] * dy[:, None, :]).reshape(len(x), -1)
    parts = (np.ones((len(x), 1)), dx, dy, dx * dx, dy * dy, dxy)
    moments = np.hstack(parts)
    by_prompt = np.zeros((counts.shape[1], moments.shape[1]))
    np.add.at(by_prompt, prompts, moments)
    ends = np.cumsum([part.shape[1] for part in parts])[:-1]
    n, sx, sy, sxx, syy, sxy = np.split(counts @ by_prompt, ends, axis=1)
    var_x, flat_x = _spread(x, n, sx, sxx)
    var_y, flat_y = _spread(y, n, sy, syy)
    cov = sxy.reshape(len(counts), dx.shape[1], -1) - (sx / n)[:, :, None] * sy[:, None, :]
    with np.errstate(invalid="ignore", divide="ignore"):
        r = np.clip(cov / np.sqrt(var_x[:, :, None] * var_y[:, None, :]), -1, 1)
    return np.where(flat_x[:, :, None] | flat_y[:, None, :], np.nan, r)


def _spread(
    values: Floats, n: Floats, sums: Floats, squares: Floats
) -> tuple[Floats, NDArray[np.bool_]]:
    """Return sums of squared distances from the weighted mean, (b, c), and if they are 0."""
    spread = squares - sums * sums / n
    # Rounding leaves constants a remainder: compare with what was subtracted, and the data's scale.
    eps = 64 * np.finfo(np.float64).eps
    tiny = np.maximum(eps * squares, eps**2 * n * np.square(values).max(axis=0))
    return spread, spread <= tiny


def _cross_spearman(x: Floats, y: Floats, prompts: NDArray[np.intp], counts: Floats) -> Floats:
    """Return rho of all pairs of columns, shape (b, d, r), equal to :func:`weighted_spearman`.

    Resamples lie side by side in memory, in blocks that stay in the processor's cache. Midranks are
    halves of whole numbers, so that all sums are exact.
    """
    found = np.empty((len(counts), x.shape[1], y.shape[1]))
    groups_x, groups_y = ([_groups(column) for column in side.T] for side in (x, y))
    for start in range(0, len(counts), _BLOCK):
        block = slice(start, start + _BLOCK)
        weights = np.ascontiguousarray(counts[block].T)[prompts]
        n = weights.sum(axis=0)
        middle = n * np.square((n + 1) / 2)
        ranks_y = [_block_midranks(groups, weights) for groups in groups_y]
        syy = [np.einsum("nb,nb,nb->b", weights, r, r) - middle for r in ranks_y]
        for i, groups in enumerate(groups_x):
            ranks = _block_midranks(groups, weights)
            weighed = weights * ranks
            sxx = np.einsum("nb,nb->b", weighed, ranks) - middle
            for j, others in enumerate(ranks_y):
                spread = sxx * syy[j]
                with np.errstate(invalid="ignore", divide="ignore"):
                    rho = (np.einsum("nb,nb->b", weighed, others) - middle) / np.sqrt(spread)
                found[block, i, j] = np.where(spread > 0, np.clip(rho, -1, 1), np.nan)
    return found


_BLOCK = 128
_CROSSED = {"pearson": _cross_pearson, "spearman": _cross_spearman}
_Groups = tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.intp]]


def _groups(values: Floats) -> _Groups:
    """Return the ascending order, where in it equal values begin, and the group of each value."""
    order = np.argsort(values, kind="stable")
    _, starts = np.unique(values[order], return_index=True)
    _, group = np.unique(values, return_inverse=True)
    return order, starts, group


def _block_midranks(groups: _Groups, weights: Floats) -> Floats:
    """Return the midrank of each value, shape (n, b), under weights of that shape."""
    order, starts, group = groups
    sizes = np.add.reduceat(weights[order], starts, axis=0)
    return np.asarray((np.cumsum(sizes, axis=0) - (sizes - 1) / 2)[group])


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
