from __future__ import annotations

from typing import Any

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from poq.audit import verdict
from poq.metrics.bootstrap import Estimate
from poq.metrics.correlation import cross_correlations
from poq.streams import stream

ENDS = st.tuples(*[st.floats(-1, 1)] * 3).map(sorted)


@given(ENDS, st.floats(0.01, 1))
def test_a_dimension_and_its_negation_are_never_both_reliable(
    ends: list[float], minimum: float
) -> None:
    low, value, high = ends
    said = verdict(Estimate(value, low, high), minimum)
    negated = verdict(Estimate(-value, -high, -low), minimum)
    assert {said, negated} != {"reliable"}
    if said == "reliable":
        assert negated == "harmful"


@st.composite
def columns(draw: st.DrawFn) -> tuple[Any, Any, list[int]]:
    n = draw(st.integers(2, 12))
    grid = st.lists(st.integers(-3, 3).map(float), min_size=n, max_size=n)
    xs, ys = (pl.DataFrame({str(i): draw(grid) for i in range(2)}) for _ in range(2))
    return xs.to_numpy(), ys.to_numpy(), draw(st.lists(st.integers(0, 3), min_size=n, max_size=n))


@given(columns())
def test_correlations_of_columns_lie_in_range_and_follow_their_columns(
    given_columns: tuple[Any, Any, list[int]],
) -> None:
    xs, ys, prompts = given_columns

    def found(x: Any, y: Any) -> dict[str, Any]:
        return cross_correlations(x, y, prompts, resamples=100, rng=stream(1, "columns"))

    for method, r in found(xs, ys).items():
        known = r[r == r]
        assert ((known >= -1) & (known <= 1)).all()
        swapped = found(xs[:, ::-1], ys)[method][:, ::-1]
        assert ((abs(swapped - r) < 1e-9) | (r != r)).all()
