import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from poq.metrics.bootstrap import Estimate, mean_estimate

ROWS = st.lists(st.tuples(st.integers(0, 5), st.floats(0, 1)), min_size=2, max_size=20)


def estimate(rows: list[tuple[int, float]]) -> Estimate:
    prompts, values = zip(*rows, strict=True)
    rng = np.random.default_rng(0)
    return mean_estimate(values, prompts, resamples=100, confidence=0.9, rng=rng)


@given(ROWS)
def test_the_interval_lies_among_the_values(rows: list[tuple[int, float]]) -> None:
    found = estimate(rows)
    values = [value for _, value in rows]
    assert found.value == pytest.approx(np.mean(values))
    if len({prompt for prompt, _ in rows}) == 1:
        assert np.isnan(found.low)
        assert np.isnan(found.high)
    else:
        assert min(values) - 1e-12 <= found.low <= found.high <= max(values) + 1e-12


@given(ROWS)
def test_the_order_of_rows_does_not_matter(rows: list[tuple[int, float]]) -> None:
    assert estimate(rows[::-1]) == pytest.approx(estimate(rows), nan_ok=True)
