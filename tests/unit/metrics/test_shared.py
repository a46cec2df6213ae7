from functools import partial

import numpy as np
import pytest

from poq.metrics.bootstrap import expanded
from poq.metrics.correlation import correlations, pearson_difference
from poq.metrics.shared import SharedCorrelations

nan = float("nan")
EXPANDED = expanded(0.9, 5)
X = [2.0, 1.0, 4.0, 3.0, 5.0]
Y = [1.0, 2.0, 3.0, 4.0, 5.0]


def shared(
    variables: dict[str, list[float]], prompts: list[int] | None = None
) -> SharedCorrelations:
    return SharedCorrelations(
        variables, Y, prompts or [0, 1, 2, 3, 4],
        resamples=200, confidence=0.9, rng=partial(np.random.default_rng, 3),
    )  # fmt: skip


def test_an_estimate_is_that_of_one_pair() -> None:
    found = shared({"a": X, "b": X[::-1]})
    alone = correlations(
        X, Y, range(5), resamples=200, confidence=EXPANDED, rng=np.random.default_rng(3)
    )
    for method in ("pearson", "spearman"):
        assert found.estimate("a", method) == pytest.approx(alone[method])
    # A permutation of ranks: 1 - 6 * (1 + 1 + 1 + 1) / (5 * 24) = 0.8.
    assert found.estimate("a").value == pytest.approx(0.8)
    assert found.size("a") == (5, 5)


def test_a_difference_is_paired() -> None:
    found = shared({"a": X, "b": [-x for x in X], "double": [2 * x for x in X]})
    alone = pearson_difference(
        X,
        [-x for x in X],
        Y,
        range(5),
        resamples=200,
        confidence=EXPANDED,
        rng=np.random.default_rng(3),
    )
    assert found.difference("a", "b") == pytest.approx(alone)
    # Shared resamples: what agrees in each of them never differs.
    assert found.difference("a", "double") == pytest.approx((0, 0, 0))


def test_a_difference_is_on_the_rows_that_both_have() -> None:
    found = shared({"a": [9.0, 1.0, 2.0, 3.0, 4.0], "b": [nan, 4.0, 3.0, 2.0, 1.0]})
    assert found.size("b") == (4, 4)
    assert found.estimate("a").value < 0
    # On the last four rows a rises with the target (r = 1), and b falls (r = -1).
    assert found.difference("a", "b").value == pytest.approx(2)


def test_undefined_is_nan_never_zero() -> None:
    found = shared({"a": X, "flat": [0.3] * 5, "none": [nan] * 5, "one": [1.0, *[nan] * 4]})
    for name in ("flat", "none", "one"):
        assert np.isnan(found.estimate(name)).all()
        assert np.isnan(found.difference("a", name)).all()
    assert found.size("none") == (0, 0)


def test_one_prompt_has_no_interval() -> None:
    found = shared({"a": X, "b": [-x for x in X]}, [7] * 5)
    assert found.estimate("a") == pytest.approx((0.8, nan, nan), nan_ok=True)
    assert found.difference("a", "b") == pytest.approx((1.6, nan, nan), nan_ok=True)
