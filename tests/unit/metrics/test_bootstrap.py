import numpy as np
import pytest

from poq.metrics.bootstrap import Estimate, expanded, interval, mean_estimate, prompt_counts

nan = float("nan")


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_columns_spell_nan_as_null() -> None:
    assert Estimate(0.5, nan, 1.0).columns("r") == {"r": 0.5, "r_low": None, "r_high": 1.0}


def test_every_resample_draws_as_many_prompts_as_there_are() -> None:
    counts = prompt_counts(7, 500, rng())
    assert counts.shape == (500, 7)
    np.testing.assert_array_equal(counts.sum(axis=1), 7)
    # uniform with replacement: a count has mean 1 and variance 7 * 1/7 * 6/7 = 0.857
    np.testing.assert_allclose(counts.mean(axis=0), 1, atol=0.15)
    assert counts.var() == pytest.approx(6 / 7, abs=0.06)


def test_interval_takes_percentiles() -> None:
    # replicates 0, 1, ..., 100: their 10 % and 90 % quantiles are 10 and 90
    assert interval(50.0, np.arange(101.0), 0.8) == pytest.approx((50, 10, 90))


@pytest.mark.parametrize(
    ("value", "undefined", "expected"),
    [
        (2.0, 1, (2.0, 1.0, 3.0)),  # left out
        (2.0, 3, (2.0, 1.0, 3.0)),  # exactly half
        (2.0, 4, (2.0, nan, nan)),  # more than half
        (nan, 0, (nan, nan, nan)),
    ],
)
def test_undefined_replicates(
    value: float, undefined: int, expected: tuple[float, float, float]
) -> None:
    # quantiles 0 and 1 of the replicates 1, 2, 3, as near as a confidence below 1 comes to them
    replicates = np.array([1.0, 2.0, 3.0] + [nan] * undefined)
    found = interval(value, replicates, 1 - 1e-12)
    assert found == pytest.approx(expected, nan_ok=True)


def test_mean_of_all_rows_whatever_the_size_of_their_prompt() -> None:
    # (1 + 1 + 1 + 5) / 4 = 2; a resample of two prompts is aa: 1, bb: 5, ab: 2
    found = mean_estimate(
        [1, 1, 1, 5], ["a", "a", "a", "b"], resamples=400, confidence=0.95, rng=rng()
    )
    assert found == pytest.approx((2, 1, 5))


@pytest.mark.parametrize(
    ("values", "prompts", "expected"),
    [
        ([], [], (nan, nan, nan)),
        ([3.0], ["a"], (3, nan, nan)),
        ([1.0, 2.0], ["a", "a"], (1.5, nan, nan)),  # one prompt says nothing about others
        ([4.0, 4.0, 4.0], ["a", "b", "c"], (4, 4, 4)),
    ],
    ids=["no row", "one row", "one prompt", "constant"],
)
def test_degenerate_means(
    values: list[float], prompts: list[str], expected: tuple[float, float, float]
) -> None:
    found = mean_estimate(values, prompts, resamples=100, confidence=0.95, rng=rng())
    assert found == pytest.approx(expected, nan_ok=True)


def test_the_generator_is_the_only_randomness() -> None:
    def once() -> Estimate:
        return mean_estimate([1, 2, 4, 8], [1, 2, 3, 4], resamples=100, confidence=0.9, rng=rng(5))

    assert once() == once()


def test_intervals_cover_where_outputs_of_a_prompt_are_alike() -> None:
    """Resampling prompts covers the true mean about as often as claimed; rows do not."""
    prompts = np.repeat(np.arange(30), 6)
    covered = {"prompts": 0, "rows": 0}
    simulation = rng(20251218)
    for _ in range(200):
        difficulty = simulation.normal(0, 1, 30)[prompts]
        values = difficulty + simulation.normal(0, 0.5, len(prompts))  # true mean 0
        for unit, labels in (("prompts", prompts), ("rows", np.arange(len(prompts)))):
            found = mean_estimate(values, labels, resamples=300, confidence=0.9, rng=simulation)
            covered[unit] += found.low <= 0 <= found.high
    # Nominal: 180 of 200. Rows ignore that the variance of the mean is 1/30 + 0.25/180 = 0.0347
    # and take it for 1.25/180 = 0.0069: an interval 2.2 times too short, covering about 54 %.
    assert 165 <= covered["prompts"] <= 195
    assert covered["rows"] <= 140


@pytest.mark.parametrize(
    ("n", "expected"),
    [
        # Student's t of 0.975 is 2.447 for 6 degrees of freedom, 2.120 for 16 (any table of it):
        # 2.447 * sqrt(7 / 6) = 2.643 and 2.120 * sqrt(17 / 16) = 2.185, whose two normal tails
        # are 0.0082 and 0.0289.
        (7, 0.9918),
        (17, 0.9711),
        (100_000, 0.9500),
        (1, 0.95),
        (0, 0.95),
    ],
)
def test_few_prompts_widen_the_tails(n: int, expected: float) -> None:
    assert expanded(0.95, n) == pytest.approx(expected, abs=5e-5)
