import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from poq.scaling import MIDPOINT, to_scores

VALUES = st.floats(-1e6, 1e6)


@given(st.lists(VALUES, min_size=1, max_size=20), VALUES, VALUES)
def test_scores_are_bounded_and_monotone(raw: list[float], low: float, high: float) -> None:
    ordered = np.sort(np.array(raw))
    low, high = min(low, high), max(low, high)
    score = to_scores(ordered, np.full(len(raw), low), np.full(len(raw), high))
    assert ((score >= 0) & (score <= 10)).all()
    assert (np.diff(score) >= 0).all()
    if low == high:
        assert (score == MIDPOINT).all()
    else:
        assert (score[ordered <= low] == 0).all()
        assert (score[ordered >= high] == 10).all()
