import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from poq.consensus.mean import Settings, consensus

MEAN = Settings(kind="mean")
SCORES = st.lists(st.floats(0, 10), min_size=1, max_size=9)


def mean(scores: list[float]) -> float:
    return float(consensus(np.array(scores), MEAN))


@given(SCORES.flatmap(lambda scores: st.tuples(st.just(scores), st.permutations(scores))))
def test_the_order_of_evaluators_does_not_matter(scores: tuple[list[float], list[float]]) -> None:
    given_order, other_order = scores
    assert mean(other_order) == pytest.approx(mean(given_order))


@given(SCORES)
def test_it_lies_among_the_scores(scores: list[float]) -> None:
    assert 0 <= mean(scores) <= 10
    assert min(scores) - 1e-12 <= mean(scores) <= max(scores) + 1e-12


@given(SCORES, st.floats(-10, 10))
def test_it_moves_with_the_scores(scores: list[float], shift: float) -> None:
    moved = mean([score + shift for score in scores])
    assert moved == pytest.approx(mean(scores) + shift, abs=1e-9)
