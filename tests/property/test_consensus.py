"""What every consensus rule must do, whatever the scores."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from poq import kinds

RULES = kinds.names("poq.consensus")
FAR = 1e6
Rated = list[tuple[float, float]]
# multiples of 1/8 and of 1/4: ties happen, and sums are exact
RATED = st.lists(
    st.tuples(st.integers(0, 80).map(lambda n: n / 8), st.integers(1, 8).map(lambda n: n / 4)),
    min_size=1,
    max_size=9,
)
each_rule = pytest.mark.parametrize("rule", RULES)


def settings(rule: str) -> Any:
    return kinds.settings("poq.consensus", {"kind": rule})


def consensus(rule: str, scores: Any, weights: Any = None) -> float:
    return float(kinds.load("poq.consensus", rule).consensus(scores, settings(rule), weights))


def tolerated(rule: str, k: int) -> int:
    found: int = kinds.load("poq.consensus", rule).tolerated(k, settings(rule))
    return found


@each_rule
@given(data=st.data())
def test_the_order_of_evaluators_does_not_matter(rule: str, data: st.DataObject) -> None:
    rated: Rated = data.draw(RATED)
    other: Rated = data.draw(st.permutations(rated))
    assert consensus(rule, *zip(*other, strict=True)) == pytest.approx(
        consensus(rule, *zip(*rated, strict=True)), abs=1e-9
    )


@each_rule
@given(rated=RATED)
def test_it_lies_among_the_scores(rule: str, rated: Rated) -> None:
    scores, weights = zip(*rated, strict=True)
    assert min(scores) - 1e-12 <= consensus(rule, scores, weights) <= max(scores) + 1e-12


@each_rule
@given(rated=RATED, shift=st.integers(-80, 80).map(lambda n: n / 8))
def test_it_moves_with_the_scores(rule: str, rated: Rated, shift: float) -> None:
    scores, weights = zip(*rated, strict=True)
    moved = consensus(rule, [score + shift for score in scores], weights)
    assert moved == pytest.approx(consensus(rule, scores, weights) + shift, abs=1e-9)


@each_rule
@given(score=st.floats(0, 10), weights=st.lists(st.floats(0.1, 2), min_size=1, max_size=9))
def test_where_all_agree_that_is_the_consensus(
    rule: str, score: float, weights: list[float]
) -> None:
    assert consensus(rule, [score] * len(weights), weights) == pytest.approx(score, abs=1e-9)


@each_rule
@given(rated=RATED, scale=st.sampled_from([0.25, 2.0, 16.0]))
def test_only_shares_of_trust_count(rule: str, rated: Rated, scale: float) -> None:
    scores, weights = zip(*rated, strict=True)
    scaled = [weight * scale for weight in weights]
    assert consensus(rule, scores, scaled) == pytest.approx(consensus(rule, scores, weights))


@each_rule
@given(honest=st.lists(st.floats(0, 10), min_size=1, max_size=9), data=st.data())
def test_it_withstands_what_it_tolerates(
    rule: str, honest: list[float], data: st.DataObject
) -> None:
    """However far away, tolerated scores leave it among the others, but for a bounded push."""
    most = max(m for m in range(10) if tolerated(rule, len(honest) + m) >= m)
    bad = data.draw(st.lists(st.sampled_from([-FAR, FAR]), min_size=most, max_size=most))
    found = consensus(rule, [*honest, *bad])
    slack = getattr(settings(rule), "threshold", 0.0)
    assert min(honest) - slack - 1e-9 <= found <= max(honest) + slack + 1e-9


@each_rule
@pytest.mark.parametrize("k", range(1, 12))
def test_one_more_than_it_tolerates_breaks_it(rule: str, k: int) -> None:
    """The breakdown point is reached: one more low score and it is anywhere."""
    bad = tolerated(rule, k) + 1
    scores = [5.0] * (k - bad) + [-FAR] * bad
    assert consensus(rule, scores) < -FAR / k / 2


@given(
    honest=st.lists(st.floats(0, 10), min_size=1, max_size=5),
    trust=st.lists(st.floats(0.1, 2), min_size=5, max_size=5),
    bad=st.lists(st.sampled_from([-FAR, FAR]), min_size=1, max_size=5),
)
def test_a_minority_of_trust_does_not_move_the_weighted_median_away(
    honest: list[float], trust: list[float], bad: list[float]
) -> None:
    good = trust[: len(honest)]
    weights = [*good, *[0.99 * sum(good) / len(bad)] * len(bad)]
    found = consensus("trust_weighted_median", [*honest, *bad], weights)
    assert min(honest) <= found <= max(honest)


@given(
    honest=st.lists(st.floats(0, 10), min_size=1, max_size=5),
    trust=st.lists(st.floats(0.1, 2), min_size=5, max_size=5),
    bad=st.integers(1, 5),
)
def test_a_minority_of_stake_cannot_lift_yuma(
    honest: list[float], trust: list[float], bad: int
) -> None:
    good = trust[: len(honest)]
    weights = [*good, *[0.99 * sum(good) / bad] * bad]
    assert consensus("yuma", [*honest, *[FAR] * bad], weights) <= max(honest) + 1e-9
    majority = [*good, *[1.01 * sum(good) / bad] * bad]
    assert consensus("yuma", [*honest, *[FAR] * bad], majority) > FAR / 10


def test_many_rounds_at_once_are_the_rounds_one_by_one() -> None:
    rng = np.random.default_rng(0)
    scores, weights = rng.uniform(0, 10, (4, 3, 6)), rng.uniform(0.1, 2, (4, 3, 6))
    for rule in RULES:
        module = kinds.load("poq.consensus", rule)
        together = module.consensus(scores, settings(rule), weights)
        assert together.shape == (4, 3)
        for i in np.ndindex(4, 3):
            assert together[i] == pytest.approx(consensus(rule, scores[i], weights[i]), abs=1e-12)
