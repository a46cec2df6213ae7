import pytest

from poq.consensus.centered_clipping import Settings, consensus


def clipping(threshold: float, steps: int) -> Settings:
    return Settings(kind="centered_clipping", threshold=threshold, steps=steps)


def test_one_step_from_the_median() -> None:
    # median 5; deviations -1, 0, 4 clipped at 1: -1, 0, 1: 5 + 0 / 3
    assert consensus([4.0, 5.0, 9.0], clipping(1, 1)) == 5
    # deviations 0, 0, 4 -> 0, 0, 1: 5 + 1 / 3
    assert consensus([5.0, 5.0, 9.0], clipping(1, 1)) == pytest.approx(5 + 1 / 3)


def test_many_steps_reach_the_estimate_of_huber() -> None:
    # (5 - c) + (5 - c) + 1 = 0 at c = 5.5
    assert consensus([5.0, 5.0, 9.0], clipping(1, 60)) == pytest.approx(5.5)


def test_a_wide_threshold_gives_the_mean() -> None:
    # (0 + 1 + 8) / 3 = 3
    assert consensus([0.0, 1.0, 8.0], clipping(10, 1)) == pytest.approx(3)
