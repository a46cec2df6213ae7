from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import stats

from poq.metrics.correlation import METHODS, correlations

Floats = NDArray[np.float64]
REFERENCE = {
    "pearson": stats.pearsonr,
    "spearman": stats.spearmanr,
    "kendall": stats.kendalltau,
}
EVERY = pytest.mark.parametrize("method", METHODS)
BY_RANK = pytest.mark.parametrize("method", ["spearman", "kendall"])


@st.composite
def samples(draw: st.DrawFn) -> tuple[Floats, Floats, Floats]:
    """Two variables on a coarse grid (with ties), and how often each row counts."""
    n = draw(st.integers(3, 12))
    grid = st.lists(st.integers(-8, 8), min_size=n, max_size=n)
    x, y = (np.array(draw(grid), dtype=np.float64) / 4 for _ in range(2))
    weights = np.array(draw(st.lists(st.integers(0, 4), min_size=n, max_size=n)), dtype=float)
    return x, y, weights


def value(method: str, x: Floats, y: Floats, weights: Floats | None = None) -> float:
    rows = np.ones(len(x)) if weights is None else weights
    return float(METHODS[method](x, y, rows[None, :])[0])


def same(found: float, expected: float) -> bool:
    return found == pytest.approx(expected, abs=1e-9, nan_ok=True)


@EVERY
@given(samples())
def test_weights_are_repeated_rows(method: str, sample: tuple[Floats, Floats, Floats]) -> None:
    x, y, weights = sample
    times = weights.astype(int)
    repeated: tuple[Any, Any] = np.repeat(x, times), np.repeat(y, times)
    if min(len(set(variable.tolist())) for variable in repeated) < 2:
        assert np.isnan(value(method, x, y, weights))
    else:
        assert same(value(method, x, y, weights), REFERENCE[method](*repeated).statistic)


@EVERY
@given(samples(), st.floats(0.01, 100), st.floats(-100, 100))
def test_affine_maps_and_exchange_change_nothing(
    method: str, sample: tuple[Floats, Floats, Floats], slope: float, shift: float
) -> None:
    x, y, weights = sample
    found = value(method, x, y, weights)
    assert same(value(method, slope * x + shift, y, weights), found)
    assert same(value(method, y, x, weights), found)


@EVERY
@given(samples())
def test_negation_flips_the_sign(method: str, sample: tuple[Floats, Floats, Floats]) -> None:
    x, y, weights = sample
    assert same(value(method, -x, y, weights), -value(method, x, y, weights))


@BY_RANK
@given(samples())
def test_monotone_maps_do_not_change_ranks(
    method: str, sample: tuple[Floats, Floats, Floats]
) -> None:
    x, y, weights = sample
    assert same(value(method, np.exp(x), y**3, weights), value(method, x, y, weights))


@given(samples(), st.integers(1, 5))
def test_intervals_are_ordered_and_in_range(
    sample: tuple[Floats, Floats, Floats], n_prompts: int
) -> None:
    x, y, _ = sample
    assume(min(len(set(x)), len(set(y))) > 1)
    found = correlations(
        x, y, np.arange(len(x)) % n_prompts,
        resamples=100, confidence=0.9, rng=np.random.default_rng(0),
    )  # fmt: skip
    for estimate in found.values():
        assert abs(estimate.value) <= 1 + 1e-12
        assert np.isnan(estimate.low) == np.isnan(estimate.high)
        assert np.isnan(estimate.low) or -1 - 1e-12 <= estimate.low <= estimate.high <= 1 + 1e-12
