from collections.abc import Sequence

import numpy as np
import pytest

from poq.metrics.bootstrap import Estimate, interval
from poq.metrics.correlation import (
    METHODS,
    correlations,
    cross_correlations,
    pearson_difference,
    weighted_kendall,
)

nan = float("nan")


def correlate(
    x: Sequence[float], y: Sequence[float], prompts: Sequence[str | int] | None = None
) -> dict[str, Estimate]:
    """Correlations with every row its own prompt unless prompts are given."""
    labels = np.arange(len(x)) if prompts is None else np.array(prompts)
    rng = np.random.default_rng(3)
    return correlations(x, y, labels, resamples=200, confidence=0.9, rng=rng)


def values(x: Sequence[float], y: Sequence[float]) -> tuple[float, ...]:
    found = correlate(x, y)
    return tuple(found[name].value for name in ("pearson", "spearman", "kendall"))


def test_permutation_of_ranks() -> None:
    # Pearson and Spearman agree: 1 - 6 * (1 + 1 + 1 + 1) / (5 * 24) = 0.8; Kendall: 8 pairs of 10
    # concordant, 2 discordant.
    assert values([1, 2, 3, 4, 5], [2, 1, 4, 3, 5]) == pytest.approx((0.8, 0.8, 0.6))


def test_ties() -> None:
    # Pearson: sxy = 2, sxx = 2.75, syy = 2. Spearman: midranks 1.5 1.5 3 4 and 1 2.5 2.5 4,
    # sxy = 3.75, sxx = syy = 4.5. Kendall's tau-b: 4 concordant, 1 tie on either side of 6 pairs,
    # 4 / sqrt(5 * 5).
    expected = (2 / np.sqrt(5.5), 3.75 / 4.5, 0.8)
    assert values([1, 1, 2, 3], [1, 2, 2, 3]) == pytest.approx(expected)


def test_monotone_but_not_linear() -> None:
    # Pearson: x -1.5 -0.5 0.5 1.5; y 1 8 27 64 minus 25; sxy = 36 + 8.5 + 1 + 58.5 = 104,
    # sxx = 5, syy = 576 + 289 + 4 + 1521 = 2390
    expected = (104 / np.sqrt(5 * 2390), 1, 1)
    assert values([1, 2, 3, 4], [1, 8, 27, 64]) == pytest.approx(expected)


def test_two_rows_in_opposite_order() -> None:
    assert values([0, 1], [3, 2]) == pytest.approx((-1, -1, -1))


@pytest.mark.parametrize(
    ("x", "y"),
    [
        ([], []),
        ([1], [2]),
        ([5, 5, 5], [1, 2, 3]),
        ([1, 2, 3], [0, 0, 0]),
        ([0.1] * 7, [0.7] * 7),  # whose sums are not exact
    ],
    ids=["no row", "one row", "constant x", "constant y", "both constant"],
)
def test_undefined_is_nan_never_zero(x: list[float], y: list[float]) -> None:
    found = correlate(x, y)
    assert set(found) == set(METHODS)
    assert all(np.isnan(end) for estimate in found.values() for end in estimate)


def test_a_variable_that_varies_by_rounding_is_constant_to_pearson() -> None:
    assert np.isnan(correlate([0.1 + 0.2, 0.3, 0.3], [1, 2, 3])["pearson"].value)


def test_resamples_that_are_constant_are_left_out() -> None:
    # of three prompts, one resample in nine holds one of them thrice; all others give 1
    for estimate in correlate([0, 1, 2], [0, 1, 2]).values():
        assert estimate == pytest.approx((1, 1, 1))


def test_one_prompt_has_no_interval() -> None:
    for estimate in correlate([1, 2, 3], [1, 3, 2], ["a", "a", "a"]).values():
        assert np.isnan(estimate.low)
        assert np.isnan(estimate.high)


def test_interval_resamples_prompts_not_rows() -> None:
    x, y = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0], [2.0, 1.0, 4.0, 3.0, 6.0, 5.0]
    once = correlate(x, y)
    tripled = correlate(x * 3, y * 3, list(range(6)) * 3)
    for name in ("pearson", "spearman"):
        # every prompt three times: the same value and, drawn with the same numbers, the same ends
        assert tripled[name] == pytest.approx(once[name])
    as_rows = correlate(x * 3, y * 3)
    assert as_rows["pearson"].high - as_rows["pearson"].low < (
        once["pearson"].high - once["pearson"].low
    )


def test_estimates_of_perfect_agreement_stay_in_their_range() -> None:
    x = np.arange(7) / 10
    for sign in (1, -1):
        for estimate in correlate(list(x), list(sign * (2 * x + 1))).values():
            assert all(-1 <= end <= 1 for end in estimate)


@pytest.mark.parametrize(
    ("x", "y", "prompts", "message"),
    [
        ([1, 2], [1, 2, 3], [1, 2], "lengths differ: 2 x, 3 y, 2 prompts"),
        ([1, 2], [1, 2], [1, 2, 3], "lengths differ: 2 x, 2 y, 3 prompts"),
        ([1, nan], [1, 2], [1, 2], "finite"),
        ([1, 2], [1, float("inf")], [1, 2], "finite"),
    ],
)
def test_malformed_input_is_refused(
    x: list[float], y: list[float], prompts: list[int], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        correlate(x, y, prompts)


def test_kendall_of_prompt_weights_is_that_of_their_rows_to_the_bit() -> None:
    rng = np.random.default_rng(7)
    x, y = (rng.integers(0, 5, 40).astype(float) for _ in range(2))
    prompts = rng.integers(0, 6, 40)
    counts = rng.integers(0, 3, (50, 6)).astype(float)
    by_row = weighted_kendall(x, y, counts[:, prompts])
    np.testing.assert_array_equal(weighted_kendall(x, y, counts, prompts), by_row)


def difference(first: list[float], second: list[float], prompts: list[int]) -> Estimate:
    rng = np.random.default_rng(3)
    return pearson_difference(
        first, second, [1, 2, 3, 4, 5][: len(first)], prompts,
        resamples=200, confidence=0.9, rng=rng,
    )  # fmt: skip


def test_difference_of_two_correlations_with_one_target() -> None:
    x = [2.0, 1.0, 4.0, 3.0, 5.0]
    # r is 0.8 (see above) for x and -0.8 for its negative: 1.6.
    found = difference(x, [-value for value in x], [0, 1, 2, 3, 4])
    assert found.value == pytest.approx(1.6)
    assert found.low < 1.6 <= found.high
    # Both share their resamples: two equal evaluators never differ.
    assert difference(x, [2 * value for value in x], [0, 1, 2, 3, 4]) == pytest.approx((0, 0, 0))


def test_difference_that_is_undefined_is_nan() -> None:
    constant = difference([1, 2, 3, 4, 5], [7, 7, 7, 7, 7], [0, 1, 2, 3, 4])
    assert np.isnan(constant).all()
    assert np.isnan(difference([1], [2], [0])).all()
    one_prompt = difference([1, 2, 3, 4, 5], [5, 4, 3, 2, 1], [0] * 5)
    assert one_prompt == pytest.approx((2, nan, nan), nan_ok=True)


def test_all_columns_at_once_are_as_each_pair_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(5)
    xs, ys = rng.integers(0, 5, (40, 3)).astype(float), rng.random((40, 2))
    xs[:, 2] = 0.1
    prompts = np.arange(40) % 7
    monkeypatch.setattr("poq.metrics.correlation._BLOCK", 30)  # resamples at a time
    found = cross_correlations(xs, ys, prompts, resamples=200, rng=np.random.default_rng(3))
    assert set(found) == {"pearson", "spearman"}
    for method, r in found.items():
        assert r.shape == (201, 3, 2)
        for i in range(3):
            for j in range(2):
                # The constant column is NaN throughout.
                pair = correlate(list(xs[:, i]), list(ys[:, j]), list(prompts))[method]
                replicated = interval(float(r[0, i, j]), r[1:, i, j], 0.9)
                assert replicated == pytest.approx(pair, nan_ok=True)


@pytest.mark.parametrize("n", [0, 1])
def test_columns_of_too_few_rows_are_undefined(n: int) -> None:
    found = cross_correlations(
        np.ones((n, 2)), np.ones((n, 1)), np.arange(n), resamples=100, rng=np.random.default_rng(3)
    )
    assert all(np.isnan(r).all() and r.shape == (101, 2, 1) for r in found.values())


def test_columns_of_one_prompt_have_values_but_no_replicates() -> None:
    x = np.array([[1.0], [2.0], [3.0]])
    found = cross_correlations(
        x, -x, ["a", "a", "a"], methods=["pearson"], resamples=100, rng=np.random.default_rng(3)
    )
    assert list(found) == ["pearson"]
    assert found["pearson"][0, 0, 0] == pytest.approx(-1)
    assert np.isnan(found["pearson"][1:]).all()


def test_columns_that_do_not_fit_are_refused() -> None:
    x, rng = np.ones((2, 1)), np.random.default_rng(3)
    with pytest.raises(ValueError, match="lengths differ: 2 x, 3 y, 2 prompts"):
        cross_correlations(x, np.ones((3, 1)), [1, 2], resamples=100, rng=rng)
    with pytest.raises(ValueError, match="finite"):
        cross_correlations(x, np.full((2, 1), nan), [1, 2], resamples=100, rng=rng)
